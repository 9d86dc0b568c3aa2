// A body from outside, read and written in every direction: no crash, and what is written is valid
// JSON that the other side's reader takes. The first byte chooses the target.
#include <array>
#include <cstdlib>

#include "dialect/anthropic/messages_request.hpp"
#include "dialect/anthropic/messages_response.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/openai/chat_response.hpp"
#include "dialect/responses/responses_request.hpp"
#include "dialect/responses/responses_response.hpp"

using namespace sluice;
using namespace sluice::dialect;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::array kClaude = {"claude-3-haiku", "claude-sonnet-4-5", "claude-opus-4-6",
                                "claude-opus-5",  "claude-sonnet-5-5", "claude-opus-5-5"};
constexpr std::array kOthers = {"gpt-4o", "gpt-5", "gpt-5.6", "kimi-k2-thinking", "llama-3"};

chat::Target target_of(const chat::Capabilities& capabilities, uint8_t choice) {
  chat::Target target{.model = "up\"stream", .provider = "p", .capabilities = capabilities};
  if ((choice & 1) != 0) target.mode = chat::Mode::kStrict;
  target.repair_tools = (choice & 2) != 0;
  target.prefer_forced_tool = (choice & 4) != 0;
  if ((choice & 8) != 0) target.output_limit = choice;
  target.signature_key = "key";
  return target;
}

/// Reads the body anew for each target, since writing changes the request.
template <typename Parse>
void convert(Parse parse, std::string_view body, uint8_t choice, bool valid) {
  const auto claude =
      chat::capabilities_of(config::ProviderType::kAnthropic, kClaude[choice % kClaude.size()]);
  const auto other = chat::capabilities_of(
      choice % 2 == 0 ? config::ProviderType::kOpenAi : config::ProviderType::kOpenAiCompatible,
      kOthers[choice % kOthers.size()]);
  if (auto request = parse(body)) {
    chat::remote_sources(*request, claude);
    const auto written = anthropic::write_messages_request(*request, target_of(claude, choice));
    if (written && valid) {
      require(json::valid(written->body));
      require(anthropic::parse_messages_request(written->body).has_value());
    }
  }
  if (auto request = parse(body)) {
    chat::remote_sources(*request, other);
    const auto written = openai::write_chat_request(*request, target_of(other, choice));
    if (written && valid) require(json::valid(written->body));
    if (valid) require(json::valid('{' + request->echo + '}'));
  }
}

using WriteAnswer = std::string (*)(chat::Answer&, const chat::AnswerPlan&);

void answer(Result<chat::Answer> read, uint8_t choice, WriteAnswer write) {
  if (!read) return;
  chat::AnswerPlan plan;
  plan.json = static_cast<chat::JsonOutput>(choice % 4);
  plan.legacy_functions = (choice & 4) != 0;
  plan.provider = "p";
  plan.signature_key = Secret((choice & 8) != 0 ? "key" : "");
  if ((choice & 16) != 0) plan.stop_scan = {"a", "}"};
  require(json::valid(write(*read, plan)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const uint8_t choice = data[0];
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool valid = json::valid(body);
  convert(openai::parse_chat_request, body, choice, valid);
  convert(anthropic::parse_messages_request, body, choice, valid);
  convert(responses::parse_responses_request, body, choice, valid);
  answer(openai::parse_chat_response(body), choice, anthropic::write_messages_response);
  answer(openai::parse_chat_response(body), choice, responses::write_responses_response);
  answer(anthropic::parse_messages_response(body), choice, openai::write_chat_response);
  answer(anthropic::parse_messages_response(body), choice, responses::write_responses_response);
  // A capability's override is a body from outside too.
  chat::Capabilities capabilities;
  const Status applied = chat::apply_overrides(capabilities, json::Value(body));
  require(applied || applied.error().code == ErrorCode::kConfig);
  return 0;
}
