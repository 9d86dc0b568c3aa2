// Time. Deadlines and durations use the monotonic clock; what people read uses the wall clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Monotonic now. About 25 ns; on a loop prefer net::Loop::now(), which is read once a wake-up.
inline TimePoint now() { return std::chrono::steady_clock::now(); }

/// Nanoseconds since the Unix epoch.
int64_t wall_nanos();

/// RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z.
std::string rfc3339(int64_t wall_nanos);
/// Of Unix seconds, from year 0 to 9999, where nanoseconds would end in 2262: 2026-01-02T03:04:05Z.
std::string rfc3339_of_seconds(int64_t unix_seconds);

inline double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace sluice
