// A conversation that goes to the other dialect and back is the same conversation.
#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "dialect/anthropic/messages_request.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/responses/responses_request.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::chat {
namespace {

using json::Writer;

/// Makes conversations in the form in which the writers write them.
class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  bool chance(int of) { return random_() % static_cast<uint32_t>(of) == 0; }
  int upto(int most) { return static_cast<int>(random_() % static_cast<uint32_t>(most)) + 1; }

  std::string text() {
    static constexpr std::string_view kPieces[] = {"plain",        "\"quoted\"", "\\", "\n",
                                                   "\u00e9\u4e2d", "\U0001f600", "{}", "</x>"};
    std::string text = "t" + std::to_string(++count_);
    for (int i = upto(4); i > 0; --i) text += kPieces[random_() % std::size(kPieces)];
    return text;
  }

  std::string arguments() {
    static constexpr std::string_view kArguments[] = {"{}", R"({"b":1.0,"a":9007199254740993})",
                                                      R"({"x":[1E5,null,{"y":"\u00e9\\"}],"x":2})",
                                                      R"({"path":"/a b","text":"line\nline"})"};
    return std::string(kArguments[random_() % std::size(kArguments)]);
  }

  std::string id() { return "call_" + std::to_string(++count_); }

 private:
  std::mt19937 random_;
  int count_ = 0;
};

struct Call {
  std::string id;
  std::string arguments;
};

std::string openai_body(Maker& make) {
  std::string body;
  Writer out(body);
  const auto message = [&](std::string_view role, std::string_view text) {
    out.begin_object().member("role", role).member("content", text).end_object();
  };
  out.begin_object().member("model", "m").key("messages").begin_array();
  if (make.chance(2)) message("system", make.text());
  for (int turns = make.upto(5); turns > 0; --turns) {
    message("user", make.text());
    for (int rounds = make.upto(3) - 1; rounds > 0; --rounds) {
      std::vector<Call> calls(static_cast<size_t>(make.upto(3)));
      out.begin_object().member("role", "assistant").key("content");
      if (make.chance(2)) {
        out.null();
      } else {
        out.string(make.text());
      }
      out.key("tool_calls").begin_array();
      for (Call& call : calls) {
        call = {.id = make.id(), .arguments = make.arguments()};
        out.begin_object().member("id", call.id).member("type", "function").key("function");
        out.begin_object().member("name", "f").member("arguments", call.arguments).end_object();
        out.end_object();
      }
      out.end_array().end_object();
      for (const Call& call : calls) {
        out.begin_object().member("role", "tool").member("tool_call_id", call.id);
        out.member("content", make.text()).end_object();
      }
      if (make.chance(3)) message("user", make.text());
    }
    message("assistant", make.text());
  }
  message("user", make.text());
  out.end_array();
  out.raw_member("tools", R"([{"type":"function","function":{"name":"f","parameters":)"
                          R"({"type":"object","properties":{}}}}])");
  out.end_object();
  return body;
}

/// Of Responses, whose items stand side by side.
std::string responses_body(Maker& make) {
  std::string body;
  Writer out(body);
  const auto message = [&](std::string_view role, std::string_view text) {
    out.begin_object().member("role", role).member("content", text).end_object();
  };
  out.begin_object().member("model", "m");
  if (make.chance(2)) out.member("instructions", make.text());
  out.key("input").begin_array();
  for (int turns = make.upto(5); turns > 0; --turns) {
    message("user", make.text());
    for (int rounds = make.upto(3) - 1; rounds > 0; --rounds) {
      if (make.chance(2)) message("assistant", make.text());
      std::vector<Call> calls(static_cast<size_t>(make.upto(3)));
      for (Call& call : calls) {
        call = {.id = make.id(), .arguments = make.arguments()};
        out.begin_object().member("type", "function_call").member("call_id", call.id);
        out.member("name", "f").member("arguments", call.arguments).end_object();
      }
      if (make.chance(3)) message("user", make.text());
      for (const Call& call : calls) {
        out.begin_object().member("type", "function_call_output").member("call_id", call.id);
        out.member("output", make.text()).end_object();
      }
    }
    message("assistant", make.text());
  }
  message("user", make.text());
  out.end_array();
  out.raw_member("tools", R"([{"type":"function","name":"f","strict":false,"parameters":)"
                          R"({"type":"object","properties":{}}}])");
  out.end_object();
  return body;
}

struct Both {
  Capabilities claude = capabilities_of(config::ProviderType::kAnthropic, "claude-opus-4-8");
  Capabilities gpt = capabilities_of(config::ProviderType::kOpenAi, "gpt-4o");
  Target to_claude{.model = "claude-opus-4-8",
                   .provider = "a",
                   .capabilities = claude,
                   .auto_cache = AutoCache::kOff};
  Target to_gpt{.model = "m", .provider = "o", .capabilities = gpt};
};

/// What both bodies must share.
std::string shared(std::string_view body) {
  const json::Value whole(body);
  std::string out;
  append_compact(out, whole["system"].raw());
  append_compact(out, whole["messages"].raw());
  append_compact(out, whole["tools"].raw());
  return out;
}

TEST(RoundTrip, OpenAiToAnthropicAndBack) {
  const Both both;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Maker make(seed);
    const std::string body = openai_body(make);
    auto request = openai::parse_chat_request(body);
    ASSERT_TRUE(request) << body;
    const auto there = anthropic::write_messages_request(*request, both.to_claude);
    ASSERT_TRUE(there) << there.error().message << body;
    EXPECT_TRUE(there->dropped.empty());
    auto again = anthropic::parse_messages_request(there->body);
    ASSERT_TRUE(again) << again.error().message << there->body;
    const auto back = openai::write_chat_request(*again, both.to_gpt);
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(shared(back->body), shared(body)) << there->body;
  }
}

TEST(RoundTrip, AnthropicToOpenAiAndBack) {
  const Both both;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Maker make(seed);
    const std::string source = openai_body(make);
    auto request = openai::parse_chat_request(source);
    const auto start = anthropic::write_messages_request(*request, both.to_claude);
    ASSERT_TRUE(start);
    auto first = anthropic::parse_messages_request(start->body);
    const auto there = openai::write_chat_request(*first, both.to_gpt);
    ASSERT_TRUE(there) << there.error().message;
    auto again = openai::parse_chat_request(there->body);
    ASSERT_TRUE(again) << again.error().message << there->body;
    const auto back = anthropic::write_messages_request(*again, both.to_claude);
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(shared(back->body), shared(start->body)) << there->body;
  }
}

/// Straight to Claude, or by way of Chat: the same conversation.
TEST(RoundTrip, ResponsesToAnthropicByWayOfChat) {
  const Both both;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Maker make(seed);
    const std::string body = responses_body(make);
    auto request = responses::parse_responses_request(body);
    ASSERT_TRUE(request) << request.error().message << body;
    const auto straight = anthropic::write_messages_request(*request, both.to_claude);
    ASSERT_TRUE(straight) << straight.error().message << body;
    EXPECT_TRUE(straight->dropped.empty());
    request = responses::parse_responses_request(body);
    const auto chat = openai::write_chat_request(*request, both.to_gpt);
    ASSERT_TRUE(chat) << chat.error().message << body;
    EXPECT_TRUE(chat->dropped.empty());
    auto again = openai::parse_chat_request(chat->body);
    ASSERT_TRUE(again) << again.error().message << chat->body;
    const auto there = anthropic::write_messages_request(*again, both.to_claude);
    ASSERT_TRUE(there) << there.error().message << chat->body;
    ASSERT_EQ(shared(there->body), shared(straight->body)) << body;
  }
}

}  // namespace
}  // namespace sluice::dialect::chat
