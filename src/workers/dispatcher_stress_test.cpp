// Many threads that ask, get, leave and drop at once: no slot is lost, and none is given twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "workers/dispatcher.hpp"

namespace sluice::workers {
namespace {

constexpr int kThreads = 6;
constexpr int kRounds = 3000;
constexpr int kSlots = 5;

/// One thread's requests. Checks that a ticket that got a slot was called once, and one that was
/// refused never.
class Client {
 private:
  template <typename All>
  auto any(All& all) {
    return all.begin() + static_cast<ptrdiff_t>(random_() % all.size());
  }

 public:
  Client(Dispatcher& dispatcher, unsigned seed, std::atomic<int>& inside)
      : dispatcher_(dispatcher), random_(seed), inside_(inside) {}

  void step() {
    switch (random_() % 6) {
      case 0:
      case 1:
        return ask();
      case 2:
        return finish();
      case 3:
        return leave();
      case 4:
        return collect();
      default:
        if (!waiting_.empty()) waiting_.erase(any(waiting_));
    }
  }
  void end() {
    while (!waiting_.empty()) leave();
    while (!running_.empty()) finish();
  }
  /// After all threads have ended.
  void check() const {
    for (const auto& [calls, got] : settled_) EXPECT_EQ(calls->load(), got ? 1 : 0);
  }

 private:
  using Calls = std::shared_ptr<std::atomic<int>>;
  struct Waiter {
    TicketPtr ticket;
    Calls calls;
  };

  void run(Slot slot) {
    EXPECT_LE(++inside_, kSlots);
    running_.push_back(std::move(slot));
  }
  void ask() {
    auto calls = std::make_shared<std::atomic<int>>(0);
    Verdict verdict = dispatcher_.ask({.model = "m",
                                       .prompt_tokens = static_cast<int64_t>(random_() % 1000),
                                       .urgency = static_cast<config::Class>(random_() % 3),
                                       .key = static_cast<int64_t>(random_() % 4)},
                                      now(), [calls] { ++*calls; });
    if (verdict.kind == Verdict::kGranted) {
      settled_.emplace_back(calls, false);
      run(std::move(verdict.slot));
    } else if (verdict.kind == Verdict::kQueued) {
      waiting_.push_back({std::move(verdict.ticket), std::move(calls)});
    }
  }
  void finish() {
    if (running_.empty()) return;
    const auto which = any(running_);
    Slot slot = std::move(*which);
    running_.erase(which);
    --inside_;
    if (random_() % 2 == 0) slot.succeeded(now());
  }
  void leave() {
    if (waiting_.empty()) return;
    const auto which = any(waiting_);
    const Waiter waiter = std::move(*which);
    waiting_.erase(which);
    Verdict verdict = dispatcher_.leave(*waiter.ticket, now());
    const bool got = verdict.kind == Verdict::kGranted;
    EXPECT_EQ(got, static_cast<bool>(verdict.slot));
    settled_.emplace_back(waiter.calls, got);
    if (got) run(std::move(verdict.slot));
  }
  void collect() {
    std::vector<Waiter> called;
    for (Waiter& each : waiting_) {
      if (*each.calls > 0) called.push_back(std::move(each));
    }
    std::erase_if(waiting_, [](const Waiter& each) { return each.ticket == nullptr; });
    for (const Waiter& each : called) {
      Slot slot = Dispatcher::take(*each.ticket);
      EXPECT_TRUE(slot);
      settled_.emplace_back(each.calls, true);
      run(std::move(slot));
    }
  }

  Dispatcher& dispatcher_;
  std::minstd_rand random_;
  std::atomic<int>& inside_;
  std::vector<Slot> running_;
  std::vector<Waiter> waiting_;
  std::vector<std::pair<Calls, bool>> settled_;
};

TEST(DispatcherStress, LeavingAndGrantingNeverBothWin) {
  Fleet fleet({.exploration = 0});
  Dispatcher dispatcher(fleet, {});
  Heartbeat worker;
  worker.worker_id = "w";
  worker.supported = {"m"};
  worker.max_tasks = kSlots;
  worker.endpoint = "http://127.0.0.1:1";
  fleet.discovered(worker, true, now());

  std::atomic<int> inside{0};
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kThreads; ++i) {
    clients.push_back(std::make_unique<Client>(dispatcher, static_cast<unsigned>(i) + 1, inside));
  }
  {
    std::barrier start(kThreads + 1);
    std::vector<std::jthread> threads;
    for (const auto& client : clients) {
      threads.emplace_back([&start, &client] {
        start.arrive_and_wait();
        for (int i = 0; i < kRounds; ++i) client->step();
        client->end();
      });
    }
    start.arrive_and_wait();
    for (int i = 0; i < kRounds / 10; ++i) {
      dispatcher.tick(now());
      EXPECT_LE(dispatcher.figures(now()).size(), 1U);
    }
  }
  for (const auto& client : clients) client->check();
  EXPECT_EQ(inside, 0);
  EXPECT_EQ(dispatcher.waiting(), 0);
  EXPECT_EQ(fleet.outstanding(), 0);
}

// A slot that becomes free while the last other one is being asked for must not be overlooked.
TEST(DispatcherStress, WhoWaitsIsNeverForgotten) {
  Fleet fleet({.exploration = 0});
  Dispatcher dispatcher(fleet, {});
  Heartbeat worker;
  worker.worker_id = "w";
  worker.supported = {"m"};
  worker.max_tasks = 1;
  worker.endpoint = "http://127.0.0.1:1";
  fleet.discovered(worker, true, now());

  std::atomic<int> served{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        auto called = std::make_shared<std::atomic<bool>>(false);
        Verdict verdict = dispatcher.ask({.model = "m"}, now(), [called] {
          *called = true;
          called->notify_one();
        });
        if (verdict.kind == Verdict::kQueued) {
          called->wait(false);
          verdict.slot = Dispatcher::take(*verdict.ticket);
        }
        if (!verdict.slot) return;
        ++served;
        verdict.slot.succeeded(now());
      }
    });
  }
  threads.clear();
  EXPECT_EQ(served, 3 * kRounds);
  EXPECT_EQ(fleet.outstanding(), 0);
}

}  // namespace
}  // namespace sluice::workers
