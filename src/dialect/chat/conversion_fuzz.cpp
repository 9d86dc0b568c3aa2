// A body from outside, read as of every dialect and written for every other: no crash, and what is
// written is valid JSON that the other side's reader takes. The first byte chooses the target.
#include <array>
#include <cstdlib>

#include "dialect/chat/conversions.hpp"

using namespace sluice;
using namespace sluice::dialect;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::array kClaude = {"claude-3-haiku", "claude-sonnet-4-5", "claude-opus-4-6",
                                "claude-opus-5",  "claude-sonnet-5-5", "claude-opus-5-5"};
constexpr std::array kGemini = {"gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-pro"};
constexpr std::array kOthers = {"gpt-4o", "gpt-5", "gpt-5.6", "kimi-k2-thinking", "llama-3"};
constexpr std::array kClients = {Endpoint::kChatCompletions, Endpoint::kMessages,
                                 Endpoint::kResponses};
constexpr std::array kUpstreams = {Endpoint::kChatCompletions, Endpoint::kMessages,
                                   Endpoint::kResponses, Endpoint::kGenerateContent};

chat::Capabilities capabilities_of(Endpoint upstream, uint8_t choice) {
  using config::ProviderType;
  switch (dialect_of(upstream)) {
    case Dialect::kAnthropic:
      return chat::capabilities_of(ProviderType::kAnthropic, kClaude[choice % kClaude.size()]);
    case Dialect::kGemini:
      return chat::capabilities_of(ProviderType::kGemini, kGemini[choice % kGemini.size()]);
    default:
      return chat::capabilities_of(
          choice % 2 == 0 ? ProviderType::kOpenAi : ProviderType::kOpenAiCompatible,
          kOthers[choice % kOthers.size()]);
  }
}

chat::Target target_of(const chat::Capabilities& capabilities, uint8_t choice) {
  chat::Target target{.model = "up\"stream", .provider = "p", .capabilities = capabilities};
  if ((choice & 1) != 0) target.mode = chat::Mode::kStrict;
  target.repair_tools = (choice & 2) != 0;
  target.prefer_forced_tool = (choice & 4) != 0;
  if ((choice & 8) != 0) target.output_limit = choice;
  target.signature_key = "key";
  return target;
}

void convert(Endpoint client, Endpoint upstream, std::string_view body, uint8_t choice,
             bool valid) {
  auto request = chat::parse_request(client, body);
  if (!request) return;
  const chat::Capabilities capabilities = capabilities_of(upstream, choice);
  chat::remote_sources(*request, capabilities);
  const auto written = chat::write_request(upstream, *request, target_of(capabilities, choice));
  if (!valid) return;
  require(json::valid('{' + request->echo + '}'));
  if (!written) return;
  require(json::valid(written->body));
  if (upstream != Endpoint::kMessages) return;
  require(chat::parse_request(upstream, written->body).has_value());
}

void answer(Endpoint upstream, Endpoint client, std::string_view body, uint8_t choice) {
  chat::AnswerPlan plan;
  plan.json = static_cast<chat::JsonOutput>(choice % 4);
  plan.legacy_functions = (choice & 4) != 0;
  plan.provider = "p";
  plan.signature_key = Secret((choice & 8) != 0 ? "key" : "");
  if ((choice & 16) != 0) plan.stop_scan = {"a", "}"};
  auto read = chat::parse_answer(upstream, body, plan);
  if (read) require(json::valid(chat::write_answer(client, *read, plan)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const uint8_t choice = data[0];
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool valid = json::valid(body);
  for (const Endpoint upstream : kUpstreams) {
    for (const Endpoint client : kClients) {
      convert(client, upstream, body, choice, valid);
      answer(upstream, client, body, choice);
    }
  }
  // A capability's override is a body from outside too.
  chat::Capabilities capabilities;
  const Status applied = chat::apply_overrides(capabilities, json::Value(body));
  require(applied || applied.error().code == ErrorCode::kConfig);
  return 0;
}
