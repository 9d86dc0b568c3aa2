#include "quota/account.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::quota {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr TimePoint kStart{std::chrono::hours(5)};

TEST(Balance, GivesWhatIsAskedForOrWhatIsThere) {
  Balance balance(100);
  EXPECT_EQ(balance.take(60, 1), 60);
  EXPECT_EQ(balance.take(60, 41), 0);
  EXPECT_EQ(balance.take(60, 40), 40);
  EXPECT_EQ(balance.take(1, 1), 0);
  EXPECT_EQ(balance.available(), 0);
}

TEST(Balance, GivesNothingWhileItIsInDebt) {
  Balance balance(10);
  balance.add(-15);
  EXPECT_EQ(balance.available(), -5);
  EXPECT_EQ(balance.take(1, 1), 0);
  balance.add(6);
  EXPECT_EQ(balance.take(9, 1), 1);
}

TEST(Balance, StopsAtTheEndsOfItsRangeInsteadOfWrapping) {
  Balance balance(kMost - 1);
  balance.add(5);
  EXPECT_EQ(balance.available(), kMost);
  Balance debt(std::numeric_limits<int64_t>::min() + 1);
  debt.add(-5);
  EXPECT_EQ(debt.available(), std::numeric_limits<int64_t>::min());
  debt.add(kMost);
  EXPECT_EQ(debt.available(), -1);
}

TEST(RateMeter, AdmitsABurstAndThenOneByOne) {
  RateMeter meter;
  const auto spend = [&](TimePoint at) { return meter.spend(1, 1, 60, 3, at); };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(spend(kStart), std::nullopt) << i;
  EXPECT_EQ(spend(kStart), seconds(1));
  EXPECT_EQ(spend(kStart + milliseconds(400)), milliseconds(600));
  EXPECT_EQ(spend(kStart + milliseconds(999)), milliseconds(1));
  EXPECT_EQ(spend(kStart + seconds(1)), std::nullopt);
  EXPECT_EQ(spend(kStart + seconds(1)), seconds(1));
}

// To the nanosecond: not one earlier, and no longer than said.
TEST(RateMeter, SaysExactlyHowLongToWait) {
  for (const int64_t rate : {int64_t{1}, int64_t{7}, int64_t{59}, int64_t{60}, int64_t{999},
                             int64_t{1'000'000}, int64_t{123'456'789}}) {
    for (const int64_t burst : {1, 2, 3, 7, 100}) {
      RateMeter meter;
      TimePoint at = kStart;
      for (int i = 0; i < burst; ++i) {
        ASSERT_EQ(meter.remaining(rate, burst, at), burst - i);
        ASSERT_EQ(meter.spend(1, 1, rate, burst, at), std::nullopt) << rate << ' ' << i;
      }
      ASSERT_EQ(meter.remaining(rate, burst, at), 0);
      for (int i = 0; i < 5; ++i) {
        const auto wait = meter.spend(1, 1, rate, burst, at);
        ASSERT_TRUE(wait) << rate << ' ' << burst;
        ASSERT_EQ(meter.wait(1, rate, burst, at), *wait);
        ASSERT_TRUE(meter.spend(1, 1, rate, burst, at + *wait - Duration(1)));
        at += *wait;
        ASSERT_EQ(meter.spend(1, 1, rate, burst, at), std::nullopt);
      }
    }
  }
}

TEST(RateMeter, HoldsItsRateOverALongTime) {
  RateMeter meter;
  int64_t admitted = 0;
  for (Duration at{}; at < minutes(60); at += milliseconds(37)) {
    if (!meter.spend(1, 1, 100, 10, kStart + at)) ++admitted;
  }
  EXPECT_GE(admitted, 6000);
  EXPECT_LE(admitted, 6010);
}

TEST(RateMeter, ARefusalSpendsNothing) {
  RateMeter meter;
  ASSERT_EQ(meter.spend(10, 10, 60, 10, kStart), std::nullopt);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(meter.spend(1, 1, 60, 10, kStart), seconds(1));
  EXPECT_EQ(meter.reset_after(kStart), seconds(10));
}

TEST(RateMeter, WhatIsSpentBeyondTheBucketIsWaitedFor) {
  RateMeter meter;
  // A prompt of 150 with a bucket of 60: let in, since one is free.
  EXPECT_EQ(meter.spend(150, 1, 60, 60, kStart), std::nullopt);
  EXPECT_EQ(meter.remaining(60, 60, kStart), 0);
  EXPECT_EQ(meter.spend(1, 1, 60, 60, kStart), seconds(91));
  EXPECT_EQ(meter.spend(1, 1, 60, 60, kStart + seconds(91)), std::nullopt);
}

TEST(RateMeter, CorrectsUpAndDown) {
  RateMeter meter;
  ASSERT_EQ(meter.spend(30, 1, 60, 60, kStart), std::nullopt);
  meter.correct(10, 60, kStart);
  EXPECT_EQ(meter.remaining(60, 60, kStart), 20);
  meter.correct(-25, 60, kStart);
  EXPECT_EQ(meter.remaining(60, 60, kStart), 45);
  // Never more than full, and what came back late is not credit.
  meter.correct(-1000, 60, kStart);
  EXPECT_EQ(meter.remaining(60, 60, kStart), 60);
  EXPECT_EQ(meter.reset_after(kStart), Duration::zero());
  meter.correct(-5, 60, kStart + minutes(10));
  EXPECT_EQ(meter.remaining(60, 60, kStart + minutes(10)), 60);
}

TEST(RateMeter, WithoutARateEverythingPasses) {
  RateMeter meter;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(meter.spend(kMost, 1, 0, 0, kStart), std::nullopt);
  meter.correct(kMost, 0, kStart);
  EXPECT_EQ(meter.reset_after(kStart), Duration::zero());
}

TEST(RateMeter, HugeAmountsSaturate) {
  RateMeter meter;
  EXPECT_EQ(meter.spend(kMost, 1, 1, 1, kStart), std::nullopt);
  for (int i = 0; i < 100; ++i) meter.correct(kMost, 1, kStart);
  EXPECT_GT(*meter.spend(1, 1, 1, 1, kStart), std::chrono::hours(24 * 365));
  EXPECT_EQ(meter.remaining(1, 1, kStart), 0);
  for (int i = 0; i < 100; ++i) meter.correct(-kMost, 1, kStart);
  EXPECT_EQ(meter.remaining(1, 1, kStart), 1);
  // A limit so high that it is none.
  RateMeter wide;
  EXPECT_EQ(wide.spend(kMost / 2, 1, kMost, kMost, kStart), std::nullopt);
  EXPECT_GT(wide.remaining(kMost, kMost, kStart), 0);
}

TEST(Account, ARateAlwaysAdmitsOneAtOnce) {
  Account account(1);
  account.set_limits({.requests_per_minute = 60, .burst = 0, .max_parallel = -4});
  EXPECT_EQ(account.limits(), (Limits{.requests_per_minute = 60, .burst = 1}));
}

}  // namespace
}  // namespace sluice::quota
