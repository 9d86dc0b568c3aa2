#include "relay/explain.hpp"

#include <gmock/gmock.h>

#include "json/slices.hpp"
#include "relay/clients.hpp"

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr TimePoint kNow = TimePoint(std::chrono::hours(10));

config::Provider provider(std::string name) {
  config::Provider out;
  out.name = std::move(name);
  out.type = config::ProviderType::kOpenAi;
  out.base_url = "http://127.0.0.1:9";
  out.api_keys = {Secret("k")};
  return out;
}

class ExplainTest : public testing::Test {
 protected:
  ExplainTest() {
    config.providers = {provider("a"), provider("b")};
    config.providers[0].is_default = true;
    config.routing.fallbacks = {{.from = "a", .to = {{.name = "b", .model = {}}}}};
  }

  void load() {
    auto clients = clients_of_config(config, registry);
    ASSERT_TRUE(clients.has_value());
    auto made = make_snapshot(std::make_shared<const config::Config>(config), std::move(*clients),
                              1, states);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    snapshot = *made;
  }

  void beat(std::string id, int64_t active, int64_t max, bool fallback = false) {
    workers::Heartbeat heartbeat;
    heartbeat.endpoint = "http://" + id + ":8000";
    heartbeat.worker_id = std::move(id);
    heartbeat.supported = {"llama"};
    heartbeat.active_tasks = active;
    heartbeat.max_tasks = max;
    heartbeat.is_fallback = fallback;
    ASSERT_TRUE(fleet.heartbeat(std::move(heartbeat), kNow, 1e9).has_value());
  }

  Explanation ask(std::string model, config::Class urgency = config::Class::kDefault) {
    auto out = explain(*snapshot, dispatcher,
                       {.model = std::move(model), .prefix = {}, .urgency = urgency}, kNow);
    EXPECT_TRUE(out.has_value());
    return out ? std::move(*out) : Explanation();
  }

  std::string picked(const Explanation& explanation) {
    const Explained* pick = explanation.pick();
    if (pick == nullptr) return "nobody";
    return pick->worker.empty() ? pick->provider : pick->worker;
  }

  /// A failure of its only key, which counts as refused.
  void refuse(size_t provider) {
    route::ProviderState& state = *snapshot->upstreams[provider]->state;
    auto choice = state.pick("m", kNow);
    ASSERT_TRUE(choice && state.begin(*choice, "m", kNow));
    state.failed(*choice, "m", kNow, true, 0);
  }

  config::Config config;
  quota::Registry registry;
  route::TargetStates states;
  SnapshotPtr snapshot;
  workers::Fleet fleet{{.exploration = 0}};
  workers::Dispatcher dispatcher{fleet, {}};
};

TEST_F(ExplainTest, NamesTheTiersInTheirOrderAndPicksTheFirst) {
  load();
  const Explanation told = ask("m");
  ASSERT_EQ(told.tiers.size(), 2U);
  EXPECT_EQ(told.tiers[0].name, "a");
  EXPECT_EQ(told.tiers[1].name, "b");
  EXPECT_EQ(picked(told), "a");
  EXPECT_THAT(told.rule, HasSubstr("default"));
  EXPECT_FALSE(told.queue.has_value());
}

TEST_F(ExplainTest, PassesOverWhoHasFailedAndSaysSo) {
  load();
  refuse(0);
  const Explanation told = ask("m");
  EXPECT_EQ(picked(told), "b");
  EXPECT_FALSE(told.tiers[0].targets[0].available);
  EXPECT_EQ(told.tiers[0].targets[0].breaker, "open");
  EXPECT_EQ(told.tiers[0].targets[0].reason, "it has failed lately");
  refuse(1);
  const Explanation last = ask("m");
  EXPECT_EQ(picked(last), "a");
  EXPECT_TRUE(last.desperate);
}

TEST_F(ExplainTest, PicksTheBestWorkerAndTakesNoPlace) {
  load();
  beat("busy", 6, 8);
  beat("free", 1, 8);
  beat("full", 8, 8);
  for (int i = 0; i < 100; ++i) {
    const Explanation told = ask("llama");
    EXPECT_EQ(picked(told), "free");
    EXPECT_FALSE(told.waits);
  }
  const Explanation told = ask("llama");
  std::vector<std::string> out;
  for (const Explained& each : told.tiers[0].targets) {
    EXPECT_EQ(each.available, each.reason.empty());
    ASSERT_TRUE(each.score.has_value());
    if (!each.available) out.push_back(each.worker + ": " + each.reason);
  }
  EXPECT_THAT(out, ElementsAre("full: it is full"));
  ASSERT_TRUE(told.queue.has_value());
  EXPECT_EQ(told.queue->workers, 3);
  EXPECT_EQ(fleet.outstanding(), 0);
}

TEST_F(ExplainTest, WaitsWhereAllAreFull) {
  load();
  beat("full", 8, 8);
  EXPECT_TRUE(ask("llama").waits);
  EXPECT_EQ(picked(ask("llama")), "nobody");
}

TEST_F(ExplainTest, WaitsBehindThoseWhoWaitAndAreNoLessUrgent) {
  load();
  beat("w", 8, 8);
  auto verdict = dispatcher.ask({.model = "llama", .prefix = {}, .tried = {}}, kNow, [] {});
  ASSERT_EQ(verdict.kind, workers::Verdict::kQueued);
  EXPECT_TRUE(ask("llama", config::Class::kBulk).waits);
  EXPECT_EQ(ask("llama").queue->depth[static_cast<size_t>(config::Class::kDefault)], 1);
  verdict = dispatcher.leave(*verdict.ticket, kNow);
}

TEST_F(ExplainTest, SaysWhatAClientWouldHear) {
  config.providers[0].models = {"known"};
  config.providers[1].models = {"known"};
  config.routing.fallbacks.clear();
  load();
  const auto told = explain(*snapshot, dispatcher, {.model = "unknown", .prefix = {}}, kNow);
  ASSERT_FALSE(told.has_value());
  EXPECT_EQ(told.error().code, ErrorCode::kModelNotFound);
}

TEST_F(ExplainTest, IsJson) {
  load();
  beat("w", 0, 8);
  const Hypothesis asked{.model = "llama", .prefix = {}};
  const auto told = explain(*snapshot, dispatcher, asked, kNow);
  const std::string text = to_json(*told, asked);
  ASSERT_TRUE(json::valid(text)) << text;
  EXPECT_EQ(json::Value(text)["pick"]["worker"].as_string(), "w");
  EXPECT_EQ(json::Value(text)["queue"]["bulk"].as_int(), 0);
}

}  // namespace
}  // namespace sluice::relay
