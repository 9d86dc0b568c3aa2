// The fleet over many requests: nothing is lost in the ledgers, whatever the ends and the threads.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "workers/fleet.hpp"
#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

using namespace std::chrono_literals;
using config::Strategy;

/// Ends it in one of the ways in which requests end.
void end(Slot slot, uint64_t how, TimePoint at) {
  if (how % 3 != 0) slot.first_token(at);
  if (how % 5 != 0) slot.generated(static_cast<int64_t>(how % 97));
  switch (how / 7 % 6) {
    case 0:
      return slot.succeeded(at);
    case 1:
      return slot.failed(at, how % 2 == 0);
    case 2:
      return slot.pushed_back(at, 1s);
    case 3:
      return slot.abandoned(at);
    case 4: {
      const Slot moved = std::move(slot);
      return;
    }
    default:
      slot = Slot();
  }
}

TEST(FleetStress, EveryLedgerIsAtZeroAfterTenThousandRandomEnds) {
  Fleet fleet(Fleet::Options{});
  std::mt19937_64 random(42);
  std::vector<Slot> running;
  int begun = 0;
  for (int i = 0; begun < 10'000; ++i) {
    const TimePoint at = kStart + i * 1ms;
    const uint64_t dice = random();
    if (i % 50 == 0) {
      Heartbeat worker = worker_of("w" + std::to_string(dice % 8), "m", 40);
      worker.boot_id = "boot" + std::to_string(dice / 8 % 200 == 0 ? dice % 1000 : 0);
      worker.active_tasks = static_cast<int64_t>(dice % 40);
      worker.kv_total_tokens = 400'000;
      worker.kv_free_tokens = static_cast<int64_t>(dice % 400'000);
      (void)fleet.heartbeat(worker, at, gateway_time(at));
    }
    if (i % 1000 == 999) fleet.sweep(at + (dice % 8 == 0 ? 20s : 0s));
    if (dice % 1500 == 0) fleet.forget("w" + std::to_string(dice % 7), at);
    Demand demand = demand_for("m", dice % 2 == 0 ? Strategy::kPredicted : Strategy::kVram);
    demand.prompt_tokens = static_cast<int64_t>(dice % 5000);
    demand.desperate = dice % 3 == 0;
    const std::vector<uint64_t> prefix = {dice % 11, dice % 5};
    demand.prefix = prefix;
    if (auto slot = fleet.pick(demand, at, dice)) {
      running.push_back(std::move(*slot));
      ++begun;
    }
    while (running.size() > dice % 200) {
      std::swap(running[random() % running.size()], running.back());
      Slot slot = std::move(running.back());
      running.pop_back();
      end(std::move(slot), random(), at);
    }
  }
  for (Slot& slot : running) slot.abandoned(kStart + 1h);
  EXPECT_EQ(fleet.outstanding(), 0);
  for (const WorkerView& worker : fleet.list(kStart + 1h)) EXPECT_EQ(worker.in_flight, 0);
}

TEST(FleetStress, ThreadsMayDoEverythingAtOnce) {
  Fleet fleet(Fleet::Options{});
  std::atomic<int64_t> freed = 0;
  fleet.tell_free([&](TimePoint at) {
    // As the queues do.
    if (freed.fetch_add(1) % 16 == 0) (void)fleet.load("m", at);
  });
  constexpr int kThreads = 4;
  std::atomic<int64_t> served = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      std::vector<Slot> running;
      for (int i = 0; i < 3000; ++i) {
        const TimePoint at = kStart + i * 1ms;
        const uint64_t dice = random();
        const std::string id = "w" + std::to_string(dice % 6);
        switch (dice / 8 % 40) {
          case 0: {
            Heartbeat worker = worker_of(id, "m", 30);
            worker.boot_id = "boot" + std::to_string(dice / 512 % 3);
            (void)fleet.heartbeat(worker, at, gateway_time(at));
            break;
          }
          case 1:
            (void)fleet.list(at);
            break;
          case 2:
            (void)fleet.explain(demand_for(), at);
            break;
          case 3:
            fleet.sweep(at + (dice % 16 == 0 ? 16s : 0s));
            break;
          case 4:
            (void)fleet.models();
            break;
          case 5:
            if (dice % 32 == 0) fleet.forget(id, at);
            break;
          case 6:
            fleet.discovered(worker_of("svc", "m", 30), dice % 16 != 0, at);
            break;
          default: {
            Demand demand = demand_for("m", Strategy::kPredicted);
            demand.desperate = dice % 4 != 0;
            if (auto slot = fleet.pick(demand, at, dice)) {
              EXPECT_FALSE(slot->worker().empty());
              EXPECT_FALSE(slot->endpoint().empty());
              running.push_back(std::move(*slot));
              served.fetch_add(1);
            }
          }
        }
        if (!running.empty() && dice % 2 == 0) {
          Slot slot = std::move(running.back());
          running.pop_back();
          end(std::move(slot), random(), at);
        }
        if (running.size() > 30) running.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(served.load(), 1000);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(FleetStress, AGatewayThatHasRestartedUnderLoadDrawsNoHerd) {
  // Eight workers with twenty requests of others each tell of themselves again, one after another,
  // while fifty requests a second arrive.
  Fleet fleet(Fleet::Options{});
  std::mt19937_64 random(9);
  std::deque<std::pair<TimePoint, Slot>> running;
  int refused = 0;
  for (int i = 0; i < 750; ++i) {
    const TimePoint at = kStart + i * 20ms;
    for (int w = 0; w < 8; ++w) {
      if (i % 250 != w * 30) continue;
      Heartbeat worker = worker_of("w" + std::to_string(w), "m", 64);
      worker.active_tasks = 20 + view(fleet, worker.worker_id, at).in_flight;
      beat(fleet, worker, at);
    }
    while (!running.empty() && running.front().first <= at) {
      running.front().second.succeeded(at);
      running.pop_front();
    }
    if (auto slot = fleet.pick(demand_for(), at, random())) {
      running.emplace_back(at + 4s, std::move(*slot));
    } else {
      ++refused;
    }
    for (const WorkerView& worker : fleet.list(at)) EXPECT_LE(worker.active, 64);
  }
  EXPECT_EQ(refused, 0);
  double least = 64;
  double most = 0;
  for (const WorkerView& worker : fleet.list(kStart + 15s)) {
    least = std::min(least, worker.active);
    most = std::max(most, worker.active);
  }
  EXPECT_LE(most - least, 3);
  running.clear();
  EXPECT_EQ(fleet.outstanding(), 0);
}

/// Workers that serve each request for a while, in virtual time: every worker reads the prompts
/// one after another and then generates.
class Hall {
 public:
  Hall(Fleet& fleet, Strategy strategy) : fleet_(fleet), strategy_(strategy) {
    for (int i = 0; i < 4; ++i) workers_["w" + std::to_string(i)] = {};
    for (const auto& [id, worker] : workers_) tell(id, now_);
  }

  void slow_down(const std::string& id, double times) { workers_[id].slow = times; }

  /// Requests at an even rate; how many each worker has got.
  std::map<std::string, int> run(Duration time, Duration gap) {
    std::map<std::string, int> got;
    const TimePoint until = now_ + time;
    while (now_ < until) {
      now_ += gap;
      while (!events_.empty() && events_.top().at <= now_) {
        const Event event = events_.top();
        events_.pop();
        if (event.first) {
          running_[event.request].first_token(event.at);
        } else {
          running_[event.request].generated(kOutput);
          running_[event.request].succeeded(event.at);
          running_.erase(event.request);
        }
      }
      if (now_ >= next_beat_) {
        for (const auto& [id, worker] : workers_) tell(id, now_);
        next_beat_ = now_ + 5s;
      }
      auto slot = fleet_.pick(demand_for("m", strategy_), now_, random_());
      if (!slot) continue;
      const std::string id(slot->worker());
      ++got[id];
      Machine& machine = workers_[id];
      machine.busy_until = std::max(machine.busy_until, now_) + after(0.25 * machine.slow);
      const TimePoint first = machine.busy_until + after(0.02 * machine.slow);
      events_.push({first, next_, true});
      events_.push({first + after(0.02 * machine.slow * (kOutput - 1)), next_, false});
      running_[next_++] = std::move(*slot);
    }
    return got;
  }

  void finish() {
    for (auto& [request, slot] : running_) slot.abandoned(now_);
    running_.clear();
  }

 private:
  static constexpr int64_t kOutput = 100;

  struct Machine {
    double slow = 1;
    TimePoint busy_until{};
  };
  struct Event {
    TimePoint at;
    int request;
    bool first;
    bool operator<(const Event& other) const { return at > other.at; }
  };

  static Duration after(double seconds) { return Duration(static_cast<int64_t>(seconds * 1e9)); }

  /// It tells no load, so that only what the gateway sees itself can move its share.
  void tell(const std::string& id, TimePoint at) {
    Heartbeat worker = worker_of(id, "m", 64);
    worker.active_tasks = std::nullopt;
    beat(fleet_, worker, at);
  }

  Fleet& fleet_;
  Strategy strategy_;
  std::mt19937_64 random_{1};
  std::map<std::string, Machine> workers_;
  std::priority_queue<Event> events_;
  std::map<int, Slot> running_;
  int next_ = 0;
  TimePoint now_ = kStart;
  TimePoint next_beat_ = kStart + 5s;
};

TEST(FleetStress, AWorkerThatBecomesThreeTimesSlowerLosesItsShare) {
  for (const Strategy strategy :
       {Strategy::kVram, Strategy::kPredicted, Strategy::kLeastConnections}) {
    Fleet fleet(Fleet::Options{});
    Hall hall(fleet, strategy);
    // Eleven requests a second to workers that read four prompts a second each.
    hall.run(30s, 90ms);
    auto before = hall.run(30s, 90ms);
    hall.slow_down("w2", 3);
    hall.run(30s, 90ms);
    auto after = hall.run(30s, 90ms);
    int others = 0;
    for (const auto& [id, count] : after) others += id == "w2" ? 0 : count;
    EXPECT_GT(before["w2"], 50) << static_cast<int>(strategy);
    EXPECT_LT(after["w2"], others / 3 * 0.6) << static_cast<int>(strategy);
    hall.finish();
    EXPECT_EQ(fleet.outstanding(), 0);
  }
}

}  // namespace
}  // namespace sluice::workers
