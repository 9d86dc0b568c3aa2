#include "dialect/output_text.hpp"

#include <gtest/gtest.h>

#include "base/counting_allocator.hpp"
#include "dialect/chat/stream_converter.hpp"
#include "dialect/stream_testing.hpp"

namespace sluice::dialect {
namespace {

using testing::Lanes;
using testing::recorded;
using testing::replay;

/// The lanes of a stream's texts.
std::string streamed(Endpoint endpoint, std::string_view bytes) {
  StreamInspector inspector(endpoint, true);
  Lanes lanes;
  replay(bytes, inspector, &lanes);
  return lanes.str();
}

/// Of one OpenAI chunk with this choice.
std::string choice(std::string_view members) {
  return streamed(Endpoint::kChatCompletions,
                  fmt::format("data: {{\"choices\":[{{{}}}]}}\n\n", members));
}

/// Of one OpenAI chunk with this delta.
std::string delta(std::string_view members) {
  return choice(fmt::format(R"("index":0,"delta":{{{}}})", members));
}

std::string anthropic_event(std::string_view data) {
  return streamed(Endpoint::kMessages, fmt::format("event: x\ndata: {}\n\n", data));
}

/// Of a whole answer.
std::string whole(Endpoint endpoint, std::string_view body) {
  Lanes lanes;
  lanes.take(output_texts(endpoint, body));
  return lanes.str();
}

TEST(StreamTexts, AreAllThatIsCountedInRecordedStreams) {
  EXPECT_EQ(streamed(Endpoint::kChatCompletions, recorded("openai/testdata/chat.sse")),
            "0.0 content: Hello 世界 😀");
  EXPECT_EQ(streamed(Endpoint::kChatCompletions, recorded("openai/testdata/tools.sse")),
            "0.0 tool_name: weather\n"
            "0.0 tool_arguments: {\"city\":\"Bonn\"}\n"
            "0.1 tool_name: clock\n"
            "0.1 tool_arguments: {}");
  EXPECT_EQ(streamed(Endpoint::kChatCompletions, recorded("openai/testdata/compatible.sse")),
            "0.0 content: 42\n0.0 reasoning: Let me think");
  EXPECT_EQ(streamed(Endpoint::kCompletions, recorded("openai/testdata/completions.sse")),
            "0.0 content: This is");
  EXPECT_EQ(streamed(Endpoint::kMessages, recorded("anthropic/testdata/text.sse")),
            "0.0 content: Hello! \n");
  EXPECT_EQ(streamed(Endpoint::kMessages, recorded("anthropic/testdata/thinking_tools.sse")),
            "0.0 reasoning: Weather first.\n"
            "0.1 tool_name: weather\n"
            "0.1 tool_arguments: {\"city\":\"Bonn\"}");
}

TEST(StreamTexts, AreEveryKindInADelta) {
  EXPECT_EQ(delta(R"("content":"a","refusal":"b","reasoning_content":"c")"),
            "0.0 content: a\n0.0 reasoning: c\n0.0 refusal: b");
  EXPECT_EQ(delta(R"("reasoning":"c")"), "0.0 reasoning: c");
  EXPECT_EQ(delta(R"("function_call":{"name":"f","arguments":"{\"a\":1}"})"),
            "0.0 tool_name: f\n0.0 tool_arguments: {\"a\":1}");
  EXPECT_EQ(delta(R"("tool_calls":[{"index":0,"custom":{"name":"f","input":"x"}}])"),
            "0.0 tool_name: f\n0.0 tool_arguments: x");
  EXPECT_EQ(delta(R"("audio":{"id":"a","data":"UklGRg==","transcript":"spoken"})"),
            "0.0 content: spoken");
  EXPECT_EQ(delta(R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"h"}]},)"
                  R"({"type":"text","text":"42"}])"),
            "0.0 content: 42\n0.0 reasoning: h");
}

TEST(StreamTexts, AreNotWhatOnlyDescribes) {
  EXPECT_EQ(delta(R"("role":"assistant","content":"","refusal":null,"channel":"analysis")"), "");
  EXPECT_EQ(delta(R"("tool_calls":[{"index":0,"id":"call_a","type":"function"}])"), "");
  EXPECT_EQ(choice(R"("index":0,"delta":{},"logprobs":{"content":[{"token":"a"}]})"), "");
  // The same thoughts in parts, beside `reasoning`.
  EXPECT_EQ(delta(R"("reasoning":"h","reasoning_details":[{"type":"reasoning.text","text":"h"}])"),
            "0.0 reasoning: h");
}

TEST(StreamTexts, CountReasoningOnceThatComesUnderTwoNames) {
  EXPECT_EQ(delta(R"("reasoning":"hm","reasoning_content":"hm")"), "0.0 reasoning: hm");
  EXPECT_EQ(delta(R"("reasoning":"hm","content":"hm")"), "0.0 content: hm\n0.0 reasoning: hm");
}

TEST(StreamTexts, TellChoiceAndCallApart) {
  EXPECT_EQ(choice(R"("delta":{"content":"x"},"index":3)"), "3.0 content: x");
  EXPECT_EQ(delta(R"("tool_calls":[{"function":{"name":"f"},"index":2}])"), "0.2 tool_name: f");
  EXPECT_EQ(delta(R"("tool_calls":[{"function":{"name":"f"}},{"function":{"name":"g"}}])"),
            "0.0 tool_name: f\n0.1 tool_name: g")
      << "by their order where no index is given";
  EXPECT_EQ(streamed(Endpoint::kCompletions,
                     "data: {\"choices\":[{\"text\":\"a\",\"index\":1},{\"index\":0,\"text\":"
                     "\"b\"}]}\n\n"),
            "0.0 content: b\n1.0 content: a");
  EXPECT_EQ(choice(R"("index":-7,"delta":{"content":"x"})"), "0.0 content: x");
  EXPECT_EQ(choice(R"("index":123456789012,"delta":{"content":"x"})"), "65535.0 content: x");
  EXPECT_EQ(choice(R"("index":1e99,"delta":{"content":"x"})"), "0.0 content: x");
}

TEST(StreamTexts, TakeArgumentsThatCameAsAnObject) {
  EXPECT_EQ(delta(R"("tool_calls":[{"function":{"name":"f","arguments":{"a": [1, "\n"]}}}])"),
            "0.0 tool_name: f\n0.0 tool_arguments: {\"a\": [1, \"\\n\"]}");
}

TEST(StreamTexts, AreEveryKindInAnthropicsEvents) {
  const auto block_delta = [](std::string_view members) {
    return anthropic_event(
        fmt::format(R"({{"type":"content_block_delta","index":4,"delta":{{{}}}}})", members));
  };
  EXPECT_EQ(block_delta(R"("type":"text_delta","text":"a")"), "0.4 content: a");
  EXPECT_EQ(block_delta(R"("type":"thinking_delta","thinking":"a")"), "0.4 reasoning: a");
  EXPECT_EQ(block_delta(R"("type":"input_json_delta","partial_json":"{\"a")"),
            "0.4 tool_arguments: {\"a");
  EXPECT_EQ(block_delta(R"("type":"signature_delta","signature":"abc")"), "");
  EXPECT_EQ(
      block_delta(R"("type":"citations_delta","citation":{"type":"x","cited_text":"quoted"})"), "");

  const auto block = [](std::string_view members) {
    return anthropic_event(fmt::format(
        R"({{"content_block":{{{}}},"type":"content_block_start","index":2}})", members));
  };
  EXPECT_EQ(block(R"("type":"text","text":"a")"), "0.2 content: a");
  EXPECT_EQ(block(R"("type":"text","text":"")"), "");
  EXPECT_EQ(block(R"("type":"thinking","thinking":"a","signature":"s")"), "0.2 reasoning: a");
  EXPECT_EQ(block(R"("type":"tool_use","id":"t","name":"f","input":{})"), "0.2 tool_name: f");
  EXPECT_EQ(block(R"("name":"web_search","input":{"query":"x"},"type":"server_tool_use")"),
            "0.2 tool_name: web_search\n0.2 tool_arguments: {\"query\":\"x\"}");
  EXPECT_EQ(block(R"("type":"redacted_thinking","data":"abc")"), "");
  EXPECT_EQ(block(R"("type":"web_search_tool_result","content":[{"title":"x"}])"), "");
}

TEST(StreamTexts, BelongToTheEventThatMayHoldThem) {
  EXPECT_EQ(anthropic_event(R"({"type":"message_delta","delta":{"text":"x"}})"), "");
  EXPECT_EQ(anthropic_event(R"({"type":"later","delta":{"text":"x"}})"), "");
  EXPECT_EQ(anthropic_event(R"({"type":"content_block_delta","index":0,"content_block":)"
                            R"({"type":"text","text":"x"}})"),
            "");
  // Content in the opening is against the specification, but clients would show it.
  EXPECT_EQ(anthropic_event(R"({"type":"message_start","message":{"content":[)"
                            R"({"type":"text","text":""},{"type":"text","text":"x"}]}})"),
            "0.1 content: x");
}

TEST(StreamTexts, AreSlicesOfTheEventWithTheirEscapes) {
  const std::string bytes =
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\\n\\u00e9\\ud83d\\ude00\",\"refusal\":"
      "\"plain\"}}]}\n\n";
  http::SseReader reader;
  reader.feed(bytes);
  const auto event = reader.next();
  ASSERT_TRUE(event);
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  const EventVerdict verdict = inspector.inspect(*event);
  ASSERT_EQ(verdict.texts.size(), 2u);
  EXPECT_EQ(verdict.texts[0].text.bytes, R"(a\n\u00e9\ud83d\ude00)");
  EXPECT_TRUE(verdict.texts[0].text.escaped);
  EXPECT_EQ(verdict.texts[0].text.str(), "a\né😀");
  EXPECT_FALSE(verdict.texts[1].text.escaped);
  for (const OutputText& text : verdict.texts) {
    EXPECT_GE(text.text.bytes.data(), event->data.data());
    EXPECT_LE(text.text.bytes.data() + text.text.bytes.size(),
              event->data.data() + event->data.size());
  }
}

TEST(StreamTexts, AreEmptyForEventsThatDoNotPass) {
  EXPECT_EQ(streamed(Endpoint::kChatCompletions,
                     "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]\n\n"),
            "");
  EXPECT_EQ(streamed(Endpoint::kChatCompletions,
                     "data: {\"error\":{\"message\":\"boom\"},\"choices\":[{\"delta\":"
                     "{\"content\":\"x\"}}]}\n\n"),
            "");
  EXPECT_EQ(
      streamed(Endpoint::kMessages,
               "event: x\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}\n\n"),
      "");
  // Nor does anything of it show up in the next event.
  EXPECT_EQ(streamed(Endpoint::kChatCompletions,
                     "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]\n\n"
                     "data: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\n: comment\n\n"),
            "0.0 content: y");
}

TEST(StreamTexts, GiveBackWhatAHugeEventNeeded) {
  std::string calls;
  for (int i = 0; i < 10'000; ++i) calls += R"({"function":{"name":"f"}},)";
  calls.back() = ']';
  const std::string huge =
      fmt::format("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{}}}}}]}}\n\n", calls);
  const std::string small = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  const auto inspect = [&inspector](std::string_view bytes) {
    http::SseReader reader;
    reader.feed(bytes);
    return inspector.inspect(*reader.next()).texts.size();
  };
  EXPECT_EQ(inspect(huge), 10'000u);
  uint64_t before = sluice::testing::allocations();
  EXPECT_EQ(inspect(small), 1u);
  if (!sluice::testing::kAllocationsCounted) GTEST_SKIP() << "allocations are not counted";
  EXPECT_GT(sluice::testing::allocations(), before) << "the large buffer was kept";
  before = sluice::testing::allocations();
  for (int i = 0; i < 100; ++i) inspect(small);
  EXPECT_EQ(sluice::testing::allocations(), before);
}

TEST(StreamTexts, OfResponsesAreRememberedWithoutAllocation) {
  const std::string piece =
      "event: response.output_text.delta\n"
      "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":1,"
      "\"content_index\":0,\"delta\":\"some words\",\"logprobs\":[],\"sequence_number\":4}\n\n";
  StreamInspector inspector(Endpoint::kResponses, false);
  http::SseReader reader;
  const auto inspect = [&] {
    reader.feed(piece);
    return inspector.inspect(*reader.next()).texts.size();
  };
  EXPECT_EQ(inspect(), 1u);
  const uint64_t before = sluice::testing::allocations();
  for (int i = 0; i < 100; ++i) inspect();
  EXPECT_EQ(sluice::testing::allocations(), before);
}

TEST(StreamTexts, OfResponsesAreConvertedWithoutAllocation) {
  const std::string piece =
      "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":1,"
      "\"content_index\":0,\"delta\":\"some \\\"words\\\"\",\"sequence_number\":4}\n\n";
  for (const Endpoint client : {Endpoint::kMessages, Endpoint::kChatCompletions}) {
    const chat::AnswerPlan plan;
    chat::StreamConverter converter(Endpoint::kResponses, client, plan, {});
    http::SseReader reader;
    std::string out;
    const auto convert = [&] {
      reader.feed(piece);
      converter.convert(*reader.next(), out);
    };
    for (int i = 0; i < 3; ++i) convert();
    const size_t frame = out.size();
    out.reserve(300 * frame);
    const uint64_t before = sluice::testing::allocations();
    for (int i = 0; i < 100; ++i) convert();
    EXPECT_EQ(sluice::testing::allocations(), before);
    EXPECT_GT(out.size(), 10 * frame);
  }
}

TEST(WholeTexts, AreThoseOfEveryChoice) {
  EXPECT_EQ(
      whole(
          Endpoint::kChatCompletions,
          R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"a\tb",)"
          R"("reasoning_content":"think","refusal":null,"annotations":[{"url":"u"}],)"
          R"("tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},)"
          R"({"id":"2","type":"function","function":{"name":"g","arguments":"[]"}}]},)"
          R"("finish_reason":"stop"},{"message":{"content":null,"refusal":"no"},"index":1}],)"
          R"("usage":{"prompt_tokens":1}})"),
      "0.0 content: a\tb\n0.0 reasoning: think\n0.0 tool_name: f\n0.0 tool_arguments: {}\n"
      "0.1 tool_name: g\n0.1 tool_arguments: []\n1.0 refusal: no");
  EXPECT_EQ(whole(Endpoint::kCompletions,
                  R"({"choices":[{"text":"a","index":0},{"text":"b","index":1},{"text":"c"}]})"),
            "0.0 content: a\n1.0 content: b\n2.0 content: c");
}

TEST(WholeTexts, AreThoseOfEveryBlock) {
  EXPECT_EQ(
      whole(Endpoint::kMessages, R"({"type":"message","role":"assistant","content":[)"
                                 R"({"type":"thinking","thinking":"hm","signature":"s"},)"
                                 R"({"type":"text","text":"a","citations":[{"cited_text":"q"}]},)"
                                 R"({"type":"tool_use","id":"t","name":"f","input":{}},)"
                                 R"({"type":"tool_use","id":"t","name":"g","input":{"k":"v"}}],)"
                                 R"("usage":{"input_tokens":1}})"),
      "0.0 reasoning: hm\n0.1 content: a\n0.2 tool_name: f\n0.2 tool_arguments: {}\n"
      "0.3 tool_name: g\n0.3 tool_arguments: {\"k\":\"v\"}");
}

TEST(WholeTexts, AreNoneWhereThereAreNone) {
  EXPECT_EQ(whole(Endpoint::kEmbeddings, R"({"choices":[{"text":"x"}],"data":[]})"), "");
  for (const Endpoint endpoint :
       {Endpoint::kChatCompletions, Endpoint::kCompletions, Endpoint::kMessages}) {
    for (const std::string_view body :
         {"", "[]", "null", "<html>", R"({"choices":[{"text":"x"}])",
          R"({"choices":{},"content":1})",
          R"({"choices":[1,null,{"message":[],"text":{}}],"content":[1,null,{}]})"}) {
      EXPECT_EQ(whole(endpoint, body), "") << body;
    }
  }
}

}  // namespace
}  // namespace sluice::dialect
