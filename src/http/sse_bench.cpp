// What splitting costs per relayed event. Run: build/release/bin/sse_bench
#include "http/sse.hpp"

#include <benchmark/benchmark.h>

#include <string>

namespace sluice::http {
namespace {

std::string openai_events(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) {
    bytes +=
        "data: {\"id\":\"chatcmpl-9x8y7z6w5v4u3t2s1r0q\",\"object\":\"chat.completion.chunk\","
        "\"created\":1719500000,\"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":"
        "\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},"
        "\"logprobs\":null,\"finish_reason\":null}]}\n\n";
  }
  return bytes;
}

std::string anthropic_events(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) {
    bytes +=
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n";
  }
  return bytes;
}

std::string with_crlf(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

void read(benchmark::State& state, const std::string& bytes, size_t feed) {
  SseReader reader;
  size_t events = 0;
  for (auto _ : state) {
    for (size_t at = 0; at < bytes.size(); at += feed) {
      reader.feed(std::string_view(bytes).substr(at, feed));
      while (auto event = reader.next()) {
        benchmark::DoNotOptimize(event->data.data());
        ++events;
      }
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
  state.counters["per_event"] = benchmark::Counter(
      static_cast<double>(events), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_OneOpenAiEventPerFeed(benchmark::State& state) {
  const std::string bytes = openai_events(1);
  read(state, bytes, bytes.size());
}
void BM_OneAnthropicEventPerFeed(benchmark::State& state) {
  const std::string bytes = anthropic_events(1);
  read(state, bytes, bytes.size());
}
void BM_OpenAiEventsInLargeFeeds(benchmark::State& state) {
  read(state, openai_events(1000), 16384);
}
void BM_AnthropicEventsInLargeFeeds(benchmark::State& state) {
  read(state, anthropic_events(1000), 16384);
}
void BM_EventsWithCrLf(benchmark::State& state) {
  read(state, with_crlf(anthropic_events(1000)), 16384);
}
void BM_EventsInSmallPieces(benchmark::State& state) { read(state, openai_events(100), 100); }

void BM_Append(benchmark::State& state) {
  std::string out;
  const std::string data(160, 'x');
  for (auto _ : state) {
    out.clear();
    append_sse(out, "content_block_delta", data);
    benchmark::DoNotOptimize(out.data());
  }
}

BENCHMARK(BM_OneOpenAiEventPerFeed);
BENCHMARK(BM_OneAnthropicEventPerFeed);
BENCHMARK(BM_OpenAiEventsInLargeFeeds);
BENCHMARK(BM_AnthropicEventsInLargeFeeds);
BENCHMARK(BM_EventsWithCrLf);
BENCHMARK(BM_EventsInSmallPieces);
BENCHMARK(BM_Append);

}  // namespace
}  // namespace sluice::http
