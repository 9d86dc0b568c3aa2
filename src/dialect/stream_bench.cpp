// What watching a stream costs: time and allocations per event, in steady state.
#include <benchmark/benchmark.h>

#include "base/counting_allocator.hpp"
#include "dialect/stream.hpp"
#include "dialect/stream_testing.hpp"

namespace sluice::dialect {
namespace {

/// The event at `index` of a recorded stream.
std::string recorded_event(std::string_view path, size_t index) {
  const std::string file = testing::recorded(path);
  std::string_view bytes = file;
  for (size_t i = 0; i < index; ++i) bytes.remove_prefix(bytes.find("\n\n") + 2);
  return std::string(bytes.substr(0, bytes.find("\n\n") + 2));
}

void report(benchmark::State& state, uint64_t allocated, size_t bytes) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  state.counters["allocations/event"] =
      static_cast<double>(allocated) / static_cast<double>(state.iterations());
}

/// The inspector alone.
void inspect(benchmark::State& state, Endpoint endpoint, std::string_view path, size_t index) {
  const std::string bytes = recorded_event(path, index);
  http::SseReader reader;
  reader.feed(bytes);
  const http::SseEvent event = *reader.next();
  StreamInspector inspector(endpoint, true);
  inspector.inspect(event);  // keeps the model's name
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) benchmark::DoNotOptimize(inspector.inspect(event));
  report(state, sluice::testing::allocations() - before, bytes.size());
}

/// From bytes to verdict, an event in each read.
void read_and_inspect(benchmark::State& state, Endpoint endpoint, std::string_view path,
                      size_t index) {
  const std::string bytes = recorded_event(path, index);
  http::SseReader reader;
  StreamInspector inspector(endpoint, true);
  const auto relay = [&] {
    reader.feed(bytes);
    while (const auto event = reader.next()) benchmark::DoNotOptimize(inspector.inspect(*event));
  };
  relay();
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) relay();
  report(state, sluice::testing::allocations() - before, bytes.size());
}

constexpr std::string_view kChat = "openai/testdata/chat.sse";
constexpr std::string_view kTools = "openai/testdata/tools.sse";
constexpr std::string_view kText = "anthropic/testdata/text.sse";

BENCHMARK_CAPTURE(inspect, openai_content, Endpoint::kChatCompletions, kChat, 1);
BENCHMARK_CAPTURE(inspect, openai_tool_arguments, Endpoint::kChatCompletions, kTools, 2);
BENCHMARK_CAPTURE(inspect, openai_usage, Endpoint::kChatCompletions, kChat, 4);
BENCHMARK_CAPTURE(inspect, anthropic_content, Endpoint::kMessages, kText, 3);
BENCHMARK_CAPTURE(read_and_inspect, openai_content, Endpoint::kChatCompletions, kChat, 1);
BENCHMARK_CAPTURE(read_and_inspect, anthropic_content, Endpoint::kMessages, kText, 3);

}  // namespace
}  // namespace sluice::dialect
