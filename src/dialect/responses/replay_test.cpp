// What Claude has said to a client of Responses goes back to it as it was, thinking and all: the
// client appends the output to its next input, and knows nothing of Claude.
#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>

#include "dialect/anthropic/messages_request.hpp"
#include "dialect/anthropic/messages_response.hpp"
#include "dialect/responses/responses_request.hpp"
#include "dialect/responses/responses_response.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::responses {
namespace {

using json::Value;
using json::Writer;

/// Makes the content of an answer, as Claude writes it.
class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  std::string content() {
    std::string content;
    Writer out(content);
    out.begin_array();
    if (upto(2) == 1) thinking(out);
    for (int i = upto(4); i > 0; --i) {
      if (upto(3) == 1) thinking(out);
      out.begin_object().member("type", "text").member("text", text()).end_object();
    }
    for (int i = upto(3); i > 0; --i) {
      out.begin_object().member("type", "tool_use").member("id", "toolu_" + next());
      out.member("name", "f").raw_member("input", R"({"b":1.0,"a":9007199254740993})").end_object();
    }
    out.end_array();
    return content;
  }

 private:
  int upto(int most) { return static_cast<int>(random_() % static_cast<uint32_t>(most)) + 1; }
  std::string next() { return std::to_string(++count_); }

  std::string text() {
    static constexpr std::string_view kPieces[] = {"plain", "\"quoted\"",   "\\",
                                                   "\n",    "\u00e9\u4e2d", "\U0001f600"};
    std::string text = "t" + next();
    for (int i = upto(4); i > 0; --i) text += kPieces[random_() % std::size(kPieces)];
    return text;
  }

  void thinking(Writer& out) {
    const int kind = upto(3);
    if (kind == 1) {
      out.begin_object().member("type", "redacted_thinking").member("data", "ZGF0YQ" + next());
    } else {
      out.begin_object().member("type", "thinking");
      out.member("thinking", kind == 2 ? text() : std::string());
      out.member("signature", "c2ln/+" + next());
    }
    out.end_object();
  }

  std::mt19937 random_;
  int count_ = 0;
};

/// The next request of a client that was answered with the response.
std::string next_request(std::string_view response) {
  std::string body;
  Writer out(body);
  out.begin_object().member("model", "m").key("input").begin_array();
  out.begin_object().member("role", "user").member("content", "go").end_object();
  json::Elements items{Value(response)["output"]};
  Value item;
  std::string results;
  Writer more(results);
  more.begin_array();
  while (items.next(item)) {
    out.raw(item.raw());
    if (!item["call_id"].exists()) continue;
    more.begin_object().member("type", "function_call_output");
    more.raw_member("call_id", item["call_id"].raw()).member("output", "done").end_object();
  }
  more.end_array();
  json::Elements made{Value(results)};
  while (made.next(item)) out.raw(item.raw());
  out.end_array().end_object();
  return body;
}

struct Claude {
  chat::Capabilities capabilities =
      chat::capabilities_of(config::ProviderType::kAnthropic, "claude-opus-4-8");
  chat::Target target{.model = "claude-opus-4-8",
                      .provider = "claude",
                      .capabilities = capabilities,
                      .auto_cache = chat::AutoCache::kOff,
                      .signature_key = "key"};
};

/// What the assistant is said to have said.
std::string replayed(std::string_view body, const chat::Target& target) {
  auto request = parse_responses_request(body);
  EXPECT_TRUE(request.has_value()) << body;
  const auto written = anthropic::write_messages_request(*request, target);
  EXPECT_TRUE(written.has_value()) << written.error().message;
  json::Elements messages((Value(written->body)["messages"]));
  Value message;
  while (messages.next(message)) {
    if (message["role"].as_string() == "assistant") return std::string(message["content"].raw());
  }
  return {};
}

TEST(Replay, GivesClaudeItsOwnWordsBack) {
  const Claude claude;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::string content = Maker(seed).content();
    const std::string message =
        R"({"id":"msg_1","type":"message","role":"assistant","model":"c","content":)" + content +
        R"(,"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}})";
    auto answer = anthropic::parse_messages_response(message);
    ASSERT_TRUE(answer) << message;
    chat::AnswerPlan plan;
    plan.provider = "claude";
    plan.signature_key = Secret("key");
    const std::string response = write_responses_response(*answer, plan);
    ASSERT_TRUE(json::valid(response)) << response;
    const std::string body = next_request(response);
    ASSERT_EQ(replayed(body, claude.target), content) << response;
    // Of which another provider learns nothing but what was shown.
    chat::Target other = claude.target;
    other.provider = "other";
    const std::string elsewhere = replayed(body, other);
    EXPECT_FALSE(elsewhere.contains("thinking")) << elsewhere;
    EXPECT_FALSE(elsewhere.contains("gwsig1")) << elsewhere;
  }
}

}  // namespace
}  // namespace sluice::dialect::responses
