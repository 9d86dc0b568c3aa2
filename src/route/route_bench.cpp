#include <benchmark/benchmark.h>

#include "route/balancer.hpp"
#include "route/provider_state.hpp"
#include "route/retry_budget.hpp"
#include "route/table.hpp"

namespace sluice::route {
namespace {

/// 64 providers, 64 rules of which the last one matches, and a fallback.
void BM_Plan(benchmark::State& state) {
  auto config = std::make_shared<config::Config>();
  for (int i = 0; i < 64; ++i) {
    const std::string number = std::to_string(i);
    config->providers.emplace_back().name = "provider-" + number;
    config->routing.rules.push_back(
        {i % 2 == 0, "model-" + number + "-", {"provider-" + number, ""}, 0});
  }
  config->routing.rules.push_back({true, "gpt-", {"provider-63", ""}, -1});
  config->routing.fallbacks.push_back({"provider-63", {{"provider-62", ""}}});
  const RoutingTable table(config);
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.plan("gpt-4o-2024-08-06",
                                        Speakers{kOpenAiSpeakers, kAllSpeakers},
                                        config::ProviderType::kOpenAi));
  }
}
BENCHMARK(BM_Plan);

/// What most requests are: one provider, by the model's name.
void BM_PlanPlain(benchmark::State& state) {
  auto config = std::make_shared<config::Config>();
  config->providers.emplace_back().name = "openai-main";
  const RoutingTable table(config);
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.plan("gpt-4o-2024-08-06",
                                        Speakers{kOpenAiSpeakers, kAllSpeakers},
                                        config::ProviderType::kOpenAi));
  }
}
BENCHMARK(BM_PlanPlain);

/// A group of eight with a fallback of its own.
void BM_PlanGroup(benchmark::State& state) {
  auto config = std::make_shared<config::Config>();
  config::Group group;
  group.name = "pool";
  for (int i = 0; i < 9; ++i) {
    config->providers.emplace_back().name = "provider-" + std::to_string(i);
    if (i < 8) group.members.push_back({{config->providers.back().name, ""}, i + 1});
  }
  config->routing.groups.push_back(group);
  config->routing.rules.push_back({true, "gpt-", {"pool", ""}, 0});
  config->routing.fallbacks.push_back({"pool", {{"provider-8", ""}}});
  const RoutingTable table(config);
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.plan("gpt-4o-2024-08-06",
                                        Speakers{kOpenAiSpeakers, kAllSpeakers},
                                        config::ProviderType::kOpenAi));
  }
}
BENCHMARK(BM_PlanGroup);

/// A key is picked, begun with and ended, as by every attempt.
void BM_PickKey(benchmark::State& state) {
  ProviderState keys(4);
  keys.refused(1, now());
  const TimePoint at = now();
  for (auto _ : state) {
    auto choice = keys.pick("gpt-4o-2024-08-06", at);
    keys.begin(*choice, "gpt-4o-2024-08-06", at);
    keys.succeeded(*choice, "gpt-4o-2024-08-06", at);
  }
}
BENCHMARK(BM_PickKey);

void BM_PickMember(benchmark::State& state) {
  const auto strategy = static_cast<config::Strategy>(state.range(0));
  Balancer balancer;
  std::vector<Standing> members(8);
  for (size_t i = 0; i < members.size(); ++i) members[i].weight = static_cast<int>(i) + 1;
  uint64_t random = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(balancer.pick(strategy, members, random += 0x9e3779b97f4a7c15));
  }
}
BENCHMARK(BM_PickMember)
    ->Arg(static_cast<int>(config::Strategy::kRoundRobin))
    ->Arg(static_cast<int>(config::Strategy::kRandom))
    ->Arg(static_cast<int>(config::Strategy::kWeightedRoundRobin))
    ->Arg(static_cast<int>(config::Strategy::kLeastConnections));

void BM_RetryBudget(benchmark::State& state) {
  RetryBudget budget(0.2);
  const TimePoint at = now();
  for (auto _ : state) {
    budget.on_request(at);
    benchmark::DoNotOptimize(budget.take(at));
  }
}
BENCHMARK(BM_RetryBudget);

}  // namespace
}  // namespace sluice::route
