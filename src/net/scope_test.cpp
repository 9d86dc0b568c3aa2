#include "net/scope.hpp"

#include <stdexcept>

#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(Scope, EndsAWaitAtItsDeadlineAndGoesOn) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event never;
    const TimePoint at = now() + milliseconds(3);
    scope.set_deadline(at);
    EXPECT_EQ(co_await never.wait(scope), Outcome::kTimeout);
    EXPECT_GE(now(), at);
    EXPECT_FALSE(scope.cancelled());
    EXPECT_EQ(co_await never.wait(scope), Outcome::kTimeout) << "the deadline still stands";
    scope.clear_deadline();
    test.loop.post([&] { never.set(); });
    EXPECT_EQ(co_await never.wait(scope), Outcome::kReady);
  };
  test.run(body());
}

TEST(Scope, FollowsADeadlineThatIsMovedLaterWhileItWaits) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event never;
    const TimePoint later = now() + milliseconds(8);
    scope.set_deadline(now() + milliseconds(2));
    test.loop.post([&] { scope.set_deadline(later); });
    EXPECT_EQ(co_await never.wait(scope), Outcome::kTimeout);
    EXPECT_GE(now(), later);
  };
  test.run(body());
}

TEST(Scope, FollowsADeadlineThatIsMovedEarlierWhileItWaits) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event never;
    scope.set_deadline(now() + hours(1));
    test.loop.post([&] { scope.set_deadline(now() + milliseconds(1)); });
    EXPECT_EQ(co_await never.wait(scope), Outcome::kTimeout);
  };
  test.run(body());
}

TEST(Scope, KeepsTheFirstReasonOfItsCancellation) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event never;
    scope.cancel(CancelReason::kDraining);
    scope.cancel(CancelReason::kClientGone);
    EXPECT_EQ(scope.reason(), CancelReason::kDraining);
    EXPECT_EQ(co_await never.wait(scope), Outcome::kCancelled);
    EXPECT_EQ(co_await never.wait(scope), Outcome::kCancelled);
    EXPECT_EQ(co_await Sleep(scope, now() + hours(1)), Outcome::kCancelled);
  };
  test.run(body());
}

TEST(Scope, WaitsAgainWhenForgiven) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event never;
    scope.cancel(CancelReason::kDraining);
    scope.forgive();
    EXPECT_EQ(co_await Sleep(scope, now() + milliseconds(1)), Outcome::kTimeout);
    scope.clear_deadline();
    test.loop.post([&] { scope.cancel(CancelReason::kClientGone); });
    EXPECT_EQ(co_await never.wait(scope), Outcome::kCancelled);
    EXPECT_EQ(scope.reason(), CancelReason::kClientGone);
  };
  test.run(body());
}

TEST(Scope, ResumesTheInterruptedFromTheLoopAndNotInsideCancel) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event never;
    std::string order;
    test.loop.post([&] {
      scope.cancel(CancelReason::kRequested);
      order += "cancel returned, ";
    });
    EXPECT_EQ(co_await never.wait(scope), Outcome::kCancelled);
    order += "wait ended";
    EXPECT_EQ(order, "cancel returned, wait ended");
  };
  test.run(body());
}

TEST(Scope, IsNotCancelledAfterTheFactByTheSameRound) {
  TestLoop test;
  Scope scope(test.loop);
  Event event;
  const auto body = [&]() -> Task<void> {
    test.loop.post([&] {
      event.set();
      scope.cancel(CancelReason::kRequested);
    });
    EXPECT_EQ(co_await event.wait(scope), Outcome::kReady);
  };
  test.run(body());
  EXPECT_TRUE(scope.cancelled());
}

TEST(Scope, StaysCancelledWhenTheEventComesInTheSameRound) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    Event event;
    test.loop.post([&] {
      scope.cancel(CancelReason::kRequested);
      event.set();
    });
    EXPECT_EQ(co_await event.wait(scope), Outcome::kCancelled);
    EXPECT_TRUE(event.is_set());
  };
  test.run(body());
}

TEST(Sleep, EndsAtItsTime) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    const TimePoint at = now() + milliseconds(2);
    EXPECT_EQ(co_await Sleep(scope, at), Outcome::kTimeout);
    EXPECT_GE(now(), at);
  };
  test.run(body());
}

TEST(Task, HandsItsExceptionToWhoeverAwaitsIt) {
  TestLoop test;
  const auto throws = []() -> Task<int> {
    throw std::runtime_error("broken");
    co_return 1;
  };
  const auto body = [&]() -> Task<void> {
    std::string caught;
    try {
      co_await throws();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    EXPECT_EQ(caught, "broken");
  };
  test.run(body());
}

TEST(Task, ChainsOfAnyDepthDoNotGrowTheStack) {
  TestLoop test;
  const auto step = [](int value) -> Task<int> { co_return value + 1; };
  const auto body = [&]() -> Task<void> {
    int value = 0;
    for (int i = 0; i < 200'000; ++i) value = co_await step(value);
    EXPECT_EQ(value, 200'000);
  };
  test.run(body());
}

TEST(TaskGroup, IsEmptyOnlyWhenTheFramesOfItsTasksAreGone) {
  TestLoop test;
  const auto owned = std::make_shared<int>(1);
  const auto worker = [](Loop& loop, std::shared_ptr<int>) -> Task<void> {
    Scope scope(loop);
    co_await Sleep(scope, now() + milliseconds(1));
  };
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    TaskGroup group;
    group.spawn(worker(test.loop, owned));
    group.spawn(worker(test.loop, owned));
    EXPECT_EQ(group.size(), 2U);
    co_await group.empty(scope);
    EXPECT_EQ(owned.use_count(), 1);
  };
  test.run(body());
}

TEST(TaskGroup, OutlivesATaskThatThrows) {
  TestLoop test;
  const auto throws = []() -> Task<void> {
    throw std::runtime_error("one of many");
    co_return;
  };
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    TaskGroup group;
    group.spawn(throws());
    EXPECT_EQ(group.size(), 0U);
    EXPECT_EQ(co_await group.empty(scope), Outcome::kReady);
  };
  test.run(body());
}

}  // namespace
}  // namespace sluice::net
