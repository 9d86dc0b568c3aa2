#include "route/retry_budget.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::route {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart = TimePoint(1000s);

int take_all(RetryBudget& budget, TimePoint at) {
  int taken = 0;
  while (taken < 10'000 && budget.take(at)) ++taken;
  return taken;
}

TEST(RetryBudget, AllowsItsShareOfTheRequests) {
  RetryBudget budget(0.2);
  for (int i = 0; i < 1000; ++i) budget.on_request(kStart + i * 5ms);
  EXPECT_EQ(take_all(budget, kStart + 5s), 200);
  EXPECT_FALSE(budget.take(kStart + 5s));
}

TEST(RetryBudget, AQuietGatewayMayStillRetry) {
  RetryBudget budget(0.2);
  budget.on_request(kStart);
  EXPECT_EQ(take_all(budget, kStart), 10);
}

TEST(RetryBudget, ForgetsAfterTenSeconds) {
  RetryBudget budget(0.2);
  for (int i = 0; i < 1000; ++i) budget.on_request(kStart);
  EXPECT_EQ(take_all(budget, kStart), 200);
  EXPECT_EQ(take_all(budget, kStart + 9s), 0);
  EXPECT_EQ(take_all(budget, kStart + 10s), 10);
  EXPECT_EQ(take_all(budget, kStart + 60s), 10);
}

TEST(RetryBudget, AShareOfNothingAllowsNothing) {
  RetryBudget budget(0);
  budget.on_request(kStart);
  EXPECT_FALSE(budget.take(kStart));
}

TEST(RetryBudget, LoopsTogetherDoNotPassIt) {
  RetryBudget budget(0.5);
  std::atomic<int> taken{0};
  {
    std::vector<std::jthread> loops;
    for (int t = 0; t < 4; ++t) {
      loops.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          budget.on_request(kStart);
          if (budget.take(kStart)) ++taken;
        }
      });
    }
  }
  EXPECT_GT(taken, 1000);
  EXPECT_LE(taken, 2000);
}

}  // namespace
}  // namespace sluice::route
