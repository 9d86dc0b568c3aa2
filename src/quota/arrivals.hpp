// How many requests the whole gateway takes, whoever sends them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "quota/account.hpp"

namespace sluice::quota {

/// So many a second over time, and never more than `most` in one. Lock-free, any thread.
class Arrivals {
 public:
  Arrivals() = default;  // no limit
  /// 0 is no limit, of both together.
  Arrivals(double per_second, double most) {
    if (per_second <= 0) per_second = most;
    if (most <= 0) most = per_second;
    if (per_second <= 0) return;
    per_second = std::min(per_second, most);
    per_minute_ = std::max<int64_t>(std::llround(per_second * 60), 1);
    // What may come at once; the rest of a second's share comes after it.
    burst_ = std::max<int64_t>(std::llround(most - per_second), 1);
  }

  /// nullopt: it is let in. Else how long until one would be.
  std::optional<Duration> enter(TimePoint now) {
    if (per_minute_ == 0) return std::nullopt;
    return meter_.spend(1, 1, per_minute_, burst_, now);
  }
  /// It was let in here and refused elsewhere.
  void give_back(TimePoint now) {
    if (per_minute_ != 0) meter_.correct(-1, per_minute_, now);
  }

 private:
  int64_t per_minute_ = 0;
  int64_t burst_ = 0;
  RateMeter meter_;
};

}  // namespace sluice::quota
