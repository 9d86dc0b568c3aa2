#include <gmock/gmock.h>

#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

Heartbeat stranger_of(std::string id) {
  Heartbeat heartbeat = worker_of(std::move(id));
  heartbeat.endpoint.clear();
  return heartbeat;
}

Result<HeartbeatReply> strange_beat(Fleet& fleet, const Heartbeat& heartbeat,
                                    TimePoint at = kStart) {
  return fleet.heartbeat(heartbeat, at, gateway_time(at), Sender::kStranger);
}

TEST(FleetStrangers, AreShownAndGetNoRequests) {
  Fleet fleet(steady());
  EXPECT_FALSE(strange_beat(fleet, stranger_of("a"))->known);
  EXPECT_TRUE(strange_beat(fleet, stranger_of("a"))->known);
  EXPECT_FALSE(view(fleet, "a", kStart).reason.empty());
  EXPECT_FALSE(fleet.serves("m"));
  EXPECT_EQ(fleet.pick(demand_for(), kStart, 1).error(), NoSlot::kUnserved);
  EXPECT_EQ(strange_beat(fleet, worker_of("b")).error().code, ErrorCode::kPermissionDenied);
}

TEST(FleetStrangers, ChangeNothingOfAWorkerThatIsKnown) {
  Fleet fleet(steady());
  Heartbeat good = worker_of("a");
  good.boot_id = "boot";
  good.seq = 1;
  beat(fleet, good, kStart);
  fleet.discovered(worker_of("found"), true, kStart);
  Heartbeat bad = stranger_of("a");
  for (const char* boot : {"", "boot", "other"}) {
    bad.boot_id = boot;
    bad.seq = 1000;
    bad.state = WorkerState::kDraining;
    bad.active_tasks = 64;
    EXPECT_EQ(strange_beat(fleet, bad).error().param, "worker_id");
  }
  EXPECT_EQ(strange_beat(fleet, stranger_of("found")).error().param, "worker_id");
  const WorkerView seen = view(fleet, "a", kStart);
  EXPECT_EQ(seen.state, "ready");
  EXPECT_EQ(seen.reason, "");
  EXPECT_EQ(seen.active, 0);
  good.seq = 2;
  EXPECT_TRUE(beat(fleet, good, kStart));
}

TEST(FleetStrangers, GiveAnIdUpToWhomItBelongs) {
  Fleet fleet(steady());
  Heartbeat squatter = stranger_of("a");
  squatter.boot_id = "boot";
  squatter.seq = 1'000'000;
  ASSERT_TRUE(strange_beat(fleet, squatter).has_value());
  ASSERT_TRUE(strange_beat(fleet, stranger_of("found")).has_value());
  Heartbeat good = worker_of("a");
  good.boot_id = "boot";
  good.seq = 1;
  EXPECT_FALSE(beat(fleet, good, kStart));
  EXPECT_EQ(view(fleet, "a", kStart).reason, "");
  EXPECT_FALSE(strange_beat(fleet, squatter).has_value());
  fleet.discovered(worker_of("found"), true, kStart);
  EXPECT_EQ(view(fleet, "found", kStart).reason, "");
}

TEST(FleetStrangers, AreFewAndLeaveRoom) {
  Fleet fleet(steady());
  for (size_t i = 0; i < Fleet::kMaxStrangers; ++i) {
    ASSERT_TRUE(strange_beat(fleet, stranger_of("s" + std::to_string(i))).has_value());
  }
  EXPECT_EQ(strange_beat(fleet, stranger_of("more")).error().code, ErrorCode::kRateLimitExceeded);
  // Those that are there may go on, also after a restart, and others are not hindered.
  Heartbeat again = stranger_of("s0");
  again.boot_id = "next";
  EXPECT_TRUE(strange_beat(fleet, again).has_value());
  again.boot_id = "after";
  EXPECT_TRUE(strange_beat(fleet, again).has_value());
  EXPECT_FALSE(beat(fleet, worker_of("good"), kStart));
  EXPECT_FALSE(strange_beat(fleet, stranger_of("more")).has_value());
  // They go as others do.
  const TimePoint later = kStart + std::chrono::seconds(16);
  fleet.sweep(later);
  EXPECT_TRUE(strange_beat(fleet, stranger_of("more"), later).has_value());
}

}  // namespace
}  // namespace sluice::workers
