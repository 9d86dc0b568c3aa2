// Who is routable, who has failed, and what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "workers/fleet.hpp"
#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

using namespace std::chrono_literals;
using config::Strategy;

TEST(FleetHealth, SilenceCostsScoreAndThenTheRoute) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  const double fresh = view(fleet, "a", kStart + 7s).score;
  EXPECT_EQ(view(fleet, "a", kStart + 7s).state, "ready");
  EXPECT_EQ(view(fleet, "a", kStart + 8s).state, "stale");
  EXPECT_DOUBLE_EQ(view(fleet, "a", kStart + 8s).score, fresh - 0.1);
  EXPECT_DOUBLE_EQ(view(fleet, "a", kStart + 11s).score, fresh - 0.2);
  // It is all there is: routed on the own ledger.
  auto slot = fleet.pick(demand_for(), kStart + 15s, 1);
  ASSERT_TRUE(slot);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 16s, 1).error(), NoSlot::kUnserved);
  EXPECT_EQ(view(fleet, "a", kStart + 16s).state, "expired");
  EXPECT_FALSE(fleet.serves("m"));
  slot->succeeded(kStart + 60s);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(FleetHealth, AWorkersOwnIntervalSaysWhenItIsStale) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a");
  worker.interval_ms = 250;
  beat(fleet, worker, kStart);
  EXPECT_EQ(view(fleet, "a", kStart + 370ms).state, "ready");
  EXPECT_EQ(view(fleet, "a", kStart + 380ms).state, "stale");
}

TEST(FleetHealth, OneRefusedConnectionClosesAWorkerToAll) {
  Fleet fleet(steady());
  beat(fleet, worker_of("dead"), kStart);
  Heartbeat busy = worker_of("busy");
  busy.active_tasks = 60;
  beat(fleet, busy, kStart);
  auto slot = fleet.pick(demand_for(), kStart + 20s, 1);
  EXPECT_FALSE(slot);
  beat(fleet, worker_of("dead"), kStart + 20s);
  beat(fleet, busy, kStart + 20s);
  slot = fleet.pick(demand_for(), kStart + 20s, 1);
  ASSERT_EQ(slot->worker(), "dead");
  slot->failed(kStart + 20s, true);
  for (uint64_t i = 0; i < 4; ++i) {
    auto next = fleet.pick(demand_for(), kStart + 20s, i);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->worker(), "busy");
    next->succeeded(kStart + 20s);
  }
  EXPECT_EQ(view(fleet, "dead", kStart + 20s).breaker, "open");
  // Its heartbeats go on; that does not make it better.
  beat(fleet, worker_of("dead"), kStart + 20s);
  EXPECT_EQ(view(fleet, "dead", kStart + 20s).breaker, "open");
}

TEST(FleetHealth, ThreeFailuresInARowCloseAWorkerAndOneProbeOpensIt) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  for (int i = 0; i < 3; ++i) fleet.pick(demand_for(), kStart, 1)->failed(kStart, false);
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnavailable);
  auto probe = fleet.pick(demand_for(), kStart + 1s, 1);
  ASSERT_TRUE(probe);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 1s, 1).error(), NoSlot::kUnavailable);
  probe->succeeded(kStart + 2s);
  auto slot = fleet.pick(demand_for(), kStart + 2s, 1);
  ASSERT_TRUE(slot);
  slot->abandoned(kStart + 2s);
}

TEST(FleetHealth, AProbeThatAnswersLetsOthersInBeforeItsEnd) {
  Fleet fleet(steady());
  int freed = 0;
  fleet.tell_free([&](TimePoint) { ++freed; });
  beat(fleet, worker_of("a"), kStart);
  fleet.pick(demand_for(), kStart, 1)->failed(kStart, true);
  auto probe = fleet.pick(demand_for(), kStart + 1s, 1);
  ASSERT_TRUE(probe);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 2s, 1).error(), NoSlot::kUnavailable);
  freed = 0;
  probe->first_token(kStart + 2s);
  EXPECT_EQ(freed, 1);
  auto slot = fleet.pick(demand_for(), kStart + 2s, 1);
  ASSERT_TRUE(slot);
  slot->abandoned(kStart + 2s);
  probe->failed(kStart + 3s, false);
  EXPECT_EQ(view(fleet, "a", kStart + 3s).breaker, "closed");
}

TEST(FleetHealth, WhoHasNotTheModelIsLeftOutForThatModelAlone) {
  Fleet fleet(steady());
  Heartbeat liar = worker_of("liar");
  liar.supported.push_back("n");
  beat(fleet, liar, kStart);
  Heartbeat busy = worker_of("busy");
  busy.active_tasks = 60;
  beat(fleet, busy, kStart);
  for (int i = 0; i < 3; ++i) {
    auto slot = fleet.pick(demand_for(), kStart, 1);
    ASSERT_EQ(slot->worker(), "liar");
    slot->not_served(kStart);
  }
  for (uint64_t i = 0; i < 4; ++i) {
    auto next = fleet.pick(demand_for(), kStart, i);
    ASSERT_EQ(next->worker(), "busy");
    next->abandoned(kStart);
  }
  fleet.pick(demand_for("n"), kStart, 1)->succeeded(kStart);
  const WorkerView seen = view(fleet, "liar", kStart);
  EXPECT_THAT(seen.declines, testing::ElementsAre("m"));
  EXPECT_EQ(seen.reason, "");
  EXPECT_EQ(seen.breaker, "closed");
  for (const Candidate& each : fleet.explain(demand_for(), kStart)) {
    EXPECT_EQ(each.out, each.worker == "liar" ? "it has declined such requests for the model" : "");
  }
  // One probe later; it has the model now.
  auto probe = fleet.pick(demand_for(), kStart + 1s, 1);
  ASSERT_EQ(probe->worker(), "liar");
  auto other = fleet.pick(demand_for(), kStart + 1s, 1);
  EXPECT_EQ(other->worker(), "busy");
  other->abandoned(kStart + 1s);
  probe->first_token(kStart + 1s);
  auto next = fleet.pick(demand_for(), kStart + 1s, 1);
  EXPECT_EQ(next->worker(), "liar");
  next->abandoned(kStart + 1s);
  probe->succeeded(kStart + 2s);
  EXPECT_THAT(view(fleet, "liar", kStart + 2s).declines, testing::IsEmpty());
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(FleetHealth, AProbeOfAModelThatLearnsNothingLeavesItToTheNext) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  for (int i = 0; i < 3; ++i) fleet.pick(demand_for(), kStart, 1)->not_served(kStart);
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnavailable);
  fleet.pick(demand_for(), kStart + 1s, 1)->abandoned(kStart + 1s);
  fleet.pick(demand_for(), kStart + 1s, 1)->pushed_back(kStart + 1s, 0s);
  fleet.pick(demand_for(), kStart + 1s, 1)->failed(kStart + 1s, false);
  fleet.pick(demand_for(), kStart + 1s, 1)->not_served(kStart + 1s);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 2s, 1).error(), NoSlot::kUnavailable);
  // Who has nobody else asks it all the same.
  Demand demand = demand_for();
  demand.desperate = true;
  fleet.pick(demand, kStart + 2s, 1)->succeeded(kStart + 2s);
  fleet.pick(demand_for(), kStart + 2s, 1)->abandoned(kStart + 2s);
}

TEST(FleetHealth, WhoDeclinesEverythingHasNoRoomThatCounts) {
  Fleet fleet(steady());
  beat(fleet, worker_of("liar"), kStart);
  Heartbeat full = worker_of("full");
  full.active_tasks = 64;
  beat(fleet, full, kStart);
  EXPECT_DOUBLE_EQ(fleet.load("m", kStart).saturation, 0.5);
  for (int i = 0; i < 3; ++i) fleet.pick(demand_for(), kStart, 1)->not_served(kStart);
  EXPECT_DOUBLE_EQ(fleet.load("m", kStart).saturation, 1);
  EXPECT_EQ(view(fleet, "liar", kStart).reason, "it has declined such requests for the model");
}

TEST(FleetHealth, RefusalsCountWhenSomebodyElseAnswersThem) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  const auto refuse = [&] { return fleet.pick(demand_for(), kStart, 1)->refused(kStart); };
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(refuse());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(refuse());
  EXPECT_EQ(view(fleet, "a", kStart).reason, "");
  fleet.judge("a", "m", 0, true, kStart);
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnavailable);
  Demand embeddings = demand_for();
  embeddings.route = 2;
  fleet.pick(embeddings, kStart, 1)->abandoned(kStart);
  fleet.judge("nobody", "m", 0, true, kStart);
  fleet.judge("a", "nothing", 0, true, kStart);
}

TEST(FleetHealth, WhoIsDesperateAsksWhoHasFailed) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  fleet.pick(demand_for(), kStart, 1)->failed(kStart, true);
  Demand demand = demand_for();
  demand.desperate = true;
  auto slot = fleet.pick(demand, kStart, 1);
  ASSERT_TRUE(slot);
  slot->succeeded(kStart);
  EXPECT_EQ(view(fleet, "a", kStart).breaker, "closed");
}

TEST(FleetHealth, AWorkerThatAsksForAPauseGetsIt) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  fleet.pick(demand_for(), kStart, 1)->pushed_back(kStart, 5s);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 4s, 1).error(), NoSlot::kUnavailable);
  auto slot = fleet.pick(demand_for(), kStart + 5s, 1);
  ASSERT_TRUE(slot);
  slot->pushed_back(kStart + 5s, Duration::max());
  beat(fleet, worker_of("a"), kStart + 400s);
  EXPECT_TRUE(fleet.pick(demand_for(), kStart + 400s, 1).has_value());
  EXPECT_EQ(view(fleet, "a", kStart + 400s).breaker, "closed");
}

TEST(FleetHealth, DoesNotAskAgainWhoHasFailedTheRequest) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a"), kStart);
  beat(fleet, worker_of("b"), kStart);
  const std::vector<std::string> tried = {"a"};
  Demand demand = demand_for();
  demand.tried = tried;
  for (uint64_t i = 0; i < 20; ++i) {
    auto slot = fleet.pick(demand, kStart, i);
    EXPECT_EQ(slot->worker(), "b");
    slot->abandoned(kStart);
  }
  const std::vector<std::string> both = {"a", "b"};
  demand.tried = both;
  EXPECT_EQ(fleet.pick(demand, kStart, 1).error(), NoSlot::kUnavailable);
}

TEST(FleetHealth, APromptGoesWhereItFits) {
  Fleet fleet(steady());
  Heartbeat small = worker_of("small");
  small.models = {{.id = "m", .loaded = true, .loras = {}, .max_len = 4096}};
  beat(fleet, small, kStart);
  Demand demand = demand_for();
  demand.prompt_tokens = 4000;
  demand.output_tokens = 97;
  EXPECT_EQ(fleet.pick(demand, kStart, 1).error(), NoSlot::kUnavailable);
  demand.output_tokens = INT64_MAX;
  EXPECT_EQ(fleet.pick(demand, kStart, 1).error(), NoSlot::kUnavailable);
  demand.any_length = true;
  fleet.pick(demand, kStart, 1)->abandoned(kStart);
  demand.any_length = false;
  demand.output_tokens = 96;
  fleet.pick(demand, kStart, 1)->abandoned(kStart);
}

TEST(FleetHealth, ADrainingWorkerFinishesAndGetsNothingNew) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a");
  worker.boot_id = "one";
  beat(fleet, worker, kStart);
  auto running = fleet.pick(demand_for(), kStart, 1);
  EXPECT_TRUE(fleet.drain("a", kStart));
  EXPECT_FALSE(fleet.drain("b", kStart));
  beat(fleet, worker, kStart + 1s);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 1s, 1).error(), NoSlot::kUnavailable);
  EXPECT_EQ(view(fleet, "a", kStart + 1s).state, "draining");
  running->succeeded(kStart + 2s);
  worker.boot_id = "two";
  beat(fleet, worker, kStart + 3s);
  EXPECT_EQ(view(fleet, "a", kStart + 3s).state, "ready");
}

TEST(FleetHealth, FollowsTheStateThatAWorkerTells) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a");
  worker.state = WorkerState::kStarting;
  beat(fleet, worker, kStart);
  EXPECT_FALSE(fleet.serves("m"));
  EXPECT_EQ(view(fleet, "a", kStart).reason, "it is starting");
  worker.state = WorkerState::kReady;
  beat(fleet, worker, kStart + 1s);
  EXPECT_TRUE(fleet.serves("m"));
  worker.state = WorkerState::kDraining;
  beat(fleet, worker, kStart + 2s);
  EXPECT_FALSE(fleet.serves("m"));
}

TEST(FleetHealth, WhatIsDiscoveredDoesNotExpire) {
  Fleet fleet(steady());
  Heartbeat found;
  found.worker_id = "svc";
  found.endpoint = "http://10.0.0.7:8000";
  found.supported = {"m"};
  fleet.discovered(found, true, kStart);
  fleet.sweep(kStart + 600s);
  auto slot = fleet.pick(demand_for(), kStart + 600s, 1);
  ASSERT_TRUE(slot);
  fleet.discovered(found, false, kStart + 601s);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 601s, 1).error(), NoSlot::kUnavailable);
  EXPECT_EQ(view(fleet, "svc", kStart + 601s).state, "unhealthy");
  EXPECT_EQ(view(fleet, "svc", kStart + 601s).in_flight, 1);
  fleet.forget("svc", kStart + 602s);
  EXPECT_TRUE(fleet.list(kStart + 602s).empty());
  slot->succeeded(kStart + 603s);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(FleetHealth, AFoundWorkerMayTellOfItself) {
  Fleet fleet(steady());
  Heartbeat found;
  found.worker_id = "svc";
  found.endpoint = "http://10.0.0.7:8000";
  found.supported = {"m"};
  found.max_tasks = 4;
  fleet.discovered(found, true, kStart);
  Heartbeat told;
  told.worker_id = "svc";
  told.active_tasks = 3;
  beat(fleet, told, kStart + 1s);
  fleet.discovered(found, true, kStart + 2s);
  const WorkerView seen = view(fleet, "svc", kStart + 2s);
  EXPECT_TRUE(seen.discovered);
  EXPECT_EQ(seen.active, 3);
  EXPECT_EQ(seen.reason, "");
  // When it falls silent, what it said last says nothing.
  fleet.discovered(found, true, kStart + 60s);
  EXPECT_EQ(view(fleet, "svc", kStart + 60s).active, 0);
  EXPECT_EQ(view(fleet, "svc", kStart + 60s).state, "ready");
}

TEST(FleetHealth, ANewWorkerDoesNotDrawAHerd) {
  Fleet fleet(steady());
  for (int i = 0; i < 4; ++i) {
    Heartbeat worker = worker_of("w" + std::to_string(i), "m", 1000);
    worker.active_tasks = 100;
    beat(fleet, worker, kStart);
    beat(fleet, worker, kStart + 19s);
  }
  beat(fleet, worker_of("new", "m", 1000), kStart + 20s);
  std::mt19937_64 random(5);
  std::map<std::string, int> got;
  std::vector<Slot> held;
  for (int i = 0; i < 100; ++i) {
    held.push_back(fleet.pick(demand_for(), kStart + 20s + i * 5ms, random()).value());
    ++got[std::string(held.back().worker())];
  }
  EXPECT_GT(got["new"], 0);
  EXPECT_LT(got["new"], 30);
}

TEST(FleetHealth, ExplainsWhyEachWorkerWasTakenOrNot) {
  Fleet fleet(steady());
  Heartbeat best = worker_of("best");
  best.available_vram = best.total_vram;
  beat(fleet, best, kStart);
  beat(fleet, worker_of("good"), kStart);
  Heartbeat full = worker_of("full", "m", 1);
  full.active_tasks = 1;
  beat(fleet, full, kStart);
  beat(fleet, worker_of("other", "n"), kStart);
  Heartbeat cloud = worker_of("cloud");
  cloud.is_fallback = true;
  beat(fleet, cloud, kStart);

  const std::vector<Candidate> all = fleet.explain(demand_for(), kStart);
  std::map<std::string, std::string_view> out;
  for (const Candidate& candidate : all) out[candidate.worker] = candidate.out;
  ASSERT_EQ(all.size(), 5);
  EXPECT_EQ(all[0].worker, "best");
  EXPECT_TRUE(all[0].picked);
  EXPECT_DOUBLE_EQ(all[0].score.total, 1.0);
  EXPECT_DOUBLE_EQ(all[1].score.total, 0.4 * 0.1 + 0.3 + 0.2 + 0.1);
  EXPECT_EQ(out["good"], "");
  EXPECT_EQ(out["full"], "it is full");
  EXPECT_EQ(out["other"], "it does not serve the model");
  EXPECT_EQ(out["cloud"], "it is of the other tier");
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(FleetHealth, APickRemembersTheBestOthersAndWhyTheRestWerePassedOver) {
  Fleet fleet(steady());
  for (int i = 0; i < 6; ++i) {
    Heartbeat worker = worker_of("w" + std::to_string(i));
    worker.active_tasks = 10 * i;
    beat(fleet, worker, kStart);
  }
  for (const char* id : {"full-1", "full-2"}) {
    Heartbeat full = worker_of(id, "m", 1);
    full.active_tasks = 1;
    beat(fleet, full, kStart);
  }
  auto slot = fleet.pick(demand_for(), kStart, 1);
  ASSERT_EQ(slot->worker(), "w0");
  const PickTerms& terms = slot->terms();
  EXPECT_EQ(terms.candidates, 6);
  ASSERT_EQ(terms.rivals_size, 3);
  for (size_t i = 0; i < 3; ++i) {
    const Rival& rival = terms.rivals[i];
    EXPECT_EQ(rival.worker(), "w" + std::to_string(i + 1));
    EXPECT_EQ(rival.active, 10 * static_cast<float>(i + 1));
    EXPECT_FLOAT_EQ(rival.concurrency, 1 - rival.active / 64);
    EXPECT_FLOAT_EQ(rival.score, 0.4F * 0.1F + 0.3F * rival.concurrency + 0.3F);
  }
  for (size_t i = 0; i < terms.passed_over.size(); ++i) {
    EXPECT_EQ(terms.passed_over[i], PickTerms::reason(i) == "it is full" ? 2 : 0);
  }
  slot->abandoned(kStart);
}

TEST(FleetHealth, ALongNameOfAnotherWorkerIsCutInTheTermsOfAPick) {
  Fleet fleet(steady());
  beat(fleet, worker_of(std::string(100, 'x')), kStart);
  Heartbeat better = worker_of("y");
  better.available_vram = better.total_vram;
  beat(fleet, better, kStart);
  auto slot = fleet.pick(demand_for(), kStart, 1);
  ASSERT_EQ(slot->worker(), "y");
  ASSERT_EQ(slot->terms().rivals_size, 1);
  EXPECT_EQ(slot->terms().rivals[0].worker(), std::string(Rival::kLongestName, 'x'));
  slot->abandoned(kStart);
}

TEST(FleetHealth, SaturationIsWeightedByCapacity) {
  Fleet fleet(steady());
  Heartbeat big = worker_of("big", "m", 60);
  big.active_tasks = 30;
  beat(fleet, big, kStart);
  Heartbeat small = worker_of("small", "m", 20);
  small.active_tasks = 20;
  beat(fleet, small, kStart);
  Fleet::Load load = fleet.load("m", kStart);
  EXPECT_EQ(load.workers, 2);
  EXPECT_EQ(load.slots, 80);
  EXPECT_EQ(load.active, 50);
  EXPECT_DOUBLE_EQ(load.saturation, (60 * 0.5 + 20 * 1.0) / 80);
  // A cache that is nearly full, and requests that wait, are load too.
  big.kv_total_tokens = 100'000;
  big.kv_free_tokens = 20'000;
  small.active_tasks = 0;
  small.waiting_tasks = 4;
  beat(fleet, big, kStart + 1s);
  beat(fleet, small, kStart + 1s);
  load = fleet.load("m", kStart + 1s);
  EXPECT_DOUBLE_EQ(load.saturation, (60 * 1.0 + 20 * 0.8) / 80);
  EXPECT_EQ(fleet.load("none", kStart).workers, 0);
}

TEST(FleetHealth, KvCacheFillsWithWhatIsSentAndGenerated) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a");
  worker.kv_total_tokens = 100'000;
  worker.kv_free_tokens = 60'000;
  beat(fleet, worker, kStart);
  auto slot = fleet.pick(demand_for(), kStart + 1s, 1);
  slot->first_token(kStart + 2s);
  slot->generated(200);
  slot->generated(500);
  EXPECT_EQ(view(fleet, "a", kStart + 3s).kv_free, 60'000 - 1000 - 500);
  // The worker knows of the prompt, and of what had been generated when it looked.
  worker.kv_free_tokens = 58'500;
  beat(fleet, worker, kStart + 5s);
  EXPECT_EQ(view(fleet, "a", kStart + 5s).kv_free, 58'500);
  slot->generated(700);
  EXPECT_EQ(view(fleet, "a", kStart + 6s).kv_free, 58'300);
  slot->succeeded(kStart + 7s);
  EXPECT_EQ(view(fleet, "a", kStart + 7s).kv_free, 60'000);
  EXPECT_EQ(fleet.outstanding(), 0);
}

}  // namespace
}  // namespace sluice::workers
