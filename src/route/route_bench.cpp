#include <benchmark/benchmark.h>

#include "route/provider_keys.hpp"
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

void BM_PickKey(benchmark::State& state) {
  KeyRotation keys(4);
  keys.refused(1, now());
  const TimePoint at = now();
  for (auto _ : state) benchmark::DoNotOptimize(keys.pick(at));
}
BENCHMARK(BM_PickKey);

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
