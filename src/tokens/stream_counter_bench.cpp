// What counting a growing text costs per event. Run: build/release/bin/stream_counter_bench
// `p99_ns` and `max_ns` are of single calls of add(), the reading of the clock included.
#include "tokens/stream_counter.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/counting_allocator.hpp"
#include "tokens/test_text.hpp"

namespace sluice::tokens {
namespace {

// The text cut into events of so many tokens each.
std::vector<std::string> events_of(const Encoding& encoding, std::string_view text,
                                   size_t tokens_each) {
  std::vector<uint32_t> tokens;
  encoding.encode(text, tokens);
  std::vector<std::string> events;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i % tokens_each == 0) events.emplace_back();
    events.back() += encoding.vocabulary().bytes_of(tokens[i]);
  }
  return events;
}

std::string random_text(std::string_view alphabet) {
  std::mt19937_64 random(1);
  std::string text;
  while (text.size() < 100'000) text += alphabet[random() % alphabet.size()];
  return text;
}

void stream(benchmark::State& state, std::string_view unit) {
  std::string text;
  while (text.size() < 100'000) text += unit;
  const Encoding& encoding = Encoding::get(EncodingId::kO200kBase);
  const auto events = events_of(encoding, text, static_cast<size_t>(state.range(0)));
  std::vector<int64_t> times;
  times.reserve(1 << 24);
  StreamCounter counter(encoding);
  size_t next = 0;
  const size_t allocated = testing::allocations();
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(counter.add(events[next]));
    const auto end = std::chrono::steady_clock::now();
    next = next + 1 == events.size() ? 0 : next + 1;
    if (times.size() < times.capacity()) times.push_back((end - begin).count());
  }
  state.counters["allocations"] = static_cast<double>(testing::allocations() - allocated);
  state.SetItemsProcessed(state.iterations());
  std::ranges::sort(times);
  state.counters["p50_ns"] = static_cast<double>(times[times.size() / 2]);
  state.counters["p99_ns"] = static_cast<double>(times[times.size() * 99 / 100]);
}

void BM_Prose(benchmark::State& state) { stream(state, kProse); }
void BM_Chinese(benchmark::State& state) { stream(state, kChinese); }
void BM_Japanese(benchmark::State& state) { stream(state, kJapanese); }
void BM_Thai(benchmark::State& state) { stream(state, kThai); }
// Writing without spaces between words, as one word without an end.
void BM_ThaiWord(benchmark::State& state) {
  std::string word;
  for (const char c : kThai) {
    if (c != ' ' && c != '\n') word += c;
  }
  stream(state, word);
}
// Prose without spaces, signs and upper case.
void BM_EnglishWord(benchmark::State& state) {
  std::string word;
  for (const char c : kProse) {
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') word += static_cast<char>(c | 0x20);
  }
  stream(state, word);
}
void BM_Khmer(benchmark::State& state) { stream(state, kKhmer); }
void BM_Lao(benchmark::State& state) { stream(state, kLao); }
void BM_Myanmar(benchmark::State& state) { stream(state, kMyanmar); }
void BM_Letters(benchmark::State& state) {
  stream(state, random_text("abcdefghijklmnopqrstuvwxyz"));
}
void BM_Hex(benchmark::State& state) { stream(state, random_text("0123456789abcdef")); }
void BM_Base64(benchmark::State& state) {
  stream(state, random_text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"));
}
void BM_Russian(benchmark::State& state) { stream(state, kRussian); }
void BM_Code(benchmark::State& state) { stream(state, kCode); }
// One word without an end, in events of so many tokens.
void BM_OneLetter(benchmark::State& state) { stream(state, std::string(100'000, 'a')); }

BENCHMARK(BM_Prose)->Arg(1)->Arg(16);
BENCHMARK(BM_Chinese)->Arg(1)->Arg(16);
BENCHMARK(BM_Japanese)->Arg(1)->Arg(16);
BENCHMARK(BM_Thai)->Arg(1)->Arg(16);
BENCHMARK(BM_ThaiWord)->Arg(1)->Arg(16);
BENCHMARK(BM_EnglishWord)->Arg(1)->Arg(16);
BENCHMARK(BM_Khmer)->Arg(1)->Arg(16);
BENCHMARK(BM_Lao)->Arg(1)->Arg(16);
BENCHMARK(BM_Myanmar)->Arg(1)->Arg(16);
BENCHMARK(BM_Letters)->Arg(1)->Arg(16);
BENCHMARK(BM_Hex)->Arg(1)->Arg(16);
BENCHMARK(BM_Base64)->Arg(1)->Arg(16);
BENCHMARK(BM_Russian)->Arg(1)->Arg(16);
BENCHMARK(BM_Code)->Arg(1)->Arg(16);
BENCHMARK(BM_OneLetter)->Arg(1)->Arg(16);

}  // namespace
}  // namespace sluice::tokens
