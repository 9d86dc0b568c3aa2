#include "load/answer.hpp"

#include <gtest/gtest.h>

namespace sluice::load {
namespace {

EventKind openai(std::string_view data) {
  http::SseEvent event;
  event.data = data;
  event.has_data = true;
  return classify(Dialect::kOpenAi, event);
}

EventKind anthropic(std::string_view name) {
  http::SseEvent event;
  event.event = name;
  event.data = "{}";
  event.has_data = true;
  return classify(Dialect::kAnthropic, event);
}

TEST(Answer, OpenAiTextIsContentHoweverItIsSpaced) {
  EXPECT_EQ(openai(R"({"choices":[{"index":0,"delta":{"content":"hi"}}]})"), EventKind::kContent);
  EXPECT_EQ(openai(R"({"choices": [{"delta": {"content": " hi"}}]})"), EventKind::kContent);
  EXPECT_EQ(openai(R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})"), EventKind::kContent);
}

TEST(Answer, ThePreambleIsNotTheFirstToken) {
  EXPECT_EQ(openai(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})"),
            EventKind::kOther);
  EXPECT_EQ(openai(R"({"choices":[{"delta":{"content":null,"role":"assistant"}}]})"),
            EventKind::kOther);
  EXPECT_EQ(openai(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})"), EventKind::kOther);
  EXPECT_EQ(openai(R"({"choices":[],"usage":{"prompt_tokens":1}})"), EventKind::kOther);
}

TEST(Answer, OnlyDoneEndsAnOpenAiStream) {
  EXPECT_EQ(openai("[DONE]"), EventKind::kTerminal);
  EXPECT_EQ(openai(R"({"choices":[{"delta":{"content":"[DONE]"}}]})"), EventKind::kContent);
}

TEST(Answer, AnErrorInsideAStreamIsAnError) {
  EXPECT_EQ(openai(R"({"error":{"message":"stalled","code":"upstream_stalled"}})"),
            EventKind::kError);
  EXPECT_EQ(anthropic("error"), EventKind::kError);
}

TEST(Answer, AnthropicEventsAreToldByTheirNames) {
  EXPECT_EQ(anthropic("message_start"), EventKind::kOther);
  EXPECT_EQ(anthropic("ping"), EventKind::kOther);
  EXPECT_EQ(anthropic("content_block_delta"), EventKind::kContent);
  EXPECT_EQ(anthropic("message_stop"), EventKind::kTerminal);
}

TEST(Answer, ReadsTheUpstreamsClockOutOfAnEvent) {
  EXPECT_EQ(stamp_of(R"({"type":"x","delta":{"content":"t123456789 "}})"), 123456789);
  EXPECT_EQ(stamp_of(R"({"type":"x","delta":{"content":"tea at 5 "}})"), std::nullopt);
  EXPECT_EQ(stamp_of(R"({"content":"t12"})"), std::nullopt);
  EXPECT_EQ(stamp_of(""), std::nullopt);
}

}  // namespace
}  // namespace sluice::load
