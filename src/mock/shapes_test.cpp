// The shapes that a script can ask for beside the plain answer, in every dialect.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mock/answer_test_support.hpp"
#include "mock/anthropic.hpp"
#include "mock/gemini.hpp"
#include "mock/openai.hpp"
#include "mock/responses.hpp"

namespace sluice::mock {
namespace {

using json::Value;

constexpr std::string_view kMessages = R"("messages":[{"role":"user","content":"hi"}])";

struct Api {
  std::string_view name;
  Answered<Ask> (*read)(std::string_view model, bool stream);
  Answer (*make)(const Ask& ask, const Script& script);
};

const Api kChat = {"chat",
                   [](std::string_view model, bool stream) {
                     return openai::read_chat(fmt::format(R"({{"model":"{}","stream":{},{}}})",
                                                          model, stream, kMessages));
                   },
                   openai::make_chat};
const Api kAnthropic = {
    "anthropic",
    [](std::string_view model, bool stream) {
      return anthropic::read_message(fmt::format(
          R"({{"model":"{}","stream":{},"max_tokens":99,{}}})", model, stream, kMessages));
    },
    anthropic::make_message};
const Api kResponses = {"responses",
                        [](std::string_view model, bool stream) {
                          return responses::read_response(fmt::format(
                              R"({{"model":"{}","stream":{},"input":"hi"}})", model, stream));
                        },
                        responses::make_response};
const Api kGemini = {"gemini",
                     [](std::string_view model, bool stream) {
                       const auto read = stream ? gemini::read_stream : gemini::read_generate;
                       return read(R"({"contents":[{"parts":[{"text":"hi"}]}]})", model);
                     },
                     gemini::make_content};
const Api kAll[] = {kChat, kAnthropic, kResponses, kGemini};

std::vector<std::string> frames(const Api& api, std::string_view model, bool stream = true) {
  const auto ask = api.read(model, stream);
  EXPECT_TRUE(ask) << (ask ? "" : ask.error().message);
  return frames_of(api.make(*ask, ask->script));
}

std::string joined(const Api& api, std::string_view model, bool stream = true) {
  std::string all;
  for (const std::string& frame : frames(api, model, stream)) all += frame;
  return all;
}

size_t times(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The events that have one of these in them, in order, told by its first letter.
std::string order(const Api& api, std::string_view model, std::vector<std::string_view> parts) {
  std::string seen;
  for (const std::string& frame : frames(api, model)) {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (frame.find(parts[i]) != std::string::npos) seen += std::to_string(i);
    }
  }
  return seen;
}

TEST(Shapes, CountWhatTheySend) {
  for (const Api& api : kAll) {
    for (const char* model : {"mock-c3-g0", "mock-c3-g1-k", "mock-j", "mock-t-o", "mock-c2-w",
                              "mock-c2-k-y", "mock-t-a1", "mock-t-a2", "mock-t-a3", "mock-c2-t-a4",
                              "mock-t-a5", "mock-t-a6", "mock-c2-k-a7", "mock-c2-a8", "mock-h5"}) {
      const auto ask = api.read(model, true);
      ASSERT_TRUE(ask);
      const Answer answer = api.make(*ask, ask->script);
      uint64_t sent = 0;
      for (const Frame& frame : answer.frames) sent += frame.tokens;
      EXPECT_EQ(sent, answer.completion_tokens) << api.name << " " << model;
      for (const bool stream : {true, false}) {
        for (const std::string& frame : frames(api, model, stream)) {
          const size_t brace = frame.find('{');
          if (brace == std::string::npos) continue;
          EXPECT_TRUE(json::valid(frame.substr(brace, frame.rfind('}') + 1 - brace))) << frame;
        }
      }
    }
  }
}

TEST(Shapes, RefuseOrFilter) {
  const struct {
    const Api& api;
    std::string_view refused;
    std::string_view filtered;
  } kCases[] = {
      {kChat, R"("refusal":")", R"("finish_reason":"content_filter")"},
      {kAnthropic, R"("stop_reason":"refusal")", R"("stop_reason":"refusal")"},
      {kResponses, R"("type":"refusal")", R"("reason":"content_filter")"},
      {kGemini, R"("blockReason": "PROHIBITED_CONTENT")", R"("finishReason": "SAFETY")"},
  };
  for (const auto& each : kCases) {
    for (const bool stream : {true, false}) {
      EXPECT_GE(times(joined(each.api, "mock-c3-g0", stream), each.refused), 1U) << each.api.name;
      EXPECT_EQ(times(joined(each.api, "mock-c3-g1", stream), each.filtered), 1U) << each.api.name;
      EXPECT_EQ(times(joined(each.api, "mock-c3", stream), each.filtered), 0U) << each.api.name;
    }
  }
  EXPECT_EQ(joined(kAnthropic, "mock-c3-g0").find("text_delta"), std::string::npos);
  EXPECT_EQ(joined(kGemini, "mock-c3-g0").find("candidates\""), std::string::npos);
}

TEST(Shapes, EndAStreamWithAnError) {
  for (const Api& api : kAll) {
    const auto whole = frames(api, "mock-c5");
    const auto cut = frames(api, "mock-c5-q2");
    ASSERT_LT(cut.size(), whole.size()) << api.name;
    EXPECT_NE(cut.back().find("error"), std::string::npos) << api.name;
    EXPECT_EQ(frames(api, "mock-c5-q0").size(), 1U) << api.name;
    EXPECT_EQ(frames(api, "mock-c5-q9").size(), whole.size()) << "there is no ninth event";
  }
  EXPECT_EQ(frames(kChat, "mock-c5-q2").size(), 1U + 2U + 1U);
  EXPECT_NE(joined(kResponses, "mock-c5-q2-a9").find("response.failed"), std::string::npos);
  const auto last = frames(kResponses, "mock-c5-q2").back();
  EXPECT_EQ(Value(data_of(last))["sequence_number"].as_int(), 4 + 2);
}

TEST(Shapes, LeaveOutTheFinishReason) {
  EXPECT_EQ(times(joined(kChat, "mock-c2-w"), R"("finish_reason":")"), 0U);
  EXPECT_NE(joined(kChat, "mock-c2-w").find("[DONE]"), std::string::npos);
  EXPECT_NE(joined(kChat, "mock-c2-w", false).find(R"("finish_reason":null)"), std::string::npos);
  EXPECT_EQ(joined(kAnthropic, "mock-c2-w").find("message_delta"), std::string::npos);
  EXPECT_NE(joined(kAnthropic, "mock-c2-w").find("message_stop"), std::string::npos);
  EXPECT_EQ(joined(kGemini, "mock-c2-w").find("finishReason"), std::string::npos);
}

TEST(Shapes, PutJsonIntoACodeFence) {
  const std::string whole = joined(kAnthropic, "mock-j", false);
  json::Elements blocks{Value{whole}["content"]};
  Value block;
  ASSERT_TRUE(blocks.next(block));
  EXPECT_EQ(block["text"].as_string(), "```json\n{\"city\":\"Paris\",\"weather\":true}\n```");
}

TEST(Shapes, NameReasoningAsTheScriptSays) {
  EXPECT_EQ(times(joined(kChat, "mock-c2-k-y"), R"("reasoning":")"), 4U);
  EXPECT_EQ(times(joined(kChat, "mock-c2-k-y"), "reasoning_content"), 0U);
  EXPECT_EQ(times(joined(kChat, "mock-c2-k"), R"("reasoning_content":")"), 4U);
}

TEST(Shapes, AlternateThePiecesOfCalls) {
  const std::vector<std::string_view> calls = {R"([{"index":0,"function")",
                                               R"([{"index":1,"function")"};
  EXPECT_EQ(order(kChat, "mock-t", calls), "00001111");
  EXPECT_EQ(order(kChat, "mock-t-o", calls), "01010101");
  const std::vector<std::string_view> deltas = {R"("output_index":0,"delta")",
                                                R"("output_index":1,"delta")"};
  EXPECT_EQ(order(kResponses, "mock-t", deltas), "00001111");
  EXPECT_EQ(order(kResponses, "mock-t-o", deltas), "01010101");
}

TEST(Shapes, AreOddInChats) {
  EXPECT_EQ(times(joined(kChat, "mock-t-a1"), R"("tool_calls":[{"index":1)"), 0U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a1"), R"("id":"call_)"), 2U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a2"), R"("tool_calls":[{"index")"), 0U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a2"), R"("id":"call_)"), 0U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a2"), R"("name":)"), 1U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a3"), R"("finish_reason":"stop")"), 1U);
  EXPECT_EQ(times(joined(kChat, "mock-c3-a4"), R"("usage":{)"), 1U + 3U + 1U);
  const auto last = frames(kChat, "mock-t-a5");
  ASSERT_EQ(last.size(), 3U);
  EXPECT_EQ(times(last[1], R"("name":)"), 2U);
  EXPECT_EQ(times(last[1], R"("finish_reason":"tool_calls")"), 1U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a6"), R"("arguments":"")"), 2U);
  EXPECT_EQ(times(joined(kChat, "mock-t-a6", false), R"("arguments":"")"), 2U);
}

TEST(Shapes, AreOddInMessages) {
  EXPECT_EQ(times(joined(kAnthropic, "mock-t-a6"), "input_json_delta"), 0U);
  EXPECT_EQ(times(joined(kAnthropic, "mock-t-a6", false), R"("input":{})"), 2U);
  EXPECT_EQ(times(joined(kAnthropic, "mock-c2-k-a7"), "thinking_delta"), 0U);
  EXPECT_EQ(times(joined(kAnthropic, "mock-c2-k-a7"), R"("type":"signature_delta")"), 1U);
  EXPECT_EQ(times(joined(kAnthropic, "mock-c2-a8"), "event: message_delta"), 2U);
  EXPECT_EQ(times(joined(kAnthropic, "mock-c2-a8"), R"("stop_reason":"end_turn")"), 1U);
}

TEST(Shapes, TellWhatWasInTheCache) {
  Particulars particulars = kParticulars;
  particulars.prompt_tokens = 2310;
  particulars.cached_tokens = 300;
  particulars.written_tokens = 2000;
  const auto body = [&](const Api& api) {
    const auto ask = api.read("mock-c1-h300", false);
    const Answer answer = api.make(*ask, ask->script);
    std::string scratch;
    return std::string(fill(answer, answer.frames[0], particulars, scratch));
  };
  const std::string anthropic = body(kAnthropic);
  const Value usage = Value(anthropic)["usage"];
  EXPECT_EQ(usage["input_tokens"].as_int(), 10);
  EXPECT_EQ(usage["cache_read_input_tokens"].as_int(), 300);
  EXPECT_EQ(usage["cache_creation_input_tokens"].as_int(), 2000);
  EXPECT_NE(body(kChat).find(R"("cached_tokens":300)"), std::string::npos);
  EXPECT_NE(body(kResponses).find(R"("cached_tokens":300,"cache_write_tokens":2000)"),
            std::string::npos);
  EXPECT_NE(body(kGemini).find(R"("cachedContentTokenCount": 300)"), std::string::npos);
}

/// A request that ends with these messages behind the user's.
Answered<Ask> message(std::string_view model, std::string_view rest) {
  return anthropic::read_message(fmt::format(
      R"({{"model":"{}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}{}]}})", model,
      rest));
}

TEST(Shapes, PauseUntilTheTurnIsPlayedBack) {
  const auto text_of = [](const std::string& body) {
    json::Elements blocks{Value{body}["content"]};
    std::string text;
    for (Value block; blocks.next(block);) text += block["text"].as_string().value_or("");
    return text;
  };
  std::string played;
  std::string text;
  for (int pause = 0; pause <= 2; ++pause) {
    const auto ask = message(
        "mock-c4-p2",
        played.empty() ? "" : fmt::format(R"(,{{"role":"assistant","content":[{}]}})", played));
    ASSERT_TRUE(ask) << ask.error().message;
    const std::string body = frames_of(anthropic::make_message(*ask, ask->script)).at(0);
    EXPECT_EQ(Value(body)["stop_reason"].as_string(), pause < 2 ? "pause_turn" : "end_turn");
    text += text_of(body);
    const std::string_view content = Value(body)["content"].raw();
    played += (played.empty() ? "" : ",") + std::string(content.substr(1, content.size() - 2));
  }
  const std::string plain = [&] {
    const auto ask = message("mock-c4-p2", "");
    return Plan(*ask, ask->script, 0).all_text();
  }();
  EXPECT_EQ(text, plain);
  const auto forged =
      message("mock-c4-p2",
              R"(,{"role":"assistant","content":[{"type":"text","text":"else"},)"
              R"({"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}]})");
  EXPECT_FALSE(forged);
}

TEST(Shapes, CheckHistoriesOfMessages) {
  const auto complaint = [](std::string_view rest) {
    const auto ask = message("mock-c1-v", rest);
    return ask ? "none" : ask.error().message;
  };
  const std::string call =
      R"(,{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]})";
  const std::string result =
      R"(,{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]})";
  EXPECT_EQ(complaint(call + result), "none");
  EXPECT_NE(complaint(call).find("without `tool_result` blocks immediately after: t1"),
            std::string::npos);
  EXPECT_NE(complaint(result).find("unexpected `tool_use_id`"), std::string::npos);
  EXPECT_NE(complaint(call + R"(,{"role":"user","content":[{"type":"text","text":"a"},)"
                             R"({"type":"tool_result","tool_use_id":"t1","content":"x"}]})")
                .find("unexpected `tool_use_id`"),
            std::string::npos);
  EXPECT_NE(complaint(R"(,{"role":"assistant","content":[{"type":"thinking","thinking":"x",)"
                      R"("signature":"forged"}]})")
                .find("Invalid `signature` in `thinking` block"),
            std::string::npos);
  EXPECT_NE(
      complaint(R"(,{"role":"assistant","content":[{"type":"text","text":""}]})").find("non-empty"),
      std::string::npos);
  const std::string thought = joined(kAnthropic, "mock-c1-k", false);
  EXPECT_EQ(complaint(fmt::format(R"(,{{"role":"assistant","content":{}}})",
                                  Value(thought)["content"].raw())),
            "none");
}

TEST(Shapes, CheckHistoriesOfChats) {
  const auto complaint = [](std::string_view rest) {
    const auto ask = openai::read_chat(fmt::format(
        R"({{"model":"mock-c1-v","messages":[{{"role":"user","content":"hi"}}{}]}})", rest));
    return ask ? "none" : ask.error().message;
  };
  const std::string call =
      R"(,{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}}]})";
  const std::string result = R"(,{"role":"tool","tool_call_id":"c1","content":"x"})";
  EXPECT_EQ(complaint(call + result), "none");
  EXPECT_NE(complaint(call).find("did not have response messages: c1"), std::string::npos);
  EXPECT_NE(complaint(result).find("must be a response to a preceeding message"),
            std::string::npos);
  EXPECT_NE(complaint(R"(,{"role":"assistant","content":"x","tool_calls":[]})").find("empty array"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::mock
