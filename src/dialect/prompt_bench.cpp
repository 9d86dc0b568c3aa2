// What counting a prompt costs, and what bounding it costs, per KB of its body.
#include <benchmark/benchmark.h>

#include "dialect/prompt.hpp"

namespace sluice::dialect {
namespace {

constexpr std::string_view kSentence =
    "The gateway counts what it relays, and stops the stream where the money ends. ";

/// A conversation of about so many bytes, in messages of 800.
std::string conversation(size_t bytes) {
  std::string body = R"({"model":"m","max_tokens":9,"messages":[)";
  for (size_t i = 0; body.size() < bytes; ++i) {
    body += i == 0 ? R"({"role":"user","content":")" : R"(,{"role":"assistant","content":")";
    for (int k = 0; k < 10; ++k) body.append(kSentence).append("\\n");
    body += "\"}";
  }
  return body + "]}";
}

template <typename Count>
void run(benchmark::State& state, Endpoint endpoint, std::string_view model, Count count) {
  const std::string body = conversation(static_cast<size_t>(state.range(0)));
  const tokens::ModelFacts facts = tokens::facts_of(model);
  for (auto _ : state) benchmark::DoNotOptimize(count(endpoint, body, facts));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
  state.counters["per_kb"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(body.size()) / 1024,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void bound_chat(benchmark::State& state) {
  run(state, Endpoint::kChatCompletions, "gpt-4o", prompt_bound);
}
void bound_messages(benchmark::State& state) {
  run(state, Endpoint::kMessages, "claude-sonnet-4-6", prompt_bound);
}
void count_chat(benchmark::State& state) {
  run(state, Endpoint::kChatCompletions, "gpt-4o", count_prompt);
}
void count_messages(benchmark::State& state) {
  run(state, Endpoint::kMessages, "claude-sonnet-4-6", count_prompt);
}
void facts(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(tokens::facts_of("gpt-4o-2024-08-06"));
}

BENCHMARK(bound_chat)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(bound_messages)->Arg(1 << 10)->Arg(64 << 10);
BENCHMARK(count_chat)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(count_messages)->Arg(1 << 10)->Arg(64 << 10);
BENCHMARK(facts);

}  // namespace
}  // namespace sluice::dialect
