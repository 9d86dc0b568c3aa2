// What a pick costs, and what a heartbeat costs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "workers/fleet.hpp"
#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

using config::Strategy;

constexpr int kWorkers = 64;

Heartbeat telling(int index) {
  Heartbeat worker = worker_of("gpu-" + std::to_string(index), "llama-3.3-70b", 10'000);
  worker.kv_total_tokens = 400'000;
  worker.kv_free_tokens = 300'000 - 1000 * (index % 64);
  worker.active_tasks = index;
  worker.gpus = {{.name = "NVIDIA H100", .total_bytes = 80, .free_bytes = 8}};
  return worker;
}

/// Requests that come and go: as many run as there are workers, on all of which each pick looks.
/// Of their prompts `blocks` are known somewhere, or none, which then have to be noted. The
/// counters are of the pick alone.
void BM_Pick(benchmark::State& state) {
  Fleet fleet(Fleet::Options{});
  for (int i = 0; i < kWorkers; ++i) (void)fleet.heartbeat(telling(i), kStart, kGatewayTime);
  Demand demand = demand_for("llama-3.3-70b", static_cast<Strategy>(state.range(0)));
  // Conversations that begin with the same text and go on each in its own way.
  std::vector<std::vector<uint64_t>> prefixes;
  for (int i = 0; i < kWorkers; ++i) {
    std::vector<uint64_t>& prefix = prefixes.emplace_back();
    for (int block = 0; block < state.range(1); ++block) {
      prefix.push_back(block < 8 ? static_cast<uint64_t>(block) * 977 : random_u64());
    }
  }
  demand.prompt_tokens = 40'000;
  std::vector<Slot> running(kWorkers);
  std::vector<int64_t> took;
  took.reserve(1 << 20);
  TimePoint at = kStart + Fleet::kInterval;
  size_t i = 0;
  for (auto _ : state) {
    at += std::chrono::microseconds(1);
    const uint64_t dice = random_u64();
    std::vector<uint64_t>& prefix = prefixes[dice % prefixes.size()];
    if (state.range(2) != 0) std::ranges::generate(prefix, random_u64);
    demand.prefix = prefix;
    Slot& place = running[++i % running.size()];
    if (place) place.succeeded(at);
    const TimePoint before = now();
    auto slot = fleet.pick(demand, at, dice);
    const TimePoint after = now();
    if (took.size() < took.capacity()) took.push_back((after - before).count());
    place = std::move(*slot);
  }
  for (Slot& slot : running) {
    if (slot) slot.abandoned(at);
  }
  std::ranges::sort(took);
  state.counters["p50_ns"] = static_cast<double>(took[took.size() / 2]);
  state.counters["p99_ns"] = static_cast<double>(took[took.size() * 99 / 100]);
}
BENCHMARK(BM_Pick)
    ->ArgNames({"strategy", "blocks", "new"})
    ->Args({static_cast<int>(Strategy::kVram), 0, 0})
    ->Args({static_cast<int>(Strategy::kLeastConnections), 0, 0})
    ->Args({static_cast<int>(Strategy::kPredicted), 0, 0})
    ->Args({static_cast<int>(Strategy::kPredicted), 64, 0})
    ->Args({static_cast<int>(Strategy::kPredicted), 64, 1});

/// Every event of a stream.
void BM_Generated(benchmark::State& state) {
  Fleet fleet(Fleet::Options{});
  (void)fleet.heartbeat(telling(1), kStart, kGatewayTime);
  Slot slot = fleet.pick(demand_for("llama-3.3-70b"), kStart, 1).value();
  int64_t tokens = 0;
  for (auto _ : state) slot.generated(++tokens);
  slot.abandoned(kStart);
}
BENCHMARK(BM_Generated);

/// One of 1,000 workers tells of itself: parsed and taken over.
void BM_Heartbeat(benchmark::State& state) {
  Fleet fleet(Fleet::Options{});
  std::vector<std::string> bodies;
  for (int i = 0; i < 1000; ++i) {
    Heartbeat worker = telling(i);
    worker.boot_id = "boot";
    worker.interval_ms = 5000;
    for (int model = 0; model < state.range(0); ++model) {
      worker.supported.push_back("model-" + std::to_string(model));
    }
    bodies.push_back(to_json(worker));
  }
  TimePoint at = kStart;
  size_t i = 0;
  for (auto _ : state) {
    at += std::chrono::milliseconds(1);
    auto heartbeat = parse_heartbeat(bodies[++i % bodies.size()]);
    benchmark::DoNotOptimize(fleet.heartbeat(std::move(*heartbeat), at, gateway_time(at)));
  }
}
BENCHMARK(BM_Heartbeat)->ArgName("models")->Arg(1)->Arg(100);

}  // namespace
}  // namespace sluice::workers
