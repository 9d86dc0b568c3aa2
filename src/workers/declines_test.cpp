#include "workers/declines.hpp"

#include <gtest/gtest.h>

namespace sluice::workers {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart = TimePoint(std::chrono::seconds(1000));

TEST(Declines, ThreeInARowCloseTheRouteAndNoOther) {
  Declines declines;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(declines.lets_through(0, kStart));
    declines.not_served(0, kStart, 0, declines.enter(0, kStart));
  }
  EXPECT_FALSE(declines.lets_through(0, kStart));
  EXPECT_TRUE(declines.lets_through(1, kStart));
  EXPECT_TRUE(declines.any(kStart));
}

TEST(Declines, EachProbeThatIsDeclinedDoublesTheRest) {
  Declines declines;
  TimePoint at = kStart;
  for (int i = 0; i < 3; ++i) declines.not_served(0, at, 0, false);
  for (const auto rest : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    EXPECT_FALSE(declines.lets_through(0, at + rest - 1ms));
    at += rest;
    ASSERT_TRUE(declines.lets_through(0, at));
    ASSERT_TRUE(declines.enter(0, at));
    EXPECT_FALSE(declines.lets_through(0, at));  // one at a time
    declines.not_served(0, at, 0, true);
  }
  at += 30s;
  declines.answered(0, at, declines.enter(0, at));
  EXPECT_TRUE(declines.lets_through(0, at));
  EXPECT_FALSE(declines.any(at));
}

TEST(Declines, AnAnswerBetweenThemClearsTheRow) {
  Declines declines;
  for (int i = 0; i < 8; ++i) {
    declines.not_served(0, kStart, 0, false);
    declines.answered(0, kStart, false);
  }
  EXPECT_TRUE(declines.lets_through(0, kStart));
}

TEST(Declines, RefusalsAreDoubtfulOnlyInARow) {
  Declines declines;
  for (int i = 0; i < Declines::kDoubtful - 1; ++i) {
    EXPECT_FALSE(declines.refused(0, kStart, false));
  }
  declines.answered(0, kStart, false);
  for (int i = 0; i < Declines::kDoubtful - 1; ++i) {
    EXPECT_FALSE(declines.refused(0, kStart, false));
  }
  EXPECT_TRUE(declines.refused(0, kStart, false));
  EXPECT_TRUE(declines.lets_through(0, kStart));  // nothing is proven
}

TEST(Declines, WhatOthersRefuseTooIsTheRequestsFault) {
  Declines declines;
  for (int i = 0; i < 100; ++i) {
    if (declines.refused(0, kStart, false)) declines.judged(0, false, kStart, 0);
  }
  EXPECT_TRUE(declines.lets_through(0, kStart));
  EXPECT_FALSE(declines.any(kStart));
}

TEST(Declines, WhatOthersAnswerIsItsOwnAndTheProbeIsJudgedLikewise) {
  Declines declines;
  for (int i = 0; i < Declines::kDoubtful; ++i) declines.refused(0, kStart, false);
  declines.judged(0, true, kStart, 0);
  declines.judged(0, true, kStart, 0);  // of a request that was on its way
  EXPECT_FALSE(declines.lets_through(0, kStart));
  TimePoint at = kStart + 1s;
  ASSERT_TRUE(declines.enter(0, at));
  EXPECT_TRUE(declines.refused(0, at, true));
  EXPECT_TRUE(declines.lets_through(0, at));  // not judged yet: another may be the probe
  declines.judged(0, true, at, 0);
  EXPECT_FALSE(declines.lets_through(0, at + 1999ms));
  at += 2s;
  ASSERT_TRUE(declines.enter(0, at));
  EXPECT_TRUE(declines.refused(0, at, true));
  declines.judged(0, false, at, 0);
  ASSERT_TRUE(declines.enter(0, at));
  declines.answered(0, at, true);
  EXPECT_FALSE(declines.any(at));
}

TEST(Declines, DoesNothingAtAllUntilSomethingIsAnswered) {
  Declines declines;
  for (int i = 0; i < 3; ++i) declines.not_served(2, kStart, 0, false);
  EXPECT_TRUE(declines.all(kStart));
  declines.answered(0, kStart, false);
  EXPECT_FALSE(declines.all(kStart));
  EXPECT_TRUE(declines.any(kStart));
}

}  // namespace
}  // namespace sluice::workers
