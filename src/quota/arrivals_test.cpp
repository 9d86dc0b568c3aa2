#include "quota/arrivals.hpp"

#include <gtest/gtest.h>

namespace sluice::quota {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart = TimePoint(1000s);

int let_in(Arrivals& arrivals, TimePoint at, int tries) {
  int in = 0;
  for (int i = 0; i < tries; ++i) in += arrivals.enter(at) ? 0 : 1;
  return in;
}

TEST(Arrivals, AreNotLimitedWithoutARate) {
  Arrivals none;
  EXPECT_EQ(let_in(none, kStart, 1000), 1000);
  Arrivals zero(0, 0);
  EXPECT_EQ(let_in(zero, kStart, 1000), 1000);
}

TEST(Arrivals, OfASecondAreAtMostMaxRateAndOverTimeTheDefaultRate) {
  Arrivals arrivals(100, 250);
  EXPECT_EQ(let_in(arrivals, kStart, 1000), 150);
  int in = 0;
  for (int i = 1; i <= 1000; ++i) in += let_in(arrivals, kStart + i * 1ms, 5);
  EXPECT_EQ(in, 100);
  for (int i = 1; i <= 1000; ++i) in += let_in(arrivals, kStart + 1s + i * 10ms, 5);
  EXPECT_EQ(in, 1100);
}

TEST(Arrivals, SayWhenTheNextIsLetIn) {
  Arrivals arrivals(10, 11);
  EXPECT_EQ(arrivals.enter(kStart), std::nullopt);
  const auto wait = arrivals.enter(kStart);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 100ms);
  EXPECT_EQ(arrivals.enter(kStart + *wait), std::nullopt);
}

TEST(Arrivals, ThatWereRefusedElsewhereAreNotCounted) {
  Arrivals arrivals(10, 11);
  EXPECT_EQ(arrivals.enter(kStart), std::nullopt);
  arrivals.give_back(kStart);
  EXPECT_EQ(arrivals.enter(kStart), std::nullopt);
}

TEST(Arrivals, ALowerMaxRateWins) {
  Arrivals arrivals(1000, 2);
  EXPECT_EQ(let_in(arrivals, kStart, 10), 1);
  EXPECT_EQ(let_in(arrivals, kStart + 500ms, 10), 1);
  EXPECT_EQ(let_in(arrivals, kStart + 1s, 10), 1);
}

}  // namespace
}  // namespace sluice::quota
