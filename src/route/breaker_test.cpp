#include "route/breaker.hpp"

#include <gtest/gtest.h>

namespace sluice::route {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

constexpr TimePoint kStart = TimePoint(1000s);
/// Makes the longest rest of a step; UINT64_MAX would not, since jitter is a remainder.
constexpr uint64_t kNoJitter = 0;

void fail(Breaker& breaker, TimePoint at, bool refused = false) {
  const bool probe = breaker.enter(at);
  breaker.failed(at, refused, kNoJitter, probe);
}

void succeed(Breaker& breaker, TimePoint at) {
  const bool probe = breaker.enter(at);
  breaker.succeeded(at, probe);
}

Breaker opened(TimePoint at = kStart) {
  Breaker breaker;
  fail(breaker, at, true);
  return breaker;
}

TEST(Breaker, OpensOnThreeFailuresInARow) {
  Breaker breaker;
  fail(breaker, kStart);
  fail(breaker, kStart);
  EXPECT_TRUE(breaker.lets_through(kStart));
  fail(breaker, kStart);
  EXPECT_FALSE(breaker.lets_through(kStart));
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
}

TEST(Breaker, ASuccessBetweenKeepsItClosed) {
  Breaker breaker;
  for (int i = 0; i < 6; ++i) {
    fail(breaker, kStart);
    fail(breaker, kStart);
    succeed(breaker, kStart);
    succeed(breaker, kStart);
    succeed(breaker, kStart);
  }
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
}

TEST(Breaker, OpensOnOneRefusedConnection) { EXPECT_EQ(opened().state(kStart), State::kOpen); }

TEST(Breaker, OpensWhenHalfOfTheLastTwentyFailed) {
  Breaker breaker;
  // Old successes are forgotten.
  for (int i = 0; i < 100; ++i) succeed(breaker, kStart);
  for (int i = 0; i < 9; ++i) {
    succeed(breaker, kStart);
    fail(breaker, kStart);
  }
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  succeed(breaker, kStart);
  fail(breaker, kStart);
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
}

TEST(Breaker, DoesNotJudgeByFewerThanTwenty) {
  Breaker breaker;
  for (int i = 0; i < 9; ++i) {
    fail(breaker, kStart);
    succeed(breaker, kStart);
  }
  fail(breaker, kStart);
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  // The twentieth, of which ten have failed.
  fail(breaker, kStart);
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
}

TEST(Breaker, AdmitsExactlyOneProbeAfterItsRest) {
  Breaker breaker = opened();
  EXPECT_EQ(breaker.free_at(), kStart + 1s);
  EXPECT_FALSE(breaker.lets_through(kStart + 999ms));
  ASSERT_TRUE(breaker.lets_through(kStart + 1s));
  EXPECT_EQ(breaker.state(kStart + 1s), State::kHalfOpen);
  EXPECT_TRUE(breaker.enter(kStart + 1s));
  EXPECT_FALSE(breaker.lets_through(kStart + 1s));
  EXPECT_FALSE(breaker.lets_through(kStart + 20s));
  EXPECT_FALSE(breaker.enter(kStart + 20s));
  breaker.succeeded(kStart + 20s);
  EXPECT_EQ(breaker.state(kStart + 20s), State::kClosed);
  EXPECT_TRUE(breaker.lets_through(kStart + 20s));
}

TEST(Breaker, AProbeOfAClientThatLeftMakesRoomForAnother) {
  Breaker breaker = opened();
  EXPECT_TRUE(breaker.enter(kStart + 1s));
  breaker.gone();
  EXPECT_TRUE(breaker.lets_through(kStart + 1s));
  EXPECT_EQ(breaker.state(kStart + 1s), State::kHalfOpen);
}

TEST(Breaker, WhatBeganBeforeItOpenedDecidesNothing) {
  Breaker breaker;
  const bool probe = breaker.enter(kStart);
  EXPECT_FALSE(probe);
  fail(breaker, kStart, true);
  EXPECT_TRUE(breaker.enter(kStart + 1s));
  breaker.gone(probe);
  EXPECT_FALSE(breaker.lets_through(kStart + 1s));
  breaker.succeeded(kStart + 1s, probe);
  EXPECT_EQ(breaker.state(kStart + 1s), State::kHalfOpen);
  breaker.failed(kStart + 1s, true, kNoJitter, probe);
  EXPECT_EQ(breaker.state(kStart + 1s), State::kHalfOpen);
  EXPECT_FALSE(breaker.lets_through(kStart + 1s));
}

TEST(Breaker, RestsTwiceAsLongAfterEachFailedProbeUpToHalfAMinute) {
  Breaker breaker = opened();
  TimePoint at = kStart;
  for (const Duration rest : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    EXPECT_EQ(breaker.free_at() - at, rest);
    at = breaker.free_at();
    fail(breaker, at);
  }
}

TEST(Breaker, JitterTakesAQuarterAtMost) {
  for (uint64_t random : {uint64_t{1}, uint64_t{123'456'789}, UINT64_MAX, UINT64_MAX / 3}) {
    Breaker breaker;
    breaker.failed(kStart, true, random);
    EXPECT_GT(breaker.free_at(), kStart + 749ms);
    EXPECT_LE(breaker.free_at(), kStart + 1s);
    if (random == UINT64_MAX / 3) EXPECT_NE(breaker.free_at(), kStart + 1s);
  }
}

TEST(Breaker, GetsItsShareBackWithinTenSeconds) {
  Breaker breaker;
  EXPECT_EQ(breaker.share(kStart), 1);
  breaker = opened();
  succeed(breaker, kStart + 1s);
  EXPECT_NEAR(breaker.share(kStart + 1s), 0.1, 1e-9);
  EXPECT_NEAR(breaker.share(kStart + 6s), 0.55, 1e-9);
  EXPECT_NEAR(breaker.share(kStart + 11s), 1, 1e-9);
  EXPECT_NEAR(breaker.share(kStart + 60s), 1, 1e-9);
}

TEST(Breaker, OneThatFailsInItsSlowStartGoesOnWhereItsRestsHadComeTo) {
  Breaker breaker = opened();
  fail(breaker, kStart + 1s);
  succeed(breaker, kStart + 3s);
  succeed(breaker, kStart + 4s);
  fail(breaker, kStart + 5s, true);
  EXPECT_EQ(breaker.free_at(), kStart + 5s + 4s);
  // Well for a whole slow start: all is forgotten.
  succeed(breaker, kStart + 9s);
  succeed(breaker, kStart + 19s);
  EXPECT_TRUE(breaker.spotless(kStart + 19s));
  fail(breaker, kStart + 20s, true);
  EXPECT_EQ(breaker.free_at(), kStart + 21s);
}

TEST(Breaker, BackPressureRestsWithoutOpening) {
  Breaker breaker;
  breaker.rest(kStart + 5s);
  breaker.rest(kStart + 3s);  // the longest counts
  EXPECT_FALSE(breaker.lets_through(kStart + 4s));
  EXPECT_EQ(breaker.state(kStart + 4s), State::kClosed);
  EXPECT_EQ(breaker.free_at(), kStart + 5s);
  EXPECT_FALSE(breaker.spotless(kStart + 4s));
  EXPECT_TRUE(breaker.lets_through(kStart + 5s));
  EXPECT_EQ(breaker.share(kStart + 5s), 1);
}

TEST(Breaker, AProbeThatIsPushedBackIsFollowedByAnotherAfterTheRest) {
  Breaker breaker = opened();
  const bool probe = breaker.enter(kStart + 1s);
  breaker.gone(probe);
  breaker.rest(kStart + 8s);
  EXPECT_FALSE(breaker.lets_through(kStart + 7s));
  EXPECT_TRUE(breaker.lets_through(kStart + 8s));
  EXPECT_EQ(breaker.state(kStart + 8s), State::kHalfOpen);
}

TEST(Breaker, AsksBeforeItsTimeWhenThereIsNobodyElse) {
  Breaker breaker = opened();
  EXPECT_TRUE(breaker.enter(kStart + 100ms));
  breaker.succeeded(kStart + 200ms, true);
  EXPECT_EQ(breaker.state(kStart + 200ms), State::kClosed);
}

TEST(Breaker, ForgetsWhenItIsAnotherOne) {
  Breaker breaker = opened();
  breaker.rest(kStart + 100s);
  breaker.reset();
  EXPECT_TRUE(breaker.lets_through(kStart));
  EXPECT_TRUE(breaker.spotless(kStart));
}

}  // namespace
}  // namespace sluice::route
