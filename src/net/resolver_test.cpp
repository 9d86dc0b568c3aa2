#include "net/resolver.hpp"

#include <condition_variable>
#include <mutex>

#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;

/// Keeps the pool's only thread busy until it is let go.
class BusyThread {
 public:
  explicit BusyThread(BlockingPool& pool) {
    EXPECT_TRUE(pool.submit([state = state_] {
      std::unique_lock lock(state->mutex);
      state->started = true;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->free; });
    }));
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->started; });
  }
  void release() {
    const std::lock_guard lock(state_->mutex);
    state_->free = true;
    state_->changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool started = false;
    bool free = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST(Resolver, TakesNumbersAsTheyAre) {
  TestLoop test;
  BlockingPool pool(1);
  Resolver resolver(test.loop, pool);
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    scope.cancel(CancelReason::kRequested);
    for (const char* host : {"192.0.2.1", "2001:db8::1"}) {
      const auto addresses = co_await resolver.resolve(host, 443, scope);
      EXPECT_TRUE(addresses.has_value()) << "needs no wait, and so no scope";
      if (!addresses) continue;
      EXPECT_EQ((*addresses)->size(), 1U);
      EXPECT_EQ((*addresses)->front().host(), host);
      EXPECT_EQ((*addresses)->front().port(), 443);
    }
  };
  test.run(body());
}

TEST(Resolver, FindsNamesAndRemembersThem) {
  TestLoop test;
  BlockingPool pool(1);
  Resolver resolver(test.loop, pool);
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    const auto first = co_await resolver.resolve("localhost", 80, scope);
    EXPECT_TRUE(first.has_value());
    if (!first) co_return;
    for (const Address& address : **first) {
      EXPECT_TRUE(address.host() == "127.0.0.1" || address.host() == "::1") << address.host();
      EXPECT_EQ(address.port(), 80);
    }
    const auto second = co_await resolver.resolve("localhost", 80, scope);
    EXPECT_EQ(*first, *second) << "the same answer, not an equal one";
    const auto other_port = co_await resolver.resolve("localhost", 81, scope);
    EXPECT_EQ((*other_port)->front().port(), 81);
  };
  test.run(body());
}

TEST(Resolver, SaysWhichNameHasNoAddress) {
  TestLoop test;
  BlockingPool pool(1);
  Resolver resolver(test.loop, pool);
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    for (int i = 0; i < 2; ++i) {
      const auto addresses = co_await resolver.resolve("no such name", 80, scope);
      EXPECT_FALSE(addresses.has_value());
      if (addresses) co_return;
      EXPECT_EQ(addresses.error().code, ErrorCode::kResolve);
      EXPECT_NE(addresses.error().message.find("no such name"), std::string::npos);
    }
  };
  test.run(body());
}

TEST(Resolver, GivesUpAtTheDeadlineAndWhenCancelled) {
  TestLoop test;
  BlockingPool pool(1);
  Resolver resolver(test.loop, pool);
  BusyThread busy(pool);
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    scope.set_deadline(now() + milliseconds(2));
    const auto late = co_await resolver.resolve("localhost", 80, scope);
    EXPECT_FALSE(late.has_value());
    if (!late) {
      EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
    }
    scope.clear_deadline();
    test.loop.post([&] { scope.cancel(CancelReason::kClientGone); });
    const auto cancelled = co_await resolver.resolve("localhost", 80, scope);
    EXPECT_FALSE(cancelled.has_value());
    if (!cancelled) {
      EXPECT_EQ(cancelled.error().code, ErrorCode::kClientGone);
    }
    // The answer that comes now finds nobody of these two, but who asks again gets it.
    busy.release();
    Scope other(test.loop);
    EXPECT_TRUE((co_await resolver.resolve("localhost", 80, other)).has_value());
  };
  test.run(body());
}

TEST(Resolver, LooksANameUpOnceForAllWhoAskMeanwhile) {
  TestLoop test;
  // Room for one: more than one look-up would be refused.
  BlockingPool pool(1, 1);
  Resolver resolver(test.loop, pool);
  BusyThread busy(pool);
  int answered = 0;
  const auto ask = [&]() -> Task<void> {
    Scope scope(test.loop);
    const auto addresses = co_await resolver.resolve("localhost", 80, scope);
    EXPECT_TRUE(addresses.has_value());
    ++answered;
  };
  const auto body = [&]() -> Task<void> {
    TaskGroup group;
    for (int i = 0; i < 20; ++i) group.spawn(ask());
    EXPECT_EQ(group.size(), 20U);
    Scope scope(test.loop);
    const auto refused = co_await resolver.resolve("other.invalid", 80, scope);
    EXPECT_FALSE(refused.has_value()) << "the queue is full";
    busy.release();
    co_await group.empty(scope);
    EXPECT_EQ(answered, 20);
  };
  test.run(body());
}

TEST(Resolver, MayGoWithItsLoopBeforeTheAnswerComes) {
  BlockingPool pool(1);
  BusyThread busy(pool);
  {
    TestLoop test;
    Resolver resolver(test.loop, pool);
    const auto body = [&]() -> Task<void> {
      Scope scope(test.loop);
      scope.set_deadline(now() + milliseconds(1));
      EXPECT_FALSE((co_await resolver.resolve("localhost", 80, scope)).has_value());
    };
    test.run(body());
  }
  busy.release();  // the pool's end waits for the look-up
}

TEST(BlockingPool, FinishesWhatIsQueuedBeforeItEnds) {
  int done = 0;
  {
    BlockingPool pool(1, 100);
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(pool.submit([&done] { ++done; }));
  }
  EXPECT_EQ(done, 50);
}

}  // namespace
}  // namespace sluice::net
