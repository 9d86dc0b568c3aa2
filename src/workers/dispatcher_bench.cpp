// What admission costs on top of a pick.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "workers/dispatcher.hpp"
#include "workers/test_fleet.hpp"

namespace sluice::workers {
namespace {

constexpr int kWorkers = 64;

Ask ask_of(int64_t key) { return {.model = "m", .prompt_tokens = 1000, .key = key}; }

void announce(Fleet& fleet, int64_t max_tasks) {
  for (int i = 0; i < kWorkers; ++i) {
    (void)fleet.heartbeat(worker_of("gpu-" + std::to_string(i), "m", max_tasks), kStart,
                          kGatewayTime);
  }
}

/// There is room, and nobody waits.
void BM_AskWithRoom(benchmark::State& state) {
  Fleet fleet(Fleet::Options{});
  Dispatcher dispatcher(fleet, {});
  announce(fleet, 10'000);
  for (auto _ : state) {
    Verdict verdict = dispatcher.ask(ask_of(1), kStart, [] {});
    verdict.slot.succeeded(kStart);
  }
}
BENCHMARK(BM_AskWithRoom);

/// All is full and so many wait, of 50 keys: one ends, the next gets its place, another comes.
void BM_AskWhileOthersWait(benchmark::State& state) {
  Fleet fleet(Fleet::Options{});
  constexpr auto kPatience = std::chrono::hours(1000);
  Dispatcher dispatcher(
      fleet, {.cloud = {.max_wait = {kPatience, kPatience, kPatience}}, .queue = {.max = 100'000}});
  announce(fleet, 1);
  std::vector<Slot> running;
  for (int i = 0; i < kWorkers; ++i) {
    running.push_back(std::move(dispatcher.ask(ask_of(1), kStart, [] {}).slot));
  }
  std::vector<TicketPtr> waiting(static_cast<size_t>(state.range(0)));
  std::vector<size_t> granted;
  const auto come = [&](size_t i, TimePoint at) {
    waiting[i] =
        dispatcher
            .ask(ask_of(static_cast<int64_t>(i % 50)), at, [&granted, i] { granted.push_back(i); })
            .ticket;
  };
  for (size_t i = 0; i < waiting.size(); ++i) come(i, kStart);
  TimePoint at = kStart;
  size_t next = 0;
  for (auto _ : state) {
    at += std::chrono::microseconds(10);
    Slot& slot = running[next++ % running.size()];
    slot.succeeded(at);
    const size_t who = granted.back();
    granted.clear();
    slot = Dispatcher::take(*waiting[who]);
    come(who, at);
  }
  for (Slot& slot : running) slot.abandoned(at);
  waiting.clear();
}
BENCHMARK(BM_AskWhileOthersWait)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace sluice::workers
