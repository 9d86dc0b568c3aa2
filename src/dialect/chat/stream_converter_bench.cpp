// What converting a stream costs: time and allocations per event, in steady state. To be held
// against stream_bench, which only watches the same events.
#include <benchmark/benchmark.h>

#include "base/counting_allocator.hpp"
#include "dialect/chat/stream_converter.hpp"
#include "dialect/stream_testing.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kChat = "openai/testdata/chat.sse";
constexpr std::string_view kTools = "openai/testdata/tools.sse";
constexpr std::string_view kText = "anthropic/testdata/text.sse";

Endpoint client_of(Endpoint upstream) {
  return upstream == Endpoint::kMessages ? Endpoint::kChatCompletions : Endpoint::kMessages;
}

/// The event at `index` of a recorded stream, after all those before it.
void convert(benchmark::State& state, Endpoint upstream, std::string_view path, size_t index) {
  const std::string file = dialect::testing::recorded(path);
  AnswerPlan plan;
  plan.model = "a-model";
  StreamConverter converter(upstream, client_of(upstream), plan, {.request_id = "req_1"});
  http::SseReader reader;
  std::string out;
  std::string_view bytes = file;
  const auto next = [&bytes] {
    const std::string_view event = bytes.substr(0, bytes.find("\n\n") + 2);
    bytes.remove_prefix(event.size());
    return event;
  };
  const auto relay = [&](std::string_view event_bytes) {
    reader.feed(event_bytes);
    while (const auto event = reader.next()) {
      benchmark::DoNotOptimize(converter.convert(*event, out));
    }
  };
  for (size_t i = 0; i < index; ++i) relay(next());
  const std::string event(next());
  relay(event);
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) {
    out.clear();
    relay(event);
  }
  if (out.empty()) state.SkipWithError("nothing was converted");
  state.SetItemsProcessed(state.iterations());
  state.counters["allocations/event"] =
      static_cast<double>(sluice::testing::allocations() - before) /
      static_cast<double>(state.iterations());
  state.counters["bytes out"] = static_cast<double>(out.size());
}

/// A whole stream of 200 deltas, from its opening to its end.
void convert_stream(benchmark::State& state, Endpoint upstream, std::string_view path,
                    size_t index) {
  const std::string file = dialect::testing::recorded(path);
  std::string stream;
  size_t at = 0;
  for (size_t i = 0; at < file.size(); ++i) {
    const size_t end = file.find("\n\n", at) + 2;
    for (int n = i == index ? 200 : 1; n > 0; --n) stream += file.substr(at, end - at);
    at = end;
  }
  AnswerPlan plan;
  plan.model = "a-model";
  std::string out;
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) {
    StreamConverter converter(upstream, client_of(upstream), plan, {.request_id = "req_1"});
    http::SseReader reader;
    out.clear();
    reader.feed(stream);
    while (const auto event = reader.next()) {
      benchmark::DoNotOptimize(converter.convert(*event, out));
    }
    converter.finish(converter.usage(), out);
  }
  state.counters["allocations/stream"] =
      static_cast<double>(sluice::testing::allocations() - before) /
      static_cast<double>(state.iterations());
  state.counters["sizeof"] = sizeof(StreamConverter);
}

BENCHMARK_CAPTURE(convert, openai_content, Endpoint::kChatCompletions, kChat, 1);
BENCHMARK_CAPTURE(convert, openai_tool_arguments, Endpoint::kChatCompletions, kTools, 2);
BENCHMARK_CAPTURE(convert, anthropic_content, Endpoint::kMessages, kText, 3);
BENCHMARK_CAPTURE(convert_stream, openai, Endpoint::kChatCompletions, kChat, 1);
BENCHMARK_CAPTURE(convert_stream, anthropic, Endpoint::kMessages, kText, 3);

}  // namespace
}  // namespace sluice::dialect::chat
