// When the requests of an open loop are due: fixed in advance and independent of the answers, as
// independent users are.
#pragma once

#include <cstdint>
#include <random>

#include "base/clock.hpp"

namespace sluice::load {

enum class Spacing : uint8_t {
  kPoisson,  // independent arrivals: exponential gaps
  kFixed,    // equal gaps
};

class Arrivals {
 public:
  /// `rate` arrivals a second (above 0) from `start` on. The same seed gives the same times.
  Arrivals(Spacing spacing, double rate, TimePoint start, uint64_t seed);

  /// When the next request is due.
  TimePoint next() const;
  /// Moves on to the one after it.
  void advance();

 private:
  Spacing spacing_;
  double rate_;
  TimePoint start_;
  // Seconds since start_, computed without adding up rounding errors for equal gaps.
  double offset_ = 0;
  uint64_t index_ = 0;
  std::mt19937_64 random_;
};

}  // namespace sluice::load
