#include "admin/throttle.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

TEST(ThrottleTest, LetsWaitTwiceAsLongAfterEachFurtherFailure) {
  Throttle throttle(3);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(throttle.enter("a", kStart));
  EXPECT_EQ(throttle.enter("a", kStart), 1s);
  EXPECT_FALSE(throttle.enter("b", kStart));  // others are not concerned
  EXPECT_FALSE(throttle.enter("a", kStart + 1s));
  EXPECT_EQ(throttle.enter("a", kStart + 2s), 1s);
  TimePoint at = kStart + 3s;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(throttle.enter("a", at));
    const auto wait = throttle.enter("a", at);
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, Throttle::kLongest);
    at += *wait;
  }
  EXPECT_EQ(throttle.enter("a", at - 1s), 1s);
}

TEST(ThrottleTest, ForgetsAfterAWhileAndForgivesAtOnce) {
  Throttle throttle(1);
  EXPECT_FALSE(throttle.enter("a", kStart));
  EXPECT_TRUE(throttle.enter("a", kStart));
  throttle.forgive("a");
  EXPECT_FALSE(throttle.enter("a", kStart));
  EXPECT_FALSE(throttle.enter("a", kStart + Throttle::kMemory));
}

TEST(ThrottleTest, IsBounded) {
  Throttle throttle(1);
  for (size_t i = 0; i < Throttle::kMost + 10; ++i) {
    EXPECT_FALSE(throttle.enter(std::to_string(i), kStart + std::chrono::nanoseconds(i)));
  }
  EXPECT_FALSE(throttle.enter("0", kStart + 1ms));  // was forgotten
  EXPECT_TRUE(throttle.enter("10009", kStart + 1ms));
}

}  // namespace
}  // namespace sluice::admin
