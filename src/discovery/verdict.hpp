// Whether a service counts as well, from checks that sometimes fail for no good reason.
#pragma once

#include <cstdint>

namespace sluice::discovery {

/// Plain state. The first check decides alone; after that it takes so many in a row to change.
class Verdict {
 public:
  enum class State : uint8_t { kUnknown, kHealthy, kUnhealthy };

  /// True when the state has changed by this check.
  bool add(bool well, int healthy_after, int unhealthy_after);

  State state() const { return state_; }
  bool healthy() const { return state_ == State::kHealthy; }

 private:
  State state_ = State::kUnknown;
  int against_ = 0;  // checks in a row that speak against the state
};

}  // namespace sluice::discovery
