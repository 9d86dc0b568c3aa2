#include "workers/saturation.hpp"

#include <gtest/gtest.h>

namespace sluice::workers {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

TimePoint at(double s) {
  return kStart + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}

TEST(Saturation, BeginsAtOnceAndEndsOnlyWellBelow) {
  Saturation saturation;
  saturation.update(0.95, at(0));
  EXPECT_FALSE(saturation.saturated());
  saturation.update(0.96, at(0));
  EXPECT_TRUE(saturation.saturated());
  saturation.update(0.76, at(60));
  EXPECT_TRUE(saturation.saturated());
  saturation.update(0.74, at(61));
  EXPECT_FALSE(saturation.saturated());
  saturation.update(0.94, at(120));
  EXPECT_FALSE(saturation.saturated());
}

TEST(Saturation, StaysTwoSecondsInAState) {
  Saturation saturation;
  saturation.update(1, at(0));
  saturation.update(0, at(1.9));
  EXPECT_TRUE(saturation.saturated());
  saturation.update(0, at(2));
  EXPECT_FALSE(saturation.saturated());
  saturation.update(1, at(3.9));
  EXPECT_FALSE(saturation.saturated());
  saturation.update(1, at(4));
  EXPECT_TRUE(saturation.saturated());
}

}  // namespace
}  // namespace sluice::workers
