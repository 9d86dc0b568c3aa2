// What it costs to know which of 64 workers has how much of a prompt of 64 blocks (32k tokens).
#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <vector>

#include "workers/prefix_index.hpp"

namespace sluice::workers {
namespace {

constexpr uint32_t kWorkers = 64;
constexpr size_t kBlocks = 64;

std::vector<uint64_t> prompt(uint64_t conversation) {
  const std::string text(kBlocks * kPrefixBlockBytes, 'x');
  return prefix_blocks(std::to_string(conversation) + text, kBlocks);
}

struct Full {
  Full() : workers(kWorkers), counts(kWorkers) {
    std::iota(workers.begin(), workers.end(), 0);
    for (const uint32_t worker : workers) {
      index.add_worker(worker, 1024);
      for (uint64_t i = 0; i < 16; ++i) index.note(worker, prompt(1000 * worker + i));
    }
  }
  PrefixIndex index;
  std::vector<uint32_t> workers;
  std::vector<uint32_t> counts;
};

/// range: how many of the workers have it.
void bm_match(benchmark::State& state) {
  Full full;
  const auto known = prompt(77);
  for (int64_t worker = 0; worker < state.range(0); ++worker) {
    full.index.note(static_cast<uint32_t>(worker), known);
  }
  for (auto _ : state) {
    full.index.match(known, full.workers, full.counts);
    benchmark::DoNotOptimize(full.counts.data());
  }
}
BENCHMARK(bm_match)->Arg(0)->Arg(1)->Arg(64);

void bm_note_new(benchmark::State& state) {
  Full full;
  std::vector<std::vector<uint64_t>> prompts;
  for (uint64_t i = 0; i < 1000; ++i) prompts.push_back(prompt(1'000'000 + i));
  size_t next = 0;
  for (auto _ : state) full.index.note(5, prompts[next++ % prompts.size()]);
}
BENCHMARK(bm_note_new);

void bm_note_again(benchmark::State& state) {
  Full full;
  const auto known = prompt(77);
  for (auto _ : state) full.index.note(5, known);
}
BENCHMARK(bm_note_again);

void bm_blocks(benchmark::State& state) {
  const std::string text(kBlocks * kPrefixBlockBytes, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(prefix_blocks(text));
}
BENCHMARK(bm_blocks);

}  // namespace
}  // namespace sluice::workers
