#include "load/arrivals.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::load {
namespace {

using std::chrono::milliseconds;

TEST(Arrivals, FixedSpacingStartsAtOnceAndDoesNotDrift) {
  const TimePoint start(std::chrono::seconds(5));
  Arrivals arrivals(Spacing::kFixed, 300, start, 1);
  EXPECT_EQ(arrivals.next(), start);
  for (int i = 0; i < 300'000; ++i) arrivals.advance();
  EXPECT_EQ(arrivals.next(), start + std::chrono::seconds(1000));
}

TEST(Arrivals, PoissonHasTheRateAskedForAndExponentialGaps) {
  const TimePoint start(std::chrono::seconds(5));
  Arrivals arrivals(Spacing::kPoisson, 100, start, 1);
  TimePoint last = start;
  constexpr int kCount = 100'000;
  int longer_than_mean = 0;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_GE(arrivals.next(), last);
    if (arrivals.next() - last > milliseconds(10)) ++longer_than_mean;
    last = arrivals.next();
    arrivals.advance();
  }
  EXPECT_NEAR(seconds(last - start), kCount / 100.0, 20);
  // 1/e of the gaps of a Poisson process are longer than their mean; of equal gaps none is.
  EXPECT_NEAR(longer_than_mean / double{kCount}, std::exp(-1), 0.01);
}

TEST(Arrivals, TheSameSeedGivesTheSameLoad) {
  const TimePoint start;
  Arrivals one(Spacing::kPoisson, 10, start, 42);
  Arrivals same(Spacing::kPoisson, 10, start, 42);
  Arrivals other(Spacing::kPoisson, 10, start, 43);
  EXPECT_EQ(one.next(), same.next());
  EXPECT_NE(one.next(), other.next());
}

}  // namespace
}  // namespace sluice::load
