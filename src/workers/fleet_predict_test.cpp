// What the fleet learns of its workers' speed and caches, and what it makes of that.
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "workers/fleet.hpp"
#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

using namespace std::chrono_literals;
using config::Strategy;

Demand predicted() { return demand_for("m", Strategy::kPredicted); }

/// Requests, one after another, to whoever gets them; `took` to the first token by worker.
void serve(Fleet& fleet, TimePoint& at, int n, Duration a, Duration b) {
  for (int i = 0; i < n; ++i) {
    auto slot = fleet.pick(demand_for(), at, static_cast<uint64_t>(i));
    at += slot->worker() == "a" ? a : b;
    slot->first_token(at);
    slot->generated(101);
    at += 2s;
    slot->succeeded(at);
  }
}

TEST(FleetPrediction, LearnsHowFastWorkersAreAndAsksTheFasterOne) {
  Fleet fleet({.ttl = 24h, .exploration = 0});
  beat(fleet, worker_of("a"), kStart);
  beat(fleet, worker_of("b"), kStart);
  TimePoint at = kStart + 1s;
  serve(fleet, at, 200, 1s, 250ms);
  const WorkerView a = view(fleet, "a", at);
  const WorkerView b = view(fleet, "b", at);
  EXPECT_NEAR(a.prefill_tps, 1000, 100);
  EXPECT_NEAR(b.prefill_tps, 4300, 600);
  EXPECT_NEAR(a.decode_step, 0.02, 0.002);
  EXPECT_LT(a.ttft_error, 0.3);
  for (uint64_t i = 0; i < 10; ++i) {
    auto slot = fleet.pick(predicted(), at, i);
    EXPECT_EQ(slot->worker(), "b");
    slot->abandoned(at);
  }
  // Speed counts per request that runs there.
  std::vector<Slot> held;
  int fast = 0;
  for (uint64_t i = 0; i < 10; ++i) {
    held.push_back(fleet.pick(predicted(), at, i).value());
    fast += held.back().worker() == "b" ? 1 : 0;
  }
  EXPECT_GE(fast, 7);
  EXPECT_LT(fast, 10);
  for (Slot& slot : held) slot.abandoned(at);
}

TEST(FleetPrediction, StartsFromWhatAWorkerTellsOfItself) {
  Fleet fleet(steady());
  Heartbeat slow = worker_of("slow");
  slow.boot_id = "one";
  slow.gpus = {{.name = "NVIDIA L40S", .total_bytes = 0, .free_bytes = 0}};
  Heartbeat fast = worker_of("fast");
  fast.gpus = {{.name = "NVIDIA H100 80GB HBM3", .total_bytes = 0, .free_bytes = 0}};
  beat(fleet, slow, kStart);
  beat(fleet, fast, kStart);
  auto slot = fleet.pick(predicted(), kStart, 1);
  EXPECT_EQ(slot->worker(), "fast");
  slot->abandoned(kStart);
  slow.boot_id = "next";
  slow.prefill_tps = 50'000;
  beat(fleet, slow, kStart + 1s);
  slot = fleet.pick(predicted(), kStart + 20s - 1s, 1);
  EXPECT_FALSE(slot);  // both have been silent since
  beat(fleet, fast, kStart + 20s);
  beat(fleet, slow, kStart + 20s);
  slot = fleet.pick(predicted(), kStart + 20s, 1);
  EXPECT_EQ(slot->worker(), "slow");
  slot->abandoned(kStart + 20s);
}

TEST(FleetPrediction, APromptGoesWhereItsBeginningHasBeenUnlessThatCostsMore) {
  Fleet fleet(steady());
  for (const char* id : {"a", "b", "c", "d"}) beat(fleet, worker_of(id), kStart);
  std::vector<uint64_t> prefix(20);
  std::iota(prefix.begin(), prefix.end(), 1000);
  Demand demand = predicted();
  demand.prompt_tokens = 20 * 512 + 100;
  demand.prefix = prefix;
  auto first = fleet.pick(demand, kStart, 5);
  const std::string home(first->worker());
  first->first_token(kStart + 4s);
  first->succeeded(kStart + 5s);
  for (uint64_t i = 0; i < 8; ++i) {
    auto next = fleet.pick(demand, kStart + 5s, i);
    EXPECT_EQ(next->worker(), home);
    next->abandoned(kStart + 5s);
  }
  // Another conversation keeps its worker busy for longer than reading all anew takes.
  Demand other = predicted();
  other.prompt_tokens = 100'000;
  other.tried = {};
  std::vector<std::string> away;
  for (const char* id : {"a", "b", "c", "d"}) {
    if (id != home) away.emplace_back(id);
  }
  other.tried = away;
  auto busy = fleet.pick(other, kStart + 6s, 1);
  ASSERT_EQ(busy->worker(), home);
  auto moved = fleet.pick(demand, kStart + 6s, 1);
  EXPECT_NE(moved->worker(), home);
  moved->abandoned(kStart + 6s);
  busy->abandoned(kStart + 6s);
}

TEST(FleetPrediction, ACacheIsGoneWithItsProcessAndIsOfOneModel) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a");
  worker.supported = {"m", "n"};
  worker.boot_id = "one";
  beat(fleet, worker, kStart);
  std::vector<uint64_t> prefix(4);
  std::iota(prefix.begin(), prefix.end(), 1000);
  Demand demand = predicted();
  demand.prompt_tokens = 4 * 512;
  demand.prefix = prefix;
  EXPECT_EQ(fleet.explain(demand, kStart).at(0).standing.prefix_saved, 0);
  fleet.pick(demand, kStart, 1)->abandoned(kStart);
  EXPECT_GT(fleet.explain(demand, kStart).at(0).standing.prefix_saved, 0.1);
  demand.model = "n";
  EXPECT_EQ(fleet.explain(demand, kStart).at(0).standing.prefix_saved, 0);
  demand.model = "m";
  worker.boot_id = "two";
  beat(fleet, worker, kStart + 1s);
  EXPECT_EQ(fleet.explain(demand, kStart + 1s).at(0).standing.prefix_saved, 0);
}

TEST(FleetPrediction, GoesByTheSeedsFormulaWhenMostPredictionsAreWrong) {
  Fleet fleet({.ttl = 24h, .exploration = 0});
  Heartbeat roomy = worker_of("a");
  roomy.available_vram = roomy.total_vram;
  beat(fleet, roomy, kStart);
  beat(fleet, worker_of("b"), kStart);
  TimePoint at = kStart + 1s;
  const std::vector<std::string> names = {"a", "b"};
  for (size_t i = 0; i < 60; ++i) {
    Demand demand = demand_for();
    demand.tried = std::span(names).subspan(i % 2, 1);
    auto slot = fleet.pick(demand, at, i);
    at += i / 2 % 2 == 0 ? Duration(30s) : Duration(10ms);  // there is no rule in it
    slot->first_token(at);
    slot->succeeded(at);
  }
  beat(fleet, roomy, at);
  beat(fleet, worker_of("b"), at);
  const auto all = fleet.explain(predicted(), at);
  EXPECT_FALSE(all.at(0).standing.predictable);
  EXPECT_EQ(all.at(0).worker, "a");
  EXPECT_DOUBLE_EQ(all.at(0).score.total, 1.0);
}

}  // namespace
}  // namespace sluice::workers
