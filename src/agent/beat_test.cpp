#include "agent/beat.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/gateway_clock.hpp"
#include "agent/incarnation.hpp"

namespace sluice::agent {
namespace {

using testing::ElementsAre;

Look ready_look() {
  Look look{.state = workers::WorkerState::kReady, .engine = &kVllm, .boot_id = "b1"};
  look.view.facts.models = {{.id = "m", .loaded = true, .loras = {}, .max_len = 100}};
  look.view.gauges.running = 3;
  look.view.gauges.kv_total_tokens = 10'000;
  look.view.gauges.kv_free_tokens = 5000;
  return look;
}

TEST(Beat, IsOneThatGatewaysUnderstand) {
  Plan plan{.endpoint = "http://10.0.0.7:8000", .id = "gpu-7", .max_tasks = 64, .fallback = true};
  Look look = ready_look();
  look.gpus = {{.name = "NVIDIA H100", .total_bytes = 80, .free_bytes = 8},
               {.name = "NVIDIA H100", .total_bytes = 80, .free_bytes = 7}};
  const auto parsed = workers::parse_heartbeat(workers::to_json(compose(plan, look)));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->worker_id, "gpu-7");
  EXPECT_EQ(parsed->endpoint, "http://10.0.0.7:8000");
  EXPECT_EQ(parsed->boot_id, "b1");
  EXPECT_EQ(parsed->is_fallback, true);
  EXPECT_EQ(parsed->max_tasks, 64);
  EXPECT_EQ(parsed->active_tasks, 3);
  EXPECT_EQ(parsed->kv_free_tokens, 5000);
  EXPECT_EQ(parsed->total_vram, 160);
  EXPECT_EQ(parsed->available_vram, 15);
  EXPECT_EQ(parsed->gpus.size(), 2U);
  EXPECT_EQ(parsed->state, workers::WorkerState::kReady);
  EXPECT_THAT(parsed->supported, ElementsAre("m"));
}

TEST(Beat, NamesTheModelsThatWereAskedForAndKeepsWhatIsKnownOfThem) {
  Plan plan{.id = "w", .models = {"m", "other"}};
  const auto beat = compose(plan, ready_look());
  EXPECT_THAT(beat.supported, ElementsAre("m", "other"));
  EXPECT_EQ(beat.models[0].max_len, 100);
  EXPECT_EQ(beat.models[1].max_len, 0);
}

TEST(Beat, LeavesOutNamesThatNoHeartbeatCanHold) {
  Look look = ready_look();
  auto& models = look.view.facts.models;
  models.push_back({.id = std::string(300, 'x'), .loaded = true, .loras = {}, .max_len = 0});
  models.push_back({.id = "a\nb", .loaded = true, .loras = {}, .max_len = 0});
  models.push_back({.id = "\xff", .loaded = true, .loras = {"fine", "\x01"}, .max_len = 0});
  for (int i = 0; i < 3000; ++i) {
    models.push_back({.id = std::to_string(i), .loaded = true, .loras = {"lora"}, .max_len = 0});
  }
  const Plan plan{.id = "w"};
  const auto parsed = workers::parse_heartbeat(workers::to_json(compose(plan, look)));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->supported[0], "m");
  EXPECT_EQ(parsed->supported[1], "0");
}

TEST(Beat, TakesFiguresThatCannotBeForUnknown) {
  Look look = ready_look();
  look.view.gauges.running = int64_t{1} << 60;
  look.view.gauges.kv_total_tokens = int64_t{1} << 60;
  look.view.gauges.decode_tps = 1e300;
  const Plan plan{.id = "w"};
  const auto parsed = workers::parse_heartbeat(workers::to_json(compose(plan, look)));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->active_tasks, std::nullopt);
  EXPECT_EQ(parsed->kv_total_tokens, std::nullopt);
  EXPECT_EQ(parsed->decode_tps, std::nullopt);
  EXPECT_EQ(parsed->kv_free_tokens, 5000);
}

TEST(Beat, FitsWhereverGatewaysTakeIt) {
  Look look = ready_look();
  for (int i = 0; i < 2000; ++i) {
    look.view.facts.models.push_back({.id = std::to_string(i) + std::string(200, '"'),
                                      .loaded = true,
                                      .loras = {},
                                      .max_len = 1});
  }
  const Plan plan{.id = "w"};
  const auto parsed = workers::parse_heartbeat(workers::to_json(compose(plan, look)));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_GT(parsed->supported.size(), 100U);
}

TEST(Beat, IsWorthTellingWhenACountChangesAndNotForATrifleOfMemory) {
  const Plan plan{.id = "w"};
  const auto before = compose(plan, ready_look());
  EXPECT_FALSE(worth_telling(before, before));

  Look look = ready_look();
  look.view.gauges.kv_free_tokens = 4950;
  EXPECT_FALSE(worth_telling(before, compose(plan, look)));
  look.view.gauges.kv_free_tokens = 4800;
  EXPECT_TRUE(worth_telling(before, compose(plan, look)));

  look = ready_look();
  look.view.gauges.running = 4;
  EXPECT_TRUE(worth_telling(before, compose(plan, look)));
  look = ready_look();
  look.view.gauges.waiting = 1;
  EXPECT_TRUE(worth_telling(before, compose(plan, look)));
  look = ready_look();
  look.state = workers::WorkerState::kDraining;
  EXPECT_TRUE(worth_telling(before, compose(plan, look)));
  look = ready_look();
  look.view.facts.models.push_back({.id = "n", .loaded = true, .loras = {}, .max_len = 0});
  EXPECT_TRUE(worth_telling(before, compose(plan, look)));
  look = ready_look();
  look.boot_id = "b2";
  EXPECT_TRUE(worth_telling(before, compose(plan, look)));
}

TEST(Incarnation, IsAnotherWhenTheEngineHasBeenStartedAnew) {
  Incarnation incarnation;
  const std::string first = incarnation.boot_id();
  EXPECT_FALSE(incarnation.saw({.started_at = 1000.25, .work = 10}));
  EXPECT_FALSE(incarnation.saw({.started_at = 1000.25, .work = 20}));
  EXPECT_FALSE(incarnation.saw({}));  // a page that was not there once
  EXPECT_FALSE(incarnation.saw({.started_at = 1000.25, .work = 20}));
  EXPECT_EQ(incarnation.boot_id(), first);

  EXPECT_TRUE(incarnation.saw({.started_at = 2000, .work = 30}));
  const std::string second = incarnation.boot_id();
  EXPECT_NE(second, first);

  EXPECT_TRUE(incarnation.saw({.started_at = 2000, .work = 5}));
  EXPECT_NE(incarnation.boot_id(), second);
  EXPECT_FALSE(incarnation.saw({.started_at = 2000, .work = 5}));
}

TEST(Incarnation, IsAnotherAfterNobodyListened) {
  Incarnation incarnation;
  incarnation.gone();  // before it was ever there
  const std::string first = incarnation.boot_id();
  EXPECT_FALSE(incarnation.saw({}));
  EXPECT_EQ(incarnation.boot_id(), first);
  incarnation.gone();
  incarnation.gone();
  EXPECT_TRUE(incarnation.saw({}));
  EXPECT_NE(incarnation.boot_id(), first);
}

TEST(GatewayClock, TellsTheTimeOfTheGatewayWhateverThisMachineThinks) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  GatewayClock clock;
  const TimePoint sent{seconds(100)};
  EXPECT_FALSE(clock.at(sent));
  // 40 ms there and back: it was half of that later when the gateway looked at its clock.
  clock.learn(5000, sent, sent + milliseconds(40));
  EXPECT_NEAR(*clock.at(sent + milliseconds(20)), 5000, 1e-6);
  EXPECT_NEAR(*clock.at(sent + milliseconds(1020)), 5001, 1e-6);
  // Its clock was set: the last reply counts.
  clock.learn(8600, sent + seconds(10), sent + seconds(10));
  EXPECT_NEAR(*clock.at(sent + seconds(11)), 8601, 1e-6);
}

}  // namespace
}  // namespace sluice::agent
