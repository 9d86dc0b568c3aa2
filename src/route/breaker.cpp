#include "route/breaker.hpp"

#include <algorithm>

namespace sluice::route {

bool Breaker::lets_through(TimePoint now) const {
  if (now < rest_until_) return false;
  return !open_ || (!probing_ && now >= open_until_);
}

bool Breaker::enter(TimePoint now) {
  if (!open_ || probing_) return false;
  probing_ = true;
  probe_since_ = now;
  return true;
}

void Breaker::succeeded(TimePoint now, bool probe) {
  if (open_) {
    if (!probe) return;
    open_ = probing_ = false;
    recovered_ = now;
    forget();
    return;
  }
  note(false);
  in_row_ = 0;
  if (openings_ > 0 && now >= recovered_ + kSlowStart) openings_ = 0;
}

void Breaker::failed(TimePoint now, bool refused, uint64_t random, bool probe) {
  if (open_) {
    if (probe) open(now, random);
    return;
  }
  note(true);
  ++in_row_;
  const bool too_many = seen_ == kWindow && failed_ * 2 >= kWindow;
  if (refused || in_row_ >= kFailuresInRow || too_many) open(now, random);
}

void Breaker::gone(bool probe) {
  if (probe) probing_ = false;
}

void Breaker::rest(TimePoint until) { rest_until_ = std::max(rest_until_, until); }

Breaker::State Breaker::state(TimePoint now) const {
  if (!open_) return State::kClosed;
  return probing_ || now >= open_until_ ? State::kHalfOpen : State::kOpen;
}

TimePoint Breaker::free_at() const {
  if (!open_) return rest_until_;
  return std::max(rest_until_, probing_ ? probe_since_ + kFirstRest : open_until_);
}

double Breaker::share(TimePoint now) const {
  if (openings_ == 0) return 1;
  if (open_) return kFirstShare;
  const double passed = seconds(now - recovered_) / seconds(kSlowStart);
  return std::clamp(kFirstShare + (1 - kFirstShare) * passed, kFirstShare, 1.0);
}

bool Breaker::spotless(TimePoint now) const {
  return !open_ && failed_ == 0 && openings_ == 0 && now >= rest_until_;
}

void Breaker::note(bool failure) {
  if (seen_ == kWindow) {
    failed_ -= failures_[next_] ? 1 : 0;
  } else {
    ++seen_;
  }
  failures_[next_] = failure;
  failed_ += failure ? 1 : 0;
  next_ = (next_ + 1) % kWindow;
}

void Breaker::forget() { seen_ = next_ = failed_ = in_row_ = 0; }

void Breaker::open(TimePoint now, uint64_t random) {
  constexpr uint8_t kDoublings = 5;  // 1 s becomes 32 s, which is more than the longest
  const Duration rest = std::min(kFirstRest * (1 << std::min(openings_, kDoublings)), kLongestRest);
  if (openings_ < kDoublings) ++openings_;
  // Up to a quarter less, so that gateways which saw one failure do not probe at one moment.
  const auto quarter = static_cast<uint64_t>(rest.count()) / 4;
  open_until_ = now + rest - Duration(static_cast<int64_t>(random % (quarter + 1)));
  open_ = true;
  probing_ = false;
  forget();
}

}  // namespace sluice::route
