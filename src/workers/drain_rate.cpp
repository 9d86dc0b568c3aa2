#include "workers/drain_rate.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::workers {

namespace {

// Longer waits are of no interest, and do not fit everywhere.
constexpr double kLongest = 24.0 * 3600;

}  // namespace

void DrainRate::waited_for(TimePoint now) {
  if (watching_) return;
  watching_ = true;
  since_ = now;
}

void DrainRate::pass(TimePoint now) {
  watching_ = false;
  const double passed = std::max(0.0, seconds(now - since_));
  const double kept = std::max(std::exp(-passed / seconds(kMemory)), 1 - 1 / kFewest);
  grants_ *= kept;
  seconds_ = seconds_ * kept + passed;
  since_ = now;
}

void DrainRate::granted(TimePoint now) {
  if (!watching_) return;
  pass(now);
  grants_ += 1;
}

void DrainRate::given_up(TimePoint now) {
  if (watching_) pass(now);
}

std::optional<Duration> DrainRate::time_for(int64_t places, TimePoint now) const {
  if (grants_ == 0) return std::nullopt;
  // A queue that stands still gets slower at once, and not only with its next grant.
  const double standing = watching_ ? std::max(0.0, seconds(now - since_)) : 0;
  const double each = std::max(seconds_ / grants_, (seconds_ + standing) / (grants_ + 1));
  const double whole = std::min(each * static_cast<double>(places), kLongest);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(whole));
}

bool DrainRate::stale(TimePoint now) const { return !watching_ && now - since_ > kStale; }

}  // namespace sluice::workers
