#include "workers/dispatcher.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "workers/test_dispatch.hpp"

namespace sluice::workers {
namespace {

using config::Class;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

TEST_F(Dispatch, AFreeWorkerIsHadAtOnce) {
  worker("w", 2);
  const Verdict verdict = request(ask());
  EXPECT_EQ(verdict.kind, Verdict::kGranted);
  EXPECT_EQ(running_.front().worker(), "w");
  EXPECT_EQ(dispatcher_.waiting(), 0);
}

TEST_F(Dispatch, AModelThatNobodyServesIsNotWaitedFor) {
  worker("w", 1);
  EXPECT_EQ(kind_of(ask("other")), Verdict::kUnserved);
  EXPECT_EQ(dispatcher_.waiting(), 0);
}

TEST_F(Dispatch, ThoseThatWaitAreServedInTheOrderInWhichTheyCame) {
  worker("w", 2);
  fill(2);
  for (const char* name : {"a", "b", "c"}) {
    const Verdict verdict = request(ask(), name);
    EXPECT_EQ(verdict.kind, Verdict::kQueued);
    EXPECT_EQ(verdict.until, now_ + seconds(10));
  }
  EXPECT_EQ(dispatcher_.waiting(), 3);
  for (int i = 0; i < 3; ++i) finish();
  EXPECT_THAT(called_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(dispatcher_.waiting(), 0);
}

TEST_F(Dispatch, ANewcomerDoesNotOvertakeWhoWaits) {
  worker("w", 1);
  fill(1);
  request(ask(), "first");
  running_.front().pushed_back(now_, seconds(5));
  EXPECT_TRUE(called_.empty());
  // Nobody says that the rest is over; the newcomer is the first to see it.
  pass(seconds(6));
  EXPECT_EQ(request(ask(), "second").kind, Verdict::kQueued);
  EXPECT_THAT(called_, ElementsAre("first"));
}

TEST_F(Dispatch, ARestThatIsOverIsSeenInTime) {
  worker("w", 1);
  fill(1);
  request(ask(), "a");
  running_.front().pushed_back(now_, seconds(5));
  pass(seconds(6));
  dispatcher_.tick(now_);
  EXPECT_THAT(called_, ElementsAre("a"));
}

TEST_F(Dispatch, InteractiveRequestsGoBeforeBulk) {
  worker("w", 1);
  fill(1);
  request(ask("m", 1, Class::kBulk), "bulk");
  request(ask("m", 1, Class::kDefault), "default");
  request(ask("m", 1, Class::kInteractive), "interactive");
  EXPECT_EQ(figures().depth[static_cast<size_t>(Class::kBulk)], 1);
  for (int i = 0; i < 3; ++i) finish();
  EXPECT_THAT(called_, ElementsAre("interactive", "default", "bulk"));
}

TEST_F(Dispatch, AKeyWithFiveHundredWaitingDoesNotDelayAnotherKeysOne) {
  worker("w", 1);
  fill(1);
  for (int i = 0; i < 500; ++i) request(ask("m", 1));
  request(ask("m", 2), "single");
  finish();
  finish();
  EXPECT_THAT(called_, testing::Contains("single"));
}

TEST_F(Dispatch, TheRequestWithTheNearestDeadlineOfAKeyGoesFirst) {
  worker("w", 1);
  fill(1);
  request(ask(), "patient");
  Ask hurried = ask();
  hurried.deadline = now_ + seconds(3);
  EXPECT_EQ(request(std::move(hurried), "hurried").until, now_ + seconds(3));
  finish();
  EXPECT_THAT(called_, ElementsAre("hurried"));
}

TEST_F(Dispatch, WhoseDeadlineHasPassedDoesNotWait) {
  worker("w", 1);
  fill(1);
  Ask late = ask();
  late.deadline = now_;
  EXPECT_EQ(kind_of(std::move(late)), Verdict::kRefused);
}

TEST_F(Dispatch, WhatFitsNobodyIsForAnEngineToRefuse) {
  Heartbeat small;
  small.worker_id = "small";
  small.supported = {"m"};
  small.models = {{.id = "m", .loaded = true, .loras = {}, .max_len = 150}};
  small.endpoint = "http://127.0.0.1:1";
  fleet_.discovered(small, true, now_);
  EXPECT_EQ(kind_of(or_elsewhere(ask())), Verdict::kElsewhere);
  EXPECT_EQ(kind_of(ask()), Verdict::kGranted);
  worker("large", 1);
  EXPECT_EQ(kind_of(ask()), Verdict::kGranted);
  EXPECT_EQ(running_.back().worker(), "large");
  EXPECT_EQ(kind_of(ask()), Verdict::kQueued);
}

TEST_F(Dispatch, AQueueIsBoundedByClass) {
  dispatcher_.use({.queue = {.max = 3}});
  worker("w", 1);
  fill(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(kind_of(ask()), Verdict::kQueued);
  const Verdict refused = request(ask());
  EXPECT_EQ(refused.kind, Verdict::kRefused);
  EXPECT_GE(refused.retry_after, seconds(1));
  EXPECT_EQ(kind_of(or_elsewhere(ask())), Verdict::kElsewhere);
  EXPECT_EQ(kind_of(ask("m", 1, Class::kBulk)), Verdict::kQueued);
}

TEST_F(Dispatch, BeforeAnythingHasBeenSeenRequestsWaitOutTheirPatience) {
  worker("w", 1);
  fill(1);
  EXPECT_EQ(request(or_elsewhere(ask()), "a").kind, Verdict::kQueued);
  pass(seconds(10));
  EXPECT_EQ(dispatcher_.leave(*tickets_["a"], now_).kind, Verdict::kElsewhere);
  EXPECT_EQ(request(ask(), "b").kind, Verdict::kQueued);
  pass(seconds(10));
  EXPECT_EQ(dispatcher_.leave(*tickets_["b"], now_).kind, Verdict::kRefused);
  EXPECT_EQ(dispatcher_.waiting(), 0);
  EXPECT_TRUE(called_.empty());
}

TEST_F(Dispatch, WhoWouldWaitTooLongGoesElsewhereAtOnce) {
  worker("w", 1);
  teach(seconds(1));
  // 10 s of patience, a place a second.
  int queued = 0;
  while (kind_of(or_elsewhere(ask())) == Verdict::kQueued) ASSERT_LT(++queued, 100);
  EXPECT_NEAR(queued, 10, 1);
  EXPECT_EQ(kind_of(or_elsewhere(ask())), Verdict::kElsewhere);
  EXPECT_EQ(kind_of(or_elsewhere(ask("m", 1, Class::kInteractive))), Verdict::kQueued);
  EXPECT_EQ(kind_of(or_elsewhere(ask("m", 1, Class::kBulk))), Verdict::kQueued);
}

TEST_F(Dispatch, WithoutACloudTheRefusalSaysWhenToComeAgain) {
  worker("w", 1);
  teach(seconds(4), {.cloud = {.allow = false}});
  Verdict verdict = request(or_elsewhere(ask()), "x");
  EXPECT_EQ(verdict.kind, Verdict::kQueued);
  request(ask(), "y");
  verdict = request(or_elsewhere(ask()));
  EXPECT_EQ(verdict.kind, Verdict::kRefused);
  EXPECT_NEAR(sluice::seconds(verdict.retry_after), 12, 2);
}

TEST_F(Dispatch, ARefusalNamesAtMostTwoMinutes) {
  worker("w", 1);
  teach(seconds(100), {.cloud = {.max_wait = {seconds(250), seconds(250), seconds(250)}}});
  request(ask());
  request(ask());
  const Verdict verdict = request(ask());
  EXPECT_EQ(verdict.kind, Verdict::kRefused);
  EXPECT_EQ(verdict.retry_after, seconds(120));
}

// One slow hour must not send everybody away for good.
TEST_F(Dispatch, AnOldPredictionIsTriedAgainByOne) {
  worker("w", 1);
  teach(seconds(60));
  finish();
  fill(1);
  EXPECT_EQ(kind_of(or_elsewhere(ask())), Verdict::kElsewhere);
  pass(seconds(31));
  EXPECT_EQ(request(or_elsewhere(ask()), "scout").kind, Verdict::kQueued);
  EXPECT_EQ(kind_of(or_elsewhere(ask())), Verdict::kElsewhere);
}

TEST_F(Dispatch, FallbackWorkersGetNothingWhileOthersHaveRoom) {
  worker("gpu", 20);
  worker("cpu", 20, true);
  fill(20);
  for (const Slot& slot : running_) EXPECT_EQ(slot.worker(), "gpu");
  fill(5);
  for (size_t i = 20; i < 25; ++i) EXPECT_EQ(running_[i].worker(), "cpu");
}

// A burst just after the saturation has ended is no reason to leave the GPUs.
TEST_F(Dispatch, TheFallbackWaitsUntilTheStateHasStoodForTwoSeconds) {
  worker("gpu", 4);
  worker("cpu", 4, true);
  fill(5);
  EXPECT_TRUE(figures().saturated);
  while (!running_.empty()) finish();
  pass(seconds(2));
  dispatcher_.tick(now_);
  EXPECT_FALSE(figures().saturated);
  pass(milliseconds(500));
  fill(4);
  EXPECT_EQ(request(or_elsewhere(ask()), "burst").kind, Verdict::kQueued);
  pass(milliseconds(1400));
  dispatcher_.tick(now_);
  EXPECT_TRUE(called_.empty());
  pass(milliseconds(200));
  dispatcher_.tick(now_);
  EXPECT_THAT(called_, ElementsAre("burst"));
  take_granted();
  EXPECT_EQ(running_.back().worker(), "cpu");
}

TEST_F(Dispatch, AFallbackAloneServes) {
  worker("cpu", 1, true);
  EXPECT_EQ(kind_of(ask()), Verdict::kGranted);
  EXPECT_EQ(request(ask(), "next").kind, Verdict::kQueued);
  finish();
  EXPECT_THAT(called_, ElementsAre("next"));
}

TEST_F(Dispatch, WhoHasTriedAllWorkersGoesElsewhereOrAsksThemOnceMore) {
  worker("w", 2);
  Ask again = or_elsewhere(ask());
  again.tried = {"w"};
  EXPECT_EQ(kind_of(again), Verdict::kElsewhere);
  dispatcher_.use({.cloud = {.allow = false}});
  EXPECT_NE(kind_of(again), Verdict::kElsewhere);
  EXPECT_EQ(dispatcher_.waiting(), 0);
}

// Nobody else is held up by a request that cannot use what is free.
TEST_F(Dispatch, WhoCannotUseTheFreeWorkerLetsOthersHaveIt) {
  worker("a", 1);
  worker("b", 1);
  fill(2);
  const bool a_first = running_.front().worker() == "a";
  Ask picky = ask();
  picky.tried = {a_first ? "a" : "b"};
  request(std::move(picky), "picky");
  request(ask(), "any");
  finish();
  EXPECT_THAT(called_, ElementsAre("any"));
  finish();
  EXPECT_THAT(called_, ElementsAre("any", "picky"));
}

TEST_F(Dispatch, WhoeverWaitsGoesElsewhereWhenTheLastWorkerIsGone) {
  worker("w", 1);
  fill(1);
  request(ask(), "b");
  request(or_elsewhere(ask()), "a");
  fleet_.forget("w", now_);
  dispatcher_.tick(now_);
  EXPECT_THAT(called_, ElementsAre("a"));
  EXPECT_FALSE(Dispatcher::take(*tickets_["a"]));
  EXPECT_EQ(dispatcher_.leave(*tickets_["a"], now_).kind, Verdict::kElsewhere);
  // The other one has nowhere else to go, and a worker may come back.
  EXPECT_EQ(dispatcher_.waiting(), 1);
  worker("w2", 1);
  EXPECT_THAT(called_, ElementsAre("a", "b"));
}

TEST_F(Dispatch, ANewWorkerIsUsedByThoseThatWait) {
  worker("w", 1);
  fill(1);
  request(ask(), "a");
  request(ask(), "b");
  worker("w2", 2);
  EXPECT_THAT(called_, ElementsAre("a", "b"));
}

TEST_F(Dispatch, ModelsOnOneWorkerTakeTurns) {
  worker("w", 1, false, {"m", "n"});
  fill(1);
  for (int i = 0; i < 10; ++i) {
    request(ask("m"), fmt::format("m{}", i));
    request(ask("n"), fmt::format("n{}", i));
  }
  for (int i = 0; i < 6; ++i) finish();
  int of_m = 0;
  for (const std::string& name : called_) of_m += name.starts_with("m") ? 1 : 0;
  EXPECT_EQ(called_.size(), 6U);
  EXPECT_EQ(of_m, 3);
}

TEST_F(Dispatch, ASlotThatIsGrantedToWhoHasLeftGoesToTheNext) {
  worker("w", 1);
  fill(1);
  request(ask(), "a");
  request(ask(), "b");
  running_.front().succeeded(now_);
  EXPECT_THAT(called_, ElementsAre("a"));
  Verdict verdict = dispatcher_.leave(*tickets_["a"], now_);
  ASSERT_EQ(verdict.kind, Verdict::kGranted);
  EXPECT_FALSE(Dispatcher::take(*tickets_["a"]));
  verdict.slot.abandoned(now_);
  EXPECT_THAT(called_, ElementsAre("a", "b"));
}

TEST_F(Dispatch, ATicketThatIsDroppedHasLeft) {
  worker("w", 1);
  fill(1);
  request(ask(), "a");
  request(ask(), "b");
  tickets_.erase("a");
  EXPECT_EQ(dispatcher_.waiting(), 1);
  running_.clear();
  EXPECT_THAT(called_, ElementsAre("b"));
  tickets_.clear();
  EXPECT_EQ(fleet_.outstanding(), 0);
}

// Ten thousand clients that leave at the moment of their grant: each slot goes to the next, not by
// ten thousand frames on one stack.
TEST_F(Dispatch, AllMayLeaveAtTheirGrant) {
  dispatcher_.use({.queue = {.max = 20'000}});
  worker("w", 1);
  fill(1);
  std::deque<TicketPtr> tickets;
  int granted = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto index = static_cast<size_t>(i);
    tickets.push_back(dispatcher_
                          .ask(ask(), now_,
                               [&, index] {
                                 ++granted;
                                 Slot slot = Dispatcher::take(*tickets[index]);
                                 slot.abandoned(now_);
                               })
                          .ticket);
  }
  running_.clear();
  EXPECT_EQ(granted, 10'000);
  EXPECT_EQ(dispatcher_.waiting(), 0);
  EXPECT_EQ(fleet_.outstanding(), 0);
}

TEST_F(Dispatch, NothingIsLeftWhenAllHaveGone) {
  worker("w", 3);
  fill(3);
  for (int i = 0; i < 50; ++i) request(ask("m", i % 5), fmt::format("{}", i));
  for (int i = 0; i < 20; ++i) {
    if (tickets_.contains(fmt::format("{}", i))) {
      dispatcher_.leave(*tickets_[fmt::format("{}", i)], now_);
    }
  }
  tickets_.clear();
  running_.clear();
  EXPECT_EQ(dispatcher_.waiting(), 0);
  EXPECT_EQ(fleet_.outstanding(), 0);
  EXPECT_EQ(figures().oldest, Duration(0));
}

TEST_F(Dispatch, TellsHowManyWait) {
  worker("w", 4);
  worker("v", 4);
  fill(8);
  request(ask(), "a");
  pass(seconds(3));
  request(ask("m", 1, Class::kInteractive), "b");
  const QueueFigures figures = this->figures();
  EXPECT_THAT(figures.depth, ElementsAre(1, 1, 0));
  EXPECT_EQ(figures.oldest, seconds(3));
  EXPECT_EQ(figures.saturation, 1);
  EXPECT_TRUE(figures.saturated);
  EXPECT_EQ(figures.workers, 2);
  EXPECT_EQ(figures.desired_workers, 4);  // 10 requests, at 80 % of 4 each
}

TEST_F(Dispatch, AnIdleModelNeedsNoWorkers) {
  worker("w", 4);
  EXPECT_EQ(figures().desired_workers, 0);
  fill(1);
  EXPECT_EQ(figures().desired_workers, 1);
}

}  // namespace
}  // namespace sluice::workers
