#include "net/loop.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <thread>

#include "net/descriptor.hpp"
#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class Recorder final : public Timer {
 public:
  Recorder(Loop& loop, int name, std::vector<int>& fired)
      : Timer(loop), name_(name), fired_(fired) {}
  std::function<void()> then;

 private:
  void fire() override {
    fired_.push_back(name_);
    if (then) then();
  }
  int name_;
  std::vector<int>& fired_;
};

TEST(Timers, FireInTheOrderOfTheirTimes) {
  Loop loop;
  std::vector<int> fired;
  Recorder late(loop, 3, fired);
  Recorder early(loop, 1, fired);
  Recorder middle(loop, 2, fired);
  const TimePoint start = now();
  late.then = [&] { loop.stop(); };
  late.arm(start + milliseconds(3));
  early.arm(start + milliseconds(1));
  middle.arm(start + milliseconds(2));
  loop.run();
  EXPECT_EQ(fired, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(early.armed());
}

TEST(Timers, CanBeMovedEarlierAndLater) {
  Loop loop;
  std::vector<int> fired;
  Recorder first(loop, 1, fired);
  Recorder second(loop, 2, fired);
  const TimePoint start = now();
  first.arm(start + milliseconds(1));
  second.arm(start + std::chrono::hours(1));
  first.arm(start + milliseconds(4));
  second.arm(start + milliseconds(2));
  first.then = [&] { loop.stop(); };
  loop.run();
  EXPECT_EQ(fired, (std::vector<int>{2, 1}));
}

TEST(Timers, MayDisarmAndDestroyEachOtherWhenTheyFire) {
  Loop loop;
  std::vector<int> fired;
  Recorder first(loop, 1, fired);
  auto gone = std::make_unique<Recorder>(loop, 2, fired);
  Recorder disarmed(loop, 3, fired);
  Recorder last(loop, 4, fired);
  const TimePoint start = now();
  first.arm(start);
  gone->arm(start + microseconds(1));
  disarmed.arm(start + microseconds(2));
  last.arm(start + microseconds(3));
  first.then = [&] {
    gone.reset();
    disarmed.disarm();
  };
  last.then = [&] { loop.stop(); };
  loop.run();
  EXPECT_EQ(fired, (std::vector<int>{1, 4}));
}

TEST(Timers, StayInOrderHoweverTheyAreMoved) {
  Loop loop;
  std::mt19937 random(7);
  std::vector<int> fired;
  std::vector<std::unique_ptr<Recorder>> timers;
  for (int i = 0; i < 200; ++i) timers.push_back(std::make_unique<Recorder>(loop, i, fired));
  const TimePoint start = now();
  for (int step = 0; step < 5000; ++step) {
    Recorder& timer = *timers[random() % timers.size()];
    if (random() % 4 == 0) {
      timer.disarm();
    } else {
      timer.arm(start + microseconds(random() % 3000));
    }
  }
  std::vector<int> expected;
  for (int i = 0; i < 200; ++i) {
    if (timers[static_cast<size_t>(i)]->armed()) expected.push_back(i);
  }
  Recorder last(loop, -1, fired);
  last.then = [&] { loop.stop(); };
  last.arm(start + milliseconds(4));
  loop.run();
  ASSERT_EQ(fired.back(), -1);
  fired.pop_back();
  const auto time_of = [&](int i) { return timers[static_cast<size_t>(i)]->at(); };
  EXPECT_TRUE(std::ranges::is_sorted(fired, [&](int a, int b) { return time_of(a) < time_of(b); }));
  std::ranges::sort(fired);
  EXPECT_EQ(fired, expected);
}

TEST(Loop, RunsWorkFromAnotherThreadInItsOrder) {
  Loop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.stop();
  });
  loop.run();
  other.join();
  ASSERT_EQ(seen.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST(Loop, RunsWorkThatPostsMoreWork) {
  Loop loop;
  int depth = 0;
  std::function<void()> again = [&] {
    if (++depth == 10) {
      loop.stop();
    } else {
      loop.post(again);
    }
  };
  loop.post(again);
  loop.run();
  EXPECT_EQ(depth, 10);
}

TEST(Loop, RunsAgainAfterStop) {
  Loop loop;
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    loop.post([&] { ++runs; });
    loop.stop();
    loop.run();
  }
  EXPECT_EQ(runs, 3);
}

/// Destroys other descriptors when its own becomes readable.
class Destroyer final : public DescriptorWatch {
 public:
  explicit Destroyer(std::unique_ptr<Descriptor>& victim) : victim_(victim) {}
  int calls = 0;

 private:
  void on_hangup() override {}
  void on_readable() override {
    ++calls;
    victim_.reset();
  }
  std::unique_ptr<Descriptor>& victim_;
};

TEST(Loop, ForgetsTheEventsOfADescriptorThatDiedInTheSameRound) {
  Loop loop;
  int a[2];
  int b[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
  auto first = std::make_unique<Descriptor>(loop, a[0]);
  auto second = std::make_unique<Descriptor>(loop, b[0]);
  // Whichever is told first destroys the other: one call in all.
  Destroyer kills_second(second);
  Destroyer kills_first(first);
  first->watch(&kills_second);
  second->watch(&kills_first);
  ASSERT_EQ(write(a[1], "x", 1), 1);
  ASSERT_EQ(write(b[1], "x", 1), 1);
  loop.stop();
  loop.run();
  EXPECT_EQ(kills_second.calls + kills_first.calls, 1);
  close(a[1]);
  close(b[1]);
}

}  // namespace
}  // namespace sluice::net
