// What converting costs: a request of a coding agent, some 20 KB with 30 tools, in both directions,
// and a whole answer.
#include <benchmark/benchmark.h>

#include "base/counting_allocator.hpp"
#include "dialect/anthropic/messages_request.hpp"
#include "dialect/anthropic/messages_response.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/openai/chat_response.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr int kTools = 30;
constexpr int kTurns = 8;

std::string prose(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "int main() {\n  return run(\"a\\b\");  // \u00e9\n}\n";
  return text;
}

void write_tools(json::Writer& out, bool anthropic) {
  out.key("tools").begin_array();
  for (int i = 0; i < kTools; ++i) {
    const std::string name = "tool_" + std::to_string(i);
    constexpr std::string_view kSchema =
        R"({"type":"object","properties":{"path":{"type":"string","description":"Where."},)"
        R"("limit":{"type":"integer"}},"required":["path"],"additionalProperties":false})";
    out.begin_object();
    if (!anthropic) out.member("type", "function").key("function").begin_object();
    out.member("name", name).member("description", prose(120));
    out.raw_member(anthropic ? "input_schema" : "parameters", kSchema);
    if (!anthropic) out.end_object();
    out.end_object();
  }
  out.end_array();
}

std::string anthropic_body() {
  std::string body;
  json::Writer out(body);
  out.begin_object().member("model", "claude-sonnet-4-5").member("max_tokens", 4096);
  out.key("system").begin_array().begin_object().member("type", "text");
  out.member("text", prose(3000)).raw_member("cache_control", R"({"type":"ephemeral"})");
  out.end_object().end_array();
  write_tools(out, true);
  out.key("messages").begin_array();
  out.begin_object().member("role", "user").member("content", prose(200)).end_object();
  for (int i = 0; i < kTurns; ++i) {
    const std::string id = "toolu_" + std::to_string(i);
    out.begin_object().member("role", "assistant").key("content").begin_array();
    out.begin_object().member("type", "text").member("text", prose(100)).end_object();
    out.begin_object().member("type", "tool_use").member("id", id).member("name", "tool_1");
    out.raw_member("input", R"({"path":"/src/main.cpp","limit":100})").end_object();
    out.end_array().end_object();
    out.begin_object().member("role", "user").key("content").begin_array().begin_object();
    out.member("type", "tool_result").member("tool_use_id", id).member("content", prose(600));
    out.end_object().end_array().end_object();
  }
  out.end_array().end_object();
  return body;
}

const Capabilities& claude() {
  static const Capabilities model =
      capabilities_of(config::ProviderType::kAnthropic, "claude-sonnet-4-5");
  return model;
}
const Capabilities& gpt() {
  static const Capabilities model = capabilities_of(config::ProviderType::kOpenAi, "gpt-4o");
  return model;
}

void report(benchmark::State& state, size_t bytes, uint64_t allocated) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["allocations"] =
      static_cast<double>(allocated) / static_cast<double>(state.iterations());
}

void request_anthropic_to_openai(benchmark::State& state) {
  const std::string body = anthropic_body();
  const Target target{.model = "gpt-4o", .provider = "o", .capabilities = gpt()};
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) {
    auto request = anthropic::parse_messages_request(body);
    benchmark::DoNotOptimize(openai::write_chat_request(*request, target));
  }
  report(state, body.size(), sluice::testing::allocations() - before);
}
BENCHMARK(request_anthropic_to_openai);

void request_openai_to_anthropic(benchmark::State& state) {
  const std::string source = anthropic_body();
  auto request = anthropic::parse_messages_request(source);
  const Target there{.model = "gpt-4o", .provider = "o", .capabilities = gpt()};
  const std::string body = openai::write_chat_request(*request, there)->body;
  const Target target{.model = "claude-sonnet-4-5", .provider = "a", .capabilities = claude()};
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) {
    auto read = openai::parse_chat_request(body);
    benchmark::DoNotOptimize(anthropic::write_messages_request(*read, target));
  }
  report(state, body.size(), sluice::testing::allocations() - before);
}
BENCHMARK(request_openai_to_anthropic);

void answer_openai_to_anthropic(benchmark::State& state) {
  std::string body;
  json::Writer out(body);
  out.begin_object().member("id", "chatcmpl-1").key("choices").begin_array().begin_object();
  out.key("message").begin_object().member("content", prose(1000)).end_object();
  out.member("finish_reason", "stop").end_object().end_array().end_object();
  const AnswerPlan plan;
  const uint64_t before = sluice::testing::allocations();
  for (auto _ : state) {
    auto answer = openai::parse_chat_response(body);
    benchmark::DoNotOptimize(anthropic::write_messages_response(*answer, plan));
  }
  report(state, body.size(), sluice::testing::allocations() - before);
}
BENCHMARK(answer_openai_to_anthropic);

}  // namespace
}  // namespace sluice::dialect::chat
