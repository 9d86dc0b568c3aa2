#include "observe/fleet_figures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/slices.hpp"
#include "observe/metrics.hpp"

namespace sluice::observe {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string scraped(const FleetFigures& fleet) {
  Metrics metrics("v");
  metrics.ask_workers([fleet] { return fleet; });
  return metrics.prometheus();
}

TEST(FleetMetrics, TellWhatWaitsAndHowFullTheWorkersAre) {
  const std::string text = scraped({.queues = {{.model = "llama \"3\"",
                                                .depth = {1, 2, 3},
                                                .oldest = std::chrono::milliseconds(250),
                                                .saturation = 0.5,
                                                .desired_workers = 4}}});
  const std::string model = R"(model="llama \"3\"")";
  EXPECT_THAT(text, HasSubstr("gateway_queue_depth{" + model + ",class=\"interactive\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gateway_queue_depth{" + model + ",class=\"default\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gateway_queue_depth{" + model + ",class=\"bulk\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gateway_queue_oldest_wait_seconds{" + model + "} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("gateway_saturation{" + model + "} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("gateway_desired_workers{" + model + "} 4\n"));
}

TEST(FleetMetrics, TellOfEveryWorkerAndOfProviders) {
  const std::string text = scraped({.workers = {{.worker = "gpu-1",
                                                 .state = "ready",
                                                 .score = 0.7,
                                                 .free_vram = 8e9,
                                                 .active = 3,
                                                 .drift = -1,
                                                 .breaker = BreakerState::kHalfOpen},
                                                {.worker = "gpu-2", .state = "stale"}},
                                    .providers = {{"main", BreakerState::kOpen}},
                                    .heartbeats = 9});
  EXPECT_THAT(text, HasSubstr("gateway_worker_score{worker=\"gpu-1\"} 0.7\n"));
  EXPECT_THAT(text, HasSubstr("gateway_worker_free_vram_bytes{worker=\"gpu-1\"} 8000000000\n"));
  EXPECT_THAT(text, HasSubstr("gateway_worker_active{worker=\"gpu-1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gateway_worker_ledger_drift{worker=\"gpu-1\"} -1\n"));
  EXPECT_THAT(text, HasSubstr("gateway_workers{state=\"ready\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gateway_workers{state=\"stale\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gateway_workers{state=\"expired\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gateway_circuit_breaker_state{provider=\"main\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gateway_circuit_breaker_state{worker=\"gpu-1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gateway_circuit_breaker_state{worker=\"gpu-2\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\ngateway_heartbeats_total 9\n"));
}

// Whoever may register workers must not be able to fill the disk of who scrapes.
TEST(FleetMetrics, ManyWorkersAndModelsAreAddedUp) {
  FleetFigures fleet;
  for (int i = 0; i < 300; ++i) {
    fleet.workers.push_back({.worker = fmt::format("w{}", i), .state = "ready", .active = 2});
    fleet.queues.push_back({.model = fmt::format("m{}", i), .depth = {1, 0, 0}});
  }
  // One with that very name must not make a series twice.
  fleet.workers.insert(fleet.workers.begin(), {.worker = "other", .state = "ready", .active = 5});
  const std::string text = scraped(fleet);
  EXPECT_THAT(text, HasSubstr("gateway_worker_active{worker=\"w255\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gateway_worker_active{worker=\"other\"} 93\n"));
  EXPECT_THAT(text, Not(HasSubstr("worker=\"other\"} 5\n")));
  EXPECT_THAT(text, Not(HasSubstr("w256")));
  EXPECT_THAT(text, HasSubstr("gateway_workers{state=\"ready\"} 301\n"));
  EXPECT_THAT(text, HasSubstr("gateway_queue_depth{model=\"other\",class=\"interactive\"} 44\n"));
  EXPECT_THAT(text, Not(HasSubstr("m256")));
}

TEST(FleetMetrics, StandInTheJsonTooAndOnlyWhileThereAreAny) {
  Metrics metrics("v");
  EXPECT_THAT(metrics.json(), Not(HasSubstr("queue_depth")));
  metrics.ask_workers([] {
    return FleetFigures{.queues = {{.model = "m", .depth = {1, 2, 0}, .saturation = 0.25}},
                        .workers = {{.worker = "w", .state = "ready"}}};
  });
  const std::string text = metrics.json();
  ASSERT_TRUE(json::valid(text)) << text;
  const json::Value whole(text);
  EXPECT_EQ(whole["queue_depth"].as_int(), 3);
  EXPECT_EQ(whole["saturation"].raw(), "0.25");
  EXPECT_EQ(whole["workers"]["ready"].as_int(), 1);
  EXPECT_EQ(whole["workers"]["expired"].as_int(), 0);
  metrics.ask_workers({});
  EXPECT_THAT(metrics.prometheus(), Not(HasSubstr("gateway_queue_depth")));
}

}  // namespace
}  // namespace sluice::observe
