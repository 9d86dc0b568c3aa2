#include "workers/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

using namespace std::chrono_literals;
using config::Strategy;
using testing::ElementsAre;

/// How many of `n` requests at one moment each worker gets; none ends.
std::map<std::string, int> shares(Fleet& fleet, const Demand& demand, int n, TimePoint at,
                                  std::vector<Slot>& held) {
  std::map<std::string, int> shares;
  std::mt19937_64 random(7);
  for (int i = 0; i < n; ++i) {
    auto slot = fleet.pick(demand, at, random());
    if (!slot) continue;
    ++shares[std::string(slot->worker())];
    held.push_back(std::move(*slot));
  }
  return shares;
}

void let_go(std::vector<Slot>& held, TimePoint at) {
  for (Slot& slot : held) slot.abandoned(at);
  held.clear();
}

TEST(Fleet, AWorkerIsUsedAsSoonAsItHasTold) {
  Fleet fleet(steady());
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnserved);
  EXPECT_FALSE(beat(fleet, worker_of("a"), kStart));
  EXPECT_TRUE(fleet.serves("m"));
  auto slot = fleet.pick(demand_for(), kStart, 1);
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->worker(), "a");
  EXPECT_EQ(slot->endpoint(), "http://a:8000");
  EXPECT_TRUE(beat(fleet, worker_of("a"), kStart + 5s));
  slot->succeeded(kStart + 6s);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(Fleet, SpreadsABurstBetweenHeartbeatsOverEqualWorkers) {
  for (const Strategy strategy :
       {Strategy::kVram, Strategy::kPredicted, Strategy::kLeastConnections}) {
    Fleet fleet(Fleet::Options{});
    for (int i = 0; i < 8; ++i) beat(fleet, worker_of("w" + std::to_string(i)), kStart);
    std::vector<Slot> held;
    const auto got = shares(fleet, demand_for("m", strategy), 200, kStart + 1s, held);
    int most = 0;
    for (const auto& [worker, count] : got) most = std::max(most, count);
    EXPECT_LE(most, 25 * 1.3) << static_cast<int>(strategy);
    EXPECT_EQ(held.size(), 200);
    let_go(held, kStart + 2s);
    EXPECT_EQ(fleet.outstanding(), 0);
  }
}

TEST(Fleet, SpreadsABurstOverWorkersThatTellNoLimit) {
  Fleet fleet(steady());
  for (int i = 0; i < 8; ++i) {
    Heartbeat worker = worker_of("w" + std::to_string(i));
    worker.active_tasks = worker.max_tasks = std::nullopt;
    beat(fleet, worker, kStart);
  }
  std::vector<Slot> held;
  for (const auto& [worker, count] : shares(fleet, demand_for(), 200, kStart, held)) {
    EXPECT_EQ(count, 25) << worker;
  }
  let_go(held, kStart);
}

TEST(Fleet, NeverSendsAModelToWhoDoesNotServeIt) {
  Fleet fleet(Fleet::Options{});
  beat(fleet, worker_of("idle", "other"), kStart);
  Heartbeat busy = worker_of("busy");
  busy.active_tasks = 63;
  beat(fleet, busy, kStart);
  auto slot = fleet.pick(demand_for(), kStart, 1);
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->worker(), "busy");
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 2).error(), NoSlot::kFull);
  EXPECT_EQ(fleet.pick(demand_for("third"), kStart, 3).error(), NoSlot::kUnserved);
  slot->abandoned(kStart);
}

TEST(Fleet, AFallbackGetsNothingUnlessAskedFor) {
  Fleet fleet(Fleet::Options{});
  beat(fleet, worker_of("own", "m", 2), kStart);
  Heartbeat cloud = worker_of("cloud", "m", 1000);
  cloud.is_fallback = true;
  beat(fleet, cloud, kStart);
  std::vector<Slot> held;
  EXPECT_THAT(shares(fleet, demand_for(), 10, kStart, held), ElementsAre(std::pair("own", 2)));
  Demand demand = demand_for();
  demand.fallback = true;
  EXPECT_THAT(shares(fleet, demand, 10, kStart, held), ElementsAre(std::pair("cloud", 10)));
  let_go(held, kStart);
}

TEST(Fleet, ServesWhatIsLoadedAndItsAdapters) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "base");
  worker.models = {{.id = "base", .loaded = true, .loras = {"tuned"}, .max_len = 0},
                   {.id = "later", .loaded = false, .loras = {"none"}, .max_len = 0}};
  beat(fleet, worker, kStart);
  EXPECT_THAT(fleet.models(), ElementsAre("base", "tuned"));
  EXPECT_TRUE(fleet.serves("tuned"));
  worker.models[0].loras.clear();
  beat(fleet, worker, kStart + 1s);
  EXPECT_FALSE(fleet.serves("tuned"));
  EXPECT_TRUE(fleet.serves("base"));
}

TEST(Fleet, AWorkerWithoutAnEndpointIsShownAndGetsNothing) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a");
  worker.endpoint.clear();
  beat(fleet, worker, kStart);
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnserved);
  EXPECT_FALSE(fleet.serves("m"));
  EXPECT_EQ(view(fleet, "a", kStart).reason, "it has told no endpoint");
}

TEST(Fleet, AConstantZeroDoesNotOverfillAWorker) {
  // The request of the source document, sent in a loop.
  Fleet fleet(steady());
  beat(fleet, worker_of("a", "m", 2), kStart);
  std::vector<Slot> held;
  for (int i = 0; i < 20; ++i) {
    const TimePoint at = kStart + i * 1s;
    beat(fleet, worker_of("a", "m", 2), at);
    if (auto slot = fleet.pick(demand_for(), at, 1)) held.push_back(std::move(*slot));
  }
  EXPECT_EQ(held.size(), 2);
  let_go(held, kStart + 20s);
}

TEST(Fleet, CountsWhatOthersRunOnAWorker) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "m", 10);
  worker.active_tasks = 7;
  beat(fleet, worker, kStart);
  std::vector<Slot> held;
  EXPECT_EQ(shares(fleet, demand_for(), 10, kStart + 1s, held)["a"], 3);
  EXPECT_EQ(view(fleet, "a", kStart + 1s).active, 10);
  let_go(held, kStart + 2s);
  EXPECT_EQ(view(fleet, "a", kStart + 2s).active, 7);
}

TEST(Fleet, AHeartbeatClearsOnlyWhatItsSampleKnows) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "m", 10);
  worker.active_tasks = 4;
  beat(fleet, worker, kStart);
  auto first = fleet.pick(demand_for(), kStart + 1s, 1);
  auto second = fleet.pick(demand_for(), kStart + 3s, 1);
  // Read at 2 s, with the first request in it; on its way until 4 s.
  worker.active_tasks = 5;
  worker.sample_at = gateway_time(kStart + 2s);
  beat(fleet, worker, kStart + 4s);
  EXPECT_EQ(view(fleet, "a", kStart + 4s).active, 6);
  EXPECT_EQ(view(fleet, "a", kStart + 4s).drift, 0);
  first->succeeded(kStart + 5s);
  EXPECT_EQ(view(fleet, "a", kStart + 5s).active, 5);
  worker.sample_at = gateway_time(kStart + 6s);
  worker.active_tasks = 5;
  beat(fleet, worker, kStart + 6s);
  EXPECT_EQ(view(fleet, "a", kStart + 6s).active, 5);
  second->succeeded(kStart + 7s);
  EXPECT_EQ(view(fleet, "a", kStart + 7s).active, 4);
}

TEST(Fleet, ShowsByHowMuchItsOwnFiguresWereOff) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "m", 10);
  beat(fleet, worker, kStart);
  auto slot = fleet.pick(demand_for(), kStart + 1s, 1);
  worker.active_tasks = 4;
  beat(fleet, worker, kStart + 5s);
  EXPECT_EQ(view(fleet, "a", kStart + 5s).drift, 3);
  slot->abandoned(kStart + 5s);
}

TEST(Fleet, TakesItsOwnRequestsTimesTheGateways) {
  Fleet fleet({.gateways = 4, .exploration = 0});
  beat(fleet, worker_of("a", "m", 10), kStart);
  std::vector<Slot> held;
  EXPECT_EQ(shares(fleet, demand_for(), 10, kStart, held)["a"], 3);
  let_go(held, kStart);
}

TEST(Fleet, ReplayedAndReorderedHeartbeatsChangeNothing) {
  Fleet fleet(steady());
  std::vector<Heartbeat> beats;
  for (int i = 0; i < 5; ++i) {
    Heartbeat& worker = beats.emplace_back(worker_of("a", "m", 10));
    worker.boot_id = i == 0 ? "before" : "now";
    worker.seq = i;
    worker.active_tasks = i;
    worker.sample_at = gateway_time(kStart + i * 1s);
  }
  for (int i = 0; i < 5; ++i) beat(fleet, beats[i], kStart + i * 1s);
  const WorkerView then = view(fleet, "a", kStart + 5s);
  EXPECT_EQ(then.active, 4);
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(beat(fleet, beats[random() % 5], kStart + 5s));
  const WorkerView after = view(fleet, "a", kStart + 5s);
  EXPECT_EQ(after.active, 4);
  EXPECT_EQ(after.age, then.age);
  EXPECT_EQ(after.last.boot_id, "now");
}

TEST(Fleet, AnOvertakenSampleIsIgnoredWhereNothingIsNumbered) {
  Fleet fleet(steady());
  Heartbeat newer = worker_of("a", "m", 10);
  newer.active_tasks = 7;
  newer.sample_at = gateway_time(kStart + 3s);
  Heartbeat older = newer;
  older.active_tasks = 1;
  older.sample_at = gateway_time(kStart + 2s);
  beat(fleet, newer, kStart + 3s);
  beat(fleet, older, kStart + 4s);
  EXPECT_EQ(view(fleet, "a", kStart + 4s).active, 7);
}

TEST(Fleet, ClocksThatAreHoursApartDoNoHarm) {
  for (const double skew : {-3600.0, 3600.0, -1e9, 1e9}) {
    for (const bool numbered : {true, false}) {
      Fleet fleet(steady());
      Heartbeat worker = worker_of("a", "m", 10);
      std::vector<Slot> held;
      for (int i = 0; i < 20; ++i) {
        const TimePoint at = kStart + i * 5s;
        worker.active_tasks = static_cast<int64_t>(held.size());
        if (numbered) worker.seq = i;
        worker.sample_at = std::max(gateway_time(at) + skew, 0.0);
        beat(fleet, worker, at);
        const WorkerView seen = view(fleet, "a", at + 1s);
        EXPECT_EQ(seen.state, "ready") << skew;
        EXPECT_EQ(seen.active, std::min(i, 5)) << skew;
        if (held.size() < 5) held.push_back(fleet.pick(demand_for(), at + 1s, 1).value());
      }
      let_go(held, kStart + 200s);
      EXPECT_EQ(view(fleet, "a", kStart + 96s).active, 0) << skew;
    }
  }
}

TEST(Fleet, AWorkersClockMayBeSet) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "m", 10);
  worker.sample_at = gateway_time(kStart) + 7200;
  beat(fleet, worker, kStart);
  worker.active_tasks = 3;
  worker.sample_at = gateway_time(kStart + 5s);
  beat(fleet, worker, kStart + 5s);
  EXPECT_EQ(view(fleet, "a", kStart + 5s).active, 3);
}

TEST(Fleet, WhatRunsSurvivesASilenceOfTheWorker) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "m", 10);
  worker.boot_id = "boot";
  beat(fleet, worker, kStart);
  auto one = fleet.pick(demand_for(), kStart, 1);
  auto other = fleet.pick(demand_for(), kStart, 1);
  fleet.sweep(kStart + 20s);
  EXPECT_FALSE(fleet.serves("m"));
  EXPECT_TRUE(fleet.list(kStart + 20s).empty());
  EXPECT_EQ(fleet.outstanding(), 2);
  one->succeeded(kStart + 21s);
  EXPECT_FALSE(beat(fleet, worker, kStart + 22s));
  EXPECT_EQ(view(fleet, "a", kStart + 22s).in_flight, 1);
  EXPECT_EQ(view(fleet, "a", kStart + 22s).active, 1);
  other->succeeded(kStart + 23s);
  EXPECT_EQ(view(fleet, "a", kStart + 23s).active, 0);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(Fleet, ANewBootIsAnotherWorker) {
  Fleet fleet(steady());
  Heartbeat worker = worker_of("a", "m", 10);
  worker.boot_id = "one";
  worker.seq = 17;
  beat(fleet, worker, kStart);
  auto slot = fleet.pick(demand_for(), kStart, 1);
  auto dead = fleet.pick(demand_for(), kStart, 1);
  dead->failed(kStart + 1s, true);
  EXPECT_EQ(fleet.pick(demand_for(), kStart + 1s, 1).error(), NoSlot::kUnavailable);
  worker.boot_id = "two";
  worker.seq = 0;
  EXPECT_FALSE(beat(fleet, worker, kStart + 1s));
  EXPECT_EQ(view(fleet, "a", kStart + 1s).active, 0);
  EXPECT_EQ(view(fleet, "a", kStart + 1s).breaker, "closed");
  auto again = fleet.pick(demand_for(), kStart + 1s, 1);
  ASSERT_TRUE(again);
  slot->failed(kStart + 2s, true);  // of the process that is gone
  EXPECT_EQ(view(fleet, "a", kStart + 2s).breaker, "closed");
  EXPECT_EQ(view(fleet, "a", kStart + 2s).active, 1);
  again->succeeded(kStart + 3s);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST(Fleet, AsksForHeartbeatsThatTheTimeToLiveAllowsFor) {
  Fleet fleet(steady());
  EXPECT_EQ(fleet.heartbeat(worker_of("a"), kStart, 0)->next_interval_ms, 5000);
  fleet.use({.ttl = 3s});
  EXPECT_EQ(fleet.heartbeat(worker_of("a"), kStart, 0)->next_interval_ms, 1000);
}

TEST(Fleet, AWorkerThatTakesNoneIsNotWaitedFor) {
  Fleet fleet(steady());
  beat(fleet, worker_of("a", "m", 0), kStart);
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnavailable);
  EXPECT_FALSE(fleet.serves("m"));
  beat(fleet, worker_of("a", "m", 1), kStart + 1s);
  EXPECT_TRUE(fleet.pick(demand_for(), kStart + 1s, 1).has_value());
}

TEST(Fleet, TellsWhenAPlaceHasBecomeFree) {
  Fleet fleet(steady());
  int told = 0;
  fleet.tell_free([&](TimePoint at) {
    ++told;
    EXPECT_LE(fleet.load("m", at).active, 1);  // the lock is free
  });
  beat(fleet, worker_of("a", "m", 1), kStart);
  EXPECT_EQ(told, 1);
  auto slot = fleet.pick(demand_for(), kStart, 1);
  EXPECT_EQ(told, 1);
  slot->succeeded(kStart);
  EXPECT_EQ(told, 2);
}

TEST(Fleet, RefusesMoreWorkersThanItCanHold) {
  Fleet fleet(steady());
  for (size_t i = 0; i < Fleet::kMaxWorkers; ++i) {
    beat(fleet, worker_of("w" + std::to_string(i)), kStart);
  }
  const auto refused = fleet.heartbeat(worker_of("more"), kStart, kGatewayTime);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRateLimitExceeded);
  EXPECT_TRUE(beat(fleet, worker_of("w7"), kStart + 5s));
  fleet.sweep(kStart + 17s);
  EXPECT_EQ(fleet.list(kStart + 17s).size(), 1);
}

}  // namespace
}  // namespace sluice::workers
