#include "dialect/chat/reasoning_gate.hpp"

#include <gtest/gtest.h>

#include <string>

#include "dialect/chat/stream_converter.hpp"
#include "dialect/chat/stream_gathering.hpp"
#include "dialect/chat/stream_testing.hpp"
#include "dialect/openai/chat_response.hpp"

namespace sluice::dialect::chat {
namespace {

using config::ReasoningDisplay;

constexpr std::string_view kStream =
    R"(data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Let me "},"finish_reason":null}]}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"reasoning_content":"\"see\"."},"finish_reason":null}]}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":null}]}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

)";

json::Value message_of(const std::string& body) {
  json::Value first;
  json::Elements(json::Value(body)["choices"]).next(first);
  return first["message"];
}

std::string streamed(ReasoningDisplay display, size_t piece) {
  AnswerPlan plan;
  plan.reasoning = display;
  StreamConverter converter(Endpoint::kChatCompletions, Endpoint::kChatCompletions, plan, {});
  return testing::gather_chat(testing::convert_streams(converter, {std::string(kStream)}, [piece] {
                                return piece;
                              }).client);
}

std::string whole(ReasoningDisplay display) {
  AnswerPlan plan;
  plan.reasoning = display;
  auto answer = openai::parse_chat_response(
      R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Yes.",)"
      R"("reasoning_content":"Let me \"see\"."},"finish_reason":"stop"}]})");
  EXPECT_TRUE(answer);
  return openai::write_chat_response(*answer, plan);
}

TEST(Reasoning, IsInlinedStrippedOrShown) {
  struct Expected {
    ReasoningDisplay display;
    std::string content;
    std::optional<std::string> reasoning;
  };
  for (const auto& [display, content, reasoning] : {
           Expected{ReasoningDisplay::kShown, "Yes.", "Let me \"see\"."},
           Expected{ReasoningDisplay::kStripped, "Yes.", {}},
           Expected{ReasoningDisplay::kInlined, "<think>\nLet me \"see\".\n</think>\n\nYes.", {}},
       }) {
    const std::string bodies[] = {whole(display), streamed(display, SIZE_MAX),
                                  streamed(display, 1)};
    for (const std::string& body : bodies) {
      EXPECT_EQ(message_of(body)["content"].as_string(), content);
      EXPECT_EQ(message_of(body)["reasoning_content"].as_string(), reasoning);
    }
  }
}

TEST(Reasoning, ThatIsOnlyASignatureLeavesNoEmptyThought) {
  AnswerPlan plan;
  plan.reasoning = ReasoningDisplay::kInlined;
  struct Sink final : EventSink {
    std::string seen;
    void take(const Event& event) override { seen += event.text.str() + "|"; }
  } sink;
  ReasoningGate gate(plan, sink);
  const auto send = [&gate](Event::Kind kind, std::string_view text = {}) {
    gate.take({.kind = kind,
               .block_kind = BlockKind::kThinking,
               .id = {},
               .name = {},
               .text = literal(text)});
  };
  send(Event::Kind::kBlockStart);
  send(Event::Kind::kSignature, "abc");
  send(Event::Kind::kBlockStop);
  EXPECT_EQ(sink.seen, "");
}

}  // namespace
}  // namespace sluice::dialect::chat
