// What observing costs: per relayed event, per request, per scrape.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include "observe/live.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"

namespace sluice::observe {
namespace {

constexpr RequestLabels kChat{"/v1/chat/completions", "openai", "openai-main", "gpt-4o"};

void BM_PerEvent(benchmark::State& state) {
  LoopMetrics loop;
  LiveBoard board;
  RequestSeries* series = loop.series(kChat);
  LiveEntry entry = board.add_loop().begin({.id = "req_1"});
  Duration between{1'000'000};
  for (auto _ : state) {
    series->between_tokens.record(between);
    entry.event(120);
    between += Duration(997);
  }
}
BENCHMARK(BM_PerEvent);

void BM_PerRequest(benchmark::State& state) {
  LoopMetrics loop;
  LiveBoard board;
  LiveShard& shard = board.add_loop();
  const TimePoint at = now();
  for (auto _ : state) {
    LiveEntry entry = shard.begin({.id = "req_1", .route = kChat.route, .model = kChat.model});
    entry.attempt(kChat.provider, kChat.model);
    RequestSeries* series = loop.series(kChat);
    loop.finished(*series, 200, Duration(1'000'000), at);
  }
}
BENCHMARK(BM_PerRequest);

void BM_LogLine(benchmark::State& state) {
  log::Logger logger;
  logger.start({.fd = open("/dev/null", O_WRONLY | O_CLOEXEC)});
  for (auto _ : state) {
    const log::Field fields[] = {{"id", "req_0123456789abcdefghijklmn"},
                                 {"route", kChat.route},
                                 {"provider", kChat.provider},
                                 {"model", kChat.model},
                                 {"status", 200},
                                 {"tokens_in", 120},
                                 {"tokens_out", 480},
                                 {"ttft_ms", 212.25},
                                 {"took_ms", 4300.5}};
    logger.write(log::Level::kInfo, "request", fields);
  }
}
BENCHMARK(BM_LogLine);

void BM_LogBelowLevel(benchmark::State& state) {
  log::logger().start({.level = log::Level::kWarn});
  for (auto _ : state) log::debug("event", {{"bytes", 120}});
}
BENCHMARK(BM_LogBelowLevel);

void BM_Scrape(benchmark::State& state) {
  Metrics metrics("1.0.0");
  for (int l = 0; l < 2; ++l) {
    LoopMetrics& loop = metrics.add_loop();
    for (int i = 0; i < 32; ++i) {
      const std::string model = std::to_string(i);
      RequestSeries* series = loop.series({kChat.route, kChat.dialect, kChat.provider, model});
      series->between_tokens.record(Duration(1'000'000));
      loop.finished(*series, 200, Duration(1'000'000), now());
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(metrics.prometheus());
}
BENCHMARK(BM_Scrape)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::observe
