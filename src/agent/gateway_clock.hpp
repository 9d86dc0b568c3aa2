// What time it is at a gateway, by its last reply.
#pragma once

#include <optional>

#include "base/clock.hpp"

namespace sluice::agent {

/// From the monotonic clock: what becomes of this machine's own wall clock does not matter.
class GatewayClock {
 public:
  /// A reply that said `gw_time` (seconds), to what was sent at `sent`; taken to be of the middle.
  void learn(double gw_time, TimePoint sent, TimePoint received) {
    offset_ = gw_time - seconds((sent + (received - sent) / 2).time_since_epoch());
  }
  /// A moment of here in the gateway's clock, seconds; nullopt until it has replied.
  std::optional<double> at(TimePoint moment) const {
    if (!offset_) return std::nullopt;
    return *offset_ + seconds(moment.time_since_epoch());
  }

 private:
  std::optional<double> offset_;
};

}  // namespace sluice::agent
