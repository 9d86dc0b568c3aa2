// What counting whole texts costs. Run: build/release/bin/encoding_bench
// bench/tokens.js compares with the npm package `tiktoken` on larger texts.
#include "tokens/encoding.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <string_view>

#include "tokens/test_text.hpp"

namespace sluice::tokens {
namespace {

void count(benchmark::State& state, const std::string& text) {
  const Encoding& encoding = Encoding::get(static_cast<EncodingId>(state.range(0)));
  size_t tokens = 0;
  for (auto _ : state) benchmark::DoNotOptimize(tokens = encoding.count(text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  state.counters["tokens"] = static_cast<double>(tokens);
  state.SetLabel(std::string(to_string(static_cast<EncodingId>(state.range(0)))));
}

std::string repeated(std::string_view unit, size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  return text;
}

void BM_Prose(benchmark::State& state) { count(state, repeated(kProse, 1 << 20)); }
void BM_Chinese(benchmark::State& state) { count(state, repeated(kChinese, 1 << 20)); }
void BM_Code(benchmark::State& state) { count(state, repeated(kCode, 1 << 20)); }
void BM_OddCharacters(benchmark::State& state) {
  std::mt19937_64 random(1);
  count(state, mixed_text(random, 1 << 20));
}
void BM_OneLetter(benchmark::State& state) { count(state, std::string(1 << 20, 'a')); }
void BM_Spaces(benchmark::State& state) { count(state, std::string(1 << 20, ' ')); }

BENCHMARK(BM_Prose)->DenseRange(0, 3);
BENCHMARK(BM_Chinese)->DenseRange(0, 3);
BENCHMARK(BM_Code)->DenseRange(0, 3);
BENCHMARK(BM_OddCharacters)->Arg(0);
BENCHMARK(BM_OneLetter)->Arg(0);
BENCHMARK(BM_Spaces)->Arg(0);

}  // namespace
}  // namespace sluice::tokens
