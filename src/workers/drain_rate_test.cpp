#include "workers/drain_rate.hpp"

#include <gtest/gtest.h>

namespace sluice::workers {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

TimePoint at(double s) {
  return kStart + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}

/// A queue in which somebody always waits, and gets a place every `each` seconds.
double keep_busy(DrainRate& rate, double from, double to, double each) {
  double t = from;
  for (rate.waited_for(at(t)); t + each <= to;) {
    t += each;
    rate.granted(at(t));
    rate.waited_for(at(t));
  }
  return t;
}

TEST(DrainRate, KnowsNothingBeforeItHasSeenAnything) {
  DrainRate rate;
  EXPECT_FALSE(rate.time_for(1, at(0)));
  rate.waited_for(at(0));
  EXPECT_FALSE(rate.time_for(1, at(5)));
  rate.given_up(at(5));
  EXPECT_FALSE(rate.time_for(1, at(5)));
}

TEST(DrainRate, TellsHowLongSoManyPlacesTake) {
  DrainRate rate;
  const double t = keep_busy(rate, 0, 20, 0.5);
  EXPECT_NEAR(seconds(*rate.time_for(1, at(t))), 0.5, 0.05);
  EXPECT_NEAR(seconds(*rate.time_for(30, at(t))), 15, 1.5);
}

TEST(DrainRate, PlacesThatBecomeFreeTogetherCountEach) {
  DrainRate rate;
  rate.waited_for(at(0));
  for (int round = 1; round <= 20; ++round) {
    for (int i = 0; i < 4; ++i) {
      rate.granted(at(round));
      rate.waited_for(at(round));
    }
  }
  EXPECT_NEAR(seconds(*rate.time_for(4, at(20))), 1, 0.1);
}

TEST(DrainRate, FollowsAFleetThatBecomesSlower) {
  DrainRate rate;
  double t = keep_busy(rate, 0, 60, 0.1);
  t = keep_busy(rate, t, t + 60, 1);
  EXPECT_NEAR(seconds(*rate.time_for(1, at(t))), 1, 0.1);
}

TEST(DrainRate, WhileNothingBecomesFreeTheWaitGrows) {
  DrainRate rate;
  const double t = keep_busy(rate, 0, 10, 0.1);
  const double before = seconds(*rate.time_for(10, at(t)));
  const double after = seconds(*rate.time_for(10, at(t + 30)));
  EXPECT_GT(after, 2 * before);
}

// Otherwise a quiet hour would look like a queue that stood still for an hour.
TEST(DrainRate, TheTimeInWhichNobodyWaitsDoesNotCount) {
  DrainRate rate;
  const double t = keep_busy(rate, 0, 20, 0.5);
  rate.given_up(at(t));
  rate.granted(at(t + 1800));
  EXPECT_NEAR(seconds(*rate.time_for(1, at(t + 3600))), 0.5, 0.05);
  EXPECT_TRUE(rate.stale(at(t + 3600)));
  rate.waited_for(at(t + 3600));
  EXPECT_FALSE(rate.stale(at(t + 3600)));
  rate.granted(at(t + 3600.5));
  EXPECT_NEAR(seconds(*rate.time_for(1, at(t + 3600.5))), 0.5, 0.05);
}

}  // namespace
}  // namespace sluice::workers
