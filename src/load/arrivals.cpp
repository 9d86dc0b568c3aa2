#include "load/arrivals.hpp"

namespace sluice::load {

Arrivals::Arrivals(Spacing spacing, double rate, TimePoint start, uint64_t seed)
    : spacing_(spacing), rate_(rate), start_(start), random_(seed) {
  // The first gap of a Poisson process is as random as the others.
  if (spacing_ == Spacing::kPoisson) advance();
}

TimePoint Arrivals::next() const {
  return start_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(offset_));
}

void Arrivals::advance() {
  ++index_;
  if (spacing_ == Spacing::kFixed) {
    offset_ = static_cast<double>(index_) / rate_;
  } else {
    offset_ += std::exponential_distribution<double>(rate_)(random_);
  }
}

}  // namespace sluice::load
