// Whether the workers of a model are full, without wavering.
#pragma once

#include "base/clock.hpp"

namespace sluice::workers {

/// Saturated above kAbove, free again below kBelow, and at least kDwell in either state. Free at
/// first, and then without a dwell.
///
/// Plain state: one thread at a time.
class Saturation {
 public:
  static constexpr double kAbove = 0.95;
  static constexpr double kBelow = 0.75;
  static constexpr Duration kDwell = std::chrono::seconds(2);

  /// `value`: Fleet::Load::saturation now.
  void update(double value, TimePoint now) {
    value_ = value;
    if (saturated_ ? value >= kBelow : value <= kAbove) return;
    if (changed_ != TimePoint::min() && now - changed_ < kDwell) return;
    saturated_ = !saturated_;
    changed_ = now;
  }

  bool saturated() const { return saturated_; }
  double value() const { return value_; }

 private:
  bool saturated_ = false;
  double value_ = 0;
  TimePoint changed_ = TimePoint::min();
};

}  // namespace sluice::workers
