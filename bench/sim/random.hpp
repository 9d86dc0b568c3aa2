// Numbers that only look random: the same on every run and every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace sluice::sim {

/// splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits() {
    uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
  /// From 0 to below 1.
  double share() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  uint64_t below(uint64_t count) {
    return static_cast<uint64_t>(share() * static_cast<double>(count));
  }
  double exponential(double mean) { return -mean * std::log1p(-share()); }
  double log_normal(double median, double sigma) {
    const double radius = std::sqrt(-2 * std::log1p(-share()));
    return median * std::exp(sigma * radius * std::cos(2 * std::numbers::pi * share()));
  }

 private:
  uint64_t state_;
};

}  // namespace sluice::sim
