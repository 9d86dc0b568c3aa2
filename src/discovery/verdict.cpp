#include "discovery/verdict.hpp"

namespace sluice::discovery {

bool Verdict::add(bool well, int healthy_after, int unhealthy_after) {
  const State seen = well ? State::kHealthy : State::kUnhealthy;
  if (seen == state_) {
    against_ = 0;
    return false;
  }
  ++against_;
  if (state_ != State::kUnknown && against_ < (well ? healthy_after : unhealthy_after)) {
    return false;
  }
  state_ = seen;
  against_ = 0;
  return true;
}

}  // namespace sluice::discovery
