#include "workers/declines.hpp"

#include <algorithm>

namespace sluice::workers {

using State = route::Breaker::State;

bool Declines::lets_through(size_t route, TimePoint now) const {
  return routes_[route].breaker.lets_through(now);
}

bool Declines::enter(size_t route, TimePoint now) { return routes_[route].breaker.enter(now); }

void Declines::answered(size_t route, TimePoint now, bool probe) {
  Route& asked = routes_[route];
  asked.breaker.succeeded(now, probe);
  if (asked.breaker.state(now) == State::kClosed) asked.refused = 0;
  answered_ = true;
}

void Declines::not_served(size_t route, TimePoint now, uint64_t random, bool probe) {
  routes_[route].breaker.failed(now, false, random, probe);
}

bool Declines::refused(size_t route, TimePoint now, bool probe) {
  Route& asked = routes_[route];
  asked.breaker.gone(probe);  // the next may be the probe, unless this one is judged
  if (asked.refused < kDoubtful) ++asked.refused;
  return asked.refused == kDoubtful || asked.breaker.state(now) != State::kClosed;
}

void Declines::gone(size_t route, bool probe) { routes_[route].breaker.gone(probe); }

void Declines::judged(size_t route, bool guilty, TimePoint now, uint64_t random) {
  Route& asked = routes_[route];
  if (!guilty) {
    asked.refused = 0;
  } else if (asked.breaker.state(now) != State::kOpen) {
    asked.breaker.failed(now, true, random);
  }
}

bool Declines::any(TimePoint now) const {
  return std::ranges::any_of(
      routes_, [now](const Route& each) { return each.breaker.state(now) != State::kClosed; });
}

}  // namespace sluice::workers
