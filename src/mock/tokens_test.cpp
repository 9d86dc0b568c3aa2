// What the scripted upstream reports is what a counter makes of what it sends.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "mock/answer_test_support.hpp"
#include "mock/anthropic.hpp"
#include "mock/openai.hpp"
#include "tokens/encoding.hpp"

namespace sluice::mock {
namespace {

using json::Value;

uint64_t count(std::string_view text) {
  return tokens::Encoding::get(tokens::EncodingId::kO200kBase).count(text);
}

TEST(Words, AreOneTokenEachHoweverTheTextIsCut) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Text text(seed, 150);
    std::string whole;
    for (uint64_t i = 0; i < text.size(); ++i) {
      std::string word;
      text.append(word, i, 1);
      ASSERT_EQ(count(word), 1U) << word;
      whole += word;
      ASSERT_EQ(count(whole), i + 1) << whole;
    }
  }
  for (const Text& fixed : {Text::greeting(), Text::fenced_json()}) {
    std::string whole;
    for (uint64_t i = 0; i < fixed.size(); ++i) {
      fixed.append(whole, i, 1);
      ASSERT_EQ(count(whole), i + 1) << whole;
    }
  }
}

/// Tokens of the texts of a stream, each lane counted as one text.
uint64_t openai_tokens(const std::vector<std::string>& frames) {
  std::map<std::string, std::string> lanes;
  for (const std::string& frame : frames) {
    const Value data(data_of(frame));
    if (!data["choices"].exists() || data["choices"].is_empty()) continue;
    json::Elements choices(data["choices"]);
    Value choice;
    while (choices.next(choice)) {
      const std::string place(choice["index"].raw());
      const Value delta = choice["delta"];
      lanes[place + "text"] += delta["content"].as_string().value_or("");
      lanes[place + "thinking"] += delta["reasoning_content"].as_string().value_or("");
      if (!delta["tool_calls"].exists()) continue;
      json::Elements calls(delta["tool_calls"]);
      Value call;
      while (calls.next(call)) {
        const std::string index = place + "." + std::string(call["index"].raw());
        lanes[index + "name"] += call["function"]["name"].as_string().value_or("");
        lanes[index + "arguments"] += call["function"]["arguments"].as_string().value_or("");
      }
    }
  }
  uint64_t tokens = 0;
  for (const auto& [lane, text] : lanes) tokens += count(text);
  return tokens;
}

uint64_t anthropic_tokens(const std::vector<std::string>& frames) {
  std::map<std::string, std::string> lanes;
  for (const std::string& frame : frames) {
    const Value data(data_of(frame));
    const std::string index(data["index"].raw());
    lanes[index + "name"] += data["content_block"]["name"].as_string().value_or("");
    for (const char* member : {"text", "thinking", "partial_json"}) {
      lanes[index + member] += data["delta"][member].as_string().value_or("");
    }
  }
  uint64_t tokens = 0;
  for (const auto& [lane, text] : lanes) tokens += count(text);
  return tokens;
}

uint64_t sent(const Answer& answer) {
  uint64_t tokens = 0;
  for (const Frame& frame : answer.frames) tokens += frame.tokens;
  return tokens;
}

struct Case {
  std::string_view model;
  std::string_view more = "";
  uint64_t tokens = 0;  // of one choice; 0: whatever it is
};

constexpr Case kCases[] = {
    {"mock-c7", "", 7},
    {"mock-c30-b13", "", 390},
    {"mock-c5-b3-k", "", 15 + 12},
    {"mock-t"},
    {"mock-c4-k-t"},
    {"mock-t", R"(,"tools":[{"name":"a_rather_long_name","function":{"name":"look_it_up_now"}}])"},
    {"gpt-4o", "", 24},
    {"mock-c0"},
};

std::string body(const Case& each, std::string_view more) {
  return fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":"hi"}}]{}{}}})",
                     each.model, each.more, more);
}

TEST(Usage, IsTheNumberOfTokensThatAreStreamed) {
  for (const Case& each : kCases) {
    for (const uint64_t n : {1, 3}) {
      const auto ask = openai::read_chat(body(each, fmt::format(R"(,"stream":true,"n":{})", n)));
      ASSERT_TRUE(ask) << ask.error().message;
      const Answer answer = openai::make_chat(*ask, ask->script);
      EXPECT_EQ(answer.completion_tokens, openai_tokens(frames_of(answer))) << each.model;
      EXPECT_EQ(sent(answer), answer.completion_tokens) << each.model;
      if (each.tokens > 0) EXPECT_EQ(answer.completion_tokens, each.tokens * n) << each.model;
      const auto whole = openai::read_chat(body(each, fmt::format(R"(,"n":{})", n)));
      const Answer at_once = openai::make_chat(*whole, whole->script);
      EXPECT_EQ(at_once.completion_tokens, answer.completion_tokens);
      EXPECT_EQ(sent(at_once), answer.completion_tokens);
    }
    const auto ask = anthropic::read_message(body(each, R"(,"stream":true,"max_tokens":10000)"));
    ASSERT_TRUE(ask) << ask.error().message;
    const Answer answer = anthropic::make_message(*ask, ask->script);
    EXPECT_EQ(answer.completion_tokens, anthropic_tokens(frames_of(answer))) << each.model;
    EXPECT_EQ(sent(answer), answer.completion_tokens) << each.model;
    if (each.tokens > 0) EXPECT_EQ(answer.completion_tokens, each.tokens) << each.model;
  }
}

TEST(Usage, EndsExactlyAtTheLimit) {
  for (const std::string_view limit : {"max_tokens", "max_completion_tokens"}) {
    for (const uint64_t most : {1, 4, 19, 20, 21, 1000}) {
      for (const std::string_view stream : {"", R"(,"stream":true)"}) {
        const Case four{"mock-c5-b4"};
        const auto ask =
            openai::read_chat(body(four, fmt::format(R"({},"n":2,"{}":{})", stream, limit, most)));
        ASSERT_TRUE(ask);
        const Answer answer = openai::make_chat(*ask, ask->script);
        EXPECT_EQ(answer.completion_tokens, 2 * std::min<uint64_t>(most, 20));
        std::string text;
        for (const std::string& frame : frames_of(answer)) text += frame;
        EXPECT_EQ(text.contains(R"("finish_reason":"length")"), most < 20) << most;
      }
    }
  }
}

TEST(Usage, CallsToolsOnlyWhereTheyFit) {
  const Case calls{"mock-c4-t"};
  const auto free = openai::read_chat(body(calls, ""));
  const uint64_t all = openai::make_chat(*free, free->script).completion_tokens;
  ASSERT_GT(all, 4U);
  for (const uint64_t most : {uint64_t{3}, uint64_t{4}, all - 1, all}) {
    const auto ask = openai::read_chat(body(calls, fmt::format(R"(,"max_tokens":{})", most)));
    const Answer answer = openai::make_chat(*ask, ask->script);
    EXPECT_EQ(answer.completion_tokens, most == all ? all : std::min<uint64_t>(most, 4));
    EXPECT_EQ(answer.bytes.contains(R"("finish_reason":"length")"), most < all) << most;
  }
}

TEST(PromptTokens, FollowThePublishedRules) {
  const auto chat = [](std::string_view messages) {
    const auto ask =
        openai::read_chat(fmt::format(R"({{"model":"mock","messages":{}}})", messages));
    return ask ? ask->prompt_tokens : 0;
  };
  EXPECT_EQ(chat(R"([{"role":"user","content":"hello"}])"), 3U + 3 + 1 + 1);
  EXPECT_EQ(chat(R"([{"role":"system","content":"Be brief."},{"role":"user","name":"ann",)"
                 R"("content":[{"type":"text","text":"hello"},{"type":"text","text":"there"}]}])"),
            3U + (3 + 1 + 3) + (3 + 1 + 1 + 1 + 2));
  const auto message = anthropic::read_token_count(
      R"({"model":"mock","system":"Be brief.","messages":[{"role":"user","content":"hello"}]})");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->prompt_tokens, 3U + 4 + 1 + 3);
  const auto embedding =
      openai::read_embedding(R"({"model":"mock","input":["hello","hello there"]})");
  ASSERT_TRUE(embedding);
  EXPECT_EQ(embedding->prompt_tokens, 3U);
  EXPECT_EQ(openai::read_completion(R"({"model":"mock","prompt":[1,2,3]})")->prompt_tokens, 3U);
}

}  // namespace
}  // namespace sluice::mock
