#include "base/clock.hpp"

#include <fmt/format.h>

#include <ctime>

namespace sluice {

int64_t wall_nanos() {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

std::string rfc3339(int64_t wall_nanos) {
  const time_t secs = wall_nanos / 1'000'000'000;
  const auto millis = static_cast<int>(wall_nanos % 1'000'000'000 / 1'000'000);
  tm utc{};
  gmtime_r(&secs, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
}

std::string rfc3339_of_seconds(int64_t unix_seconds) {
  const time_t secs = unix_seconds;
  tm utc{};
  gmtime_r(&secs, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace sluice
