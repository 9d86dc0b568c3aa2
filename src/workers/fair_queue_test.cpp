#include "workers/fair_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sluice::workers {
namespace {

using testing::ElementsAre;

constexpr TimePoint kStart{std::chrono::hours(1)};

class FairQueues : public testing::Test {
 protected:
  Waiting& add(int64_t key, int64_t cost = 100, Duration patience = std::chrono::seconds(10)) {
    auto& waiting = all_.emplace_back(std::make_unique<Waiting>());
    waiting->key = key;
    waiting->cost = cost;
    waiting->since = now_;
    waiting->until = now_ + patience;
    waiting->number = ++number_;
    queue_.push(*waiting);
    return *waiting;
  }
  Waiting* next() {
    Waiting* first = nullptr;
    queue_.walk([&](Waiting& each) {
      first = &each;
      return true;
    });
    if (first != nullptr) queue_.served(*first);
    return first;
  }
  /// Keys of the next so many.
  std::vector<int64_t> served(int n) {
    std::vector<int64_t> keys;
    for (int i = 0; i < n; ++i) {
      const Waiting* each = next();
      keys.push_back(each == nullptr ? -1 : each->key);
    }
    return keys;
  }

  FairQueue queue_;
  std::vector<std::unique_ptr<Waiting>> all_;
  TimePoint now_ = kStart;
  uint64_t number_ = 0;
};

TEST_F(FairQueues, OneKeyIsServedInTheOrderOfArrival) {
  std::vector<Waiting*> in;
  for (int i = 0; i < 20; ++i) in.push_back(&add(7));
  std::vector<Waiting*> out;
  for (int i = 0; i < 20; ++i) out.push_back(next());
  EXPECT_EQ(in, out);
  EXPECT_EQ(next(), nullptr);
  EXPECT_EQ(queue_.size(), 0);
}

TEST_F(FairQueues, TheNearestDeadlineOfAKeyGoesFirst) {
  Waiting& patient = add(7, 100, std::chrono::seconds(10));
  Waiting& hurried = add(7, 100, std::chrono::seconds(1));
  EXPECT_EQ(next(), &hurried);
  EXPECT_EQ(next(), &patient);
}

TEST_F(FairQueues, AKeyThatFloodsDoesNotDelayASingleRequest) {
  for (int i = 0; i < 500; ++i) add(1);
  EXPECT_THAT(served(3), ElementsAre(1, 1, 1));
  EXPECT_EQ(queue_.ahead_of(2), 1);
  add(2);
  EXPECT_THAT(served(3), ElementsAre(2, 1, 1));
  add(2);
  EXPECT_THAT(served(2), ElementsAre(2, 1));
}

TEST_F(FairQueues, TurnsAreOfTokensAndNotOfRequests) {
  for (int i = 0; i < 100; ++i) add(1, 1000);
  for (int i = 0; i < 100; ++i) add(2, 250);
  int large = 0;
  for (const int64_t key : served(50)) large += key == 1 ? 1 : 0;
  EXPECT_EQ(large, 10);
}

TEST_F(FairQueues, WhoWasSilentHasSavedNothingUp) {
  for (int i = 0; i < 100; ++i) add(1);
  served(50);
  for (int i = 0; i < 100; ++i) add(2);
  int late = 0;
  for (const int64_t key : served(20)) late += key == 2 ? 1 : 0;
  EXPECT_NEAR(late, 10, 1);
}

TEST_F(FairQueues, WhatAKeyHasHadIsRememberedWhileItIsGone) {
  add(1, 10'000);
  for (int i = 0; i < 30; ++i) add(2);
  EXPECT_THAT(served(2), ElementsAre(1, 2));
  add(1, 10'000);
  for (const int64_t key : served(29)) EXPECT_EQ(key, 2);
  EXPECT_EQ(next()->key, 1);
}

TEST_F(FairQueues, ItIsForgottenOnceNobodyHasComeForLong) {
  add(1, 10'000);
  served(1);
  now_ += FairQueue::kLately + std::chrono::seconds(1);
  add(1);
  add(2);
  EXPECT_EQ(next()->key, 1);
}

TEST_F(FairQueues, WhoGivesUpPaysNothingAndStopsNobody) {
  Waiting& first = add(1);
  Waiting& second = add(1);
  add(2);
  queue_.erase(first);
  queue_.erase(first);
  EXPECT_EQ(queue_.size(), 2);
  EXPECT_EQ(next(), &second);
  queue_.erase(second);
  EXPECT_EQ(next()->key, 2);
}

TEST_F(FairQueues, TellsSinceWhenTheFirstHasWaited) {
  EXPECT_EQ(queue_.oldest(), TimePoint::max());
  Waiting& first = add(1, 100, std::chrono::seconds(60));
  now_ += std::chrono::seconds(5);
  add(1, 100, std::chrono::seconds(1));
  EXPECT_EQ(queue_.oldest(), kStart);
  queue_.erase(first);
  EXPECT_EQ(queue_.oldest(), now_);
}

TEST_F(FairQueues, TellsHowManyGoBeforeANewcomer) {
  for (int i = 0; i < 10; ++i) add(1);
  for (int i = 0; i < 3; ++i) add(2);
  EXPECT_EQ(queue_.ahead_of(3), 2);
  EXPECT_EQ(queue_.ahead_of(2), 3 + 4);
  EXPECT_EQ(queue_.ahead_of(1), 10 + 3);
}

// The key's other requests may be able to use what the first cannot, and so may other keys'.
TEST_F(FairQueues, AWalkSeesAFewOfEveryKey) {
  for (int i = 0; i < 100; ++i) add(1);
  for (int i = 0; i < 2; ++i) add(2);
  std::vector<int64_t> seen;
  EXPECT_FALSE(queue_.walk([&](const Waiting& each) {
    seen.push_back(each.key);
    return false;
  }));
  EXPECT_THAT(seen, ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 2, 2));
}

}  // namespace
}  // namespace sluice::workers
