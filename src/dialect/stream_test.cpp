#include "dialect/stream.hpp"

#include <gtest/gtest.h>

#include <random>

#include "dialect/stream_testing.hpp"

namespace sluice::dialect {
namespace {

using testing::Lanes;
using testing::recorded;
using testing::replay;

struct Recording {
  std::string_view path;
  Endpoint endpoint;
};

constexpr Recording kRecordings[] = {
    {"openai/testdata/chat.sse", Endpoint::kChatCompletions},
    {"openai/testdata/tools.sse", Endpoint::kChatCompletions},
    {"openai/testdata/compatible.sse", Endpoint::kChatCompletions},
    {"openai/testdata/completions.sse", Endpoint::kCompletions},
    {"anthropic/testdata/text.sse", Endpoint::kMessages},
    {"anthropic/testdata/thinking_tools.sse", Endpoint::kMessages},
    {"anthropic/testdata/overloaded.sse", Endpoint::kMessages},
    {"responses/testdata/tools.sse", Endpoint::kResponses},
    {"responses/testdata/no_pieces.sse", Endpoint::kResponses},
    {"responses/testdata/failed.sse", Endpoint::kResponses},
};

std::string summary(const StreamInspector& inspector) {
  const TokenCounts& counts = inspector.usage().counts;
  return fmt::format("{} {} in={} out={} read={} write={} reasoning={} reported={} {}",
                     inspector.model(), to_string(inspector.finish_reason()), counts.input,
                     counts.output, counts.cache_read, counts.cache_write, counts.reasoning,
                     inspector.usage().reported, inspector.terminated());
}

TEST(StreamInspector, SeesTheSameForEverySplitOfTheBytes) {
  std::mt19937 random(7);
  for (const Recording& recording : kRecordings) {
    const std::string bytes = recorded(recording.path);
    ASSERT_FALSE(bytes.empty()) << recording.path;
    StreamInspector whole(recording.endpoint, true);
    Lanes texts;
    const std::string events = replay(bytes, whole, &texts);
    for (int round = 0; round < 60; ++round) {
      const size_t most = round < 20 ? static_cast<size_t>(round) + 1 : 400;
      StreamInspector split(recording.endpoint, true);
      Lanes split_texts;
      EXPECT_EQ(events, replay(bytes, split, [&] { return random() % most + 1; }, &split_texts));
      EXPECT_EQ(texts.str(), split_texts.str());
      EXPECT_EQ(texts.pieces(), split_texts.pieces());
      EXPECT_EQ(summary(whole), summary(split)) << recording.path;
    }
  }
}

TEST(OpenAiStream, TellsContentFromPreambleAndRemovesTheUsageItAskedFor) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  EXPECT_EQ(replay(recorded("openai/testdata/chat.sse"), inspector), "- c c cf u t");
  EXPECT_EQ(
      summary(inspector),
      "gpt-4o-2024-08-06 stop in=93 out=46 read=1024 write=0 reasoning=12 reported=true true");
  EXPECT_EQ(inspector.synthesize_terminal(), "");
}

TEST(OpenAiStream, LeavesTheUsageChunkToAClientThatAskedForIt) {
  StreamInspector inspector(Endpoint::kChatCompletions, false);
  EXPECT_EQ(replay(recorded("openai/testdata/chat.sse"), inspector), "- c c cf - t");
  EXPECT_EQ(inspector.usage().counts.total_input(), 1117);
}

TEST(OpenAiStream, CountsToolCallsAsContent) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  EXPECT_EQ(replay(recorded("openai/testdata/tools.sse"), inspector), "- c c c cf t");
  EXPECT_EQ(summary(inspector),
            "gpt-4o tool_calls in=0 out=0 read=0 write=0 reasoning=0 reported=false true");
}

TEST(OpenAiStream, UnderstandsCompatibleUpstreams) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  EXPECT_EQ(replay(recorded("openai/testdata/compatible.sse"), inspector), "- c c c cf");
  EXPECT_EQ(
      summary(inspector),
      "deepseek/deepseek-r1 length in=6 out=3 read=4 write=0 reasoning=0 reported=true false");
  EXPECT_EQ(inspector.synthesize_terminal(), "data: [DONE]\n\n");
}

TEST(OpenAiStream, ReadsLegacyCompletions) {
  StreamInspector inspector(Endpoint::kCompletions, true);
  EXPECT_EQ(replay(recorded("openai/testdata/completions.sse"), inspector), "c c cf u t");
  EXPECT_EQ(inspector.usage().counts.input, 5);
}

TEST(AnthropicStream, TellsContentFromPreamble) {
  StreamInspector inspector(Endpoint::kMessages, false);
  EXPECT_EQ(replay(recorded("anthropic/testdata/text.sse"), inspector), "- - - c c - cf t");
  EXPECT_EQ(
      summary(inspector),
      "claude-sonnet-4-6 stop in=25 out=15 read=2000 write=100 reasoning=0 reported=true true");
}

TEST(AnthropicStream, CountsThinkingAndToolCallsAsContent) {
  StreamInspector inspector(Endpoint::kMessages, false);
  EXPECT_EQ(replay(recorded("anthropic/testdata/thinking_tools.sse"), inspector),
            "- - c c - c - c - cf t");
  EXPECT_EQ(
      summary(inspector),
      "claude-opus-4-6 tool_calls in=410 out=89 read=7 write=0 reasoning=31 reported=true true");
}

TEST(AnthropicStream, TellsAnErrorInsideASuccess) {
  StreamInspector inspector(Endpoint::kMessages, false);
  EXPECT_EQ(replay(recorded("anthropic/testdata/overloaded.sse"), inspector), "- e");
  EXPECT_EQ(inspector.failure().kind, FailureKind::kOverloaded);
  EXPECT_EQ(inspector.failure().error.code, ErrorCode::kUpstreamError);
  EXPECT_EQ(inspector.failure().detail, "Overloaded");
  EXPECT_FALSE(inspector.usage().reported);
  EXPECT_EQ(inspector.synthesize_terminal(), "");
}

std::string openai(std::string_view stream, bool adds_usage = true) {
  StreamInspector inspector(Endpoint::kChatCompletions, adds_usage);
  return replay(stream, inspector);
}

TEST(OpenAiStream, CallsWhatIsNoJsonObjectMalformed) {
  EXPECT_EQ(openai("data: {\"choices\":[\n\n"), "m");
  EXPECT_EQ(openai("data: {\"a\":1}x\n\n"), "m");
  EXPECT_EQ(openai("data: null\n\ndata: []\n\ndata: hello\n\ndata:\n\n"), "m m m m");
  EXPECT_EQ(openai("data: {\"a\":\"\xFF\"}\n\n"), "m");
  EXPECT_EQ(openai(": comment\n\nevent: x\n\nid: 7\n\n"), "- - -");
}

TEST(OpenAiStream, TakesNothingFromAMalformedEvent) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  replay(
      "data: {\"model\":\"m\",\"usage\":{\"prompt_tokens\":5},\"choices\":[{\"delta\":"
      "{\"content\":\"x\"},\"finish_reason\":\"stop\"}]\n\n",
      inspector);
  EXPECT_EQ(summary(inspector), "  in=0 out=0 read=0 write=0 reasoning=0 reported=false false");
  EXPECT_FALSE(inspector.finished());
}

TEST(OpenAiStream, SeesErrorsInEveryShape) {
  EXPECT_EQ(openai("data: {\"error\":{\"message\":\"boom\"}}\n\n"), "e");
  EXPECT_EQ(openai("data: {\"error\":\"boom\"}\n\n"), "e");
  EXPECT_EQ(openai("data: {\"object\":\"error\",\"message\":\"boom\",\"code\":400}\n\n"), "e");
  EXPECT_EQ(openai("event: error\ndata: upstream went away\n\n"), "e");
  EXPECT_EQ(openai("event: error\ndata: {\"message\":\"boom\"}\n\n"), "e");
  EXPECT_EQ(openai("data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"),
            "c");
  EXPECT_EQ(openai("data: {\"error\":{},\"choices\":[]}\n\n"), "-");
}

TEST(OpenAiStream, ReadsTheStatusThatAnErrorNames) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  replay("data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n", inspector);
  EXPECT_EQ(inspector.failure().kind, FailureKind::kRateLimited);
  replay("data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"code\":null}}\n\n",
         inspector);
  EXPECT_EQ(inspector.failure().kind, FailureKind::kServerError);
  replay("data: {\"error\":{\"message\":\"x\",\"code\":\"context_length_exceeded\"}}\n\n",
         inspector);
  EXPECT_EQ(inspector.failure().kind, FailureKind::kContextLength);
}

TEST(OpenAiStream, KeepsUsageThatComesWithContent) {
  const std::string_view chunk =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
  EXPECT_EQ(openai(chunk), "cf");
}

TEST(OpenAiStream, KeepsEmptyChunksThatHoldNoUsage) {
  // Azure opens with the result of its prompt filter.
  EXPECT_EQ(openai("data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n"),
            "-");
  EXPECT_EQ(openai("data: {\"choices\":[],\"usage\":null}\n\n"), "-");
  EXPECT_EQ(openai("data: {\"usage\":{\"prompt_tokens\":1}}\n\n"), "u");
}

TEST(OpenAiStream, FindsUsageWhereGroqPutsIt) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  EXPECT_EQ(replay("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
                   "\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":4,"
                   "\"completion_tokens\":9}}}\n\n",
                   inspector),
            "cf");
  EXPECT_EQ(inspector.usage().counts.input, 4);
  EXPECT_EQ(inspector.usage().counts.output, 9);
}

TEST(OpenAiStream, IsFinishedWhenEveryChoiceIs) {
  StreamInspector inspector(Endpoint::kChatCompletions, true, 2);
  const auto finish = [&inspector](int index) {
    replay(fmt::format("data: {{\"choices\":[{{\"index\":{},\"delta\":{{}},"
                       "\"finish_reason\":\"stop\"}}]}}\n\n",
                       index),
           inspector);
  };
  finish(0);
  EXPECT_FALSE(inspector.finished());
  EXPECT_EQ(inspector.synthesize_terminal(), "");
  finish(0);
  EXPECT_FALSE(inspector.finished());
  finish(1);
  EXPECT_TRUE(inspector.finished());
  EXPECT_EQ(inspector.synthesize_terminal(), "data: [DONE]\n\n");
}

TEST(OpenAiStream, SurvivesHostileNumbers) {
  StreamInspector inspector(Endpoint::kChatCompletions, true);
  replay(
      "data: {\"choices\":[{\"index\":-1,\"finish_reason\":\"stop\"},{\"index\":4000000000},"
      "{\"index\":1e99},7,null],\"usage\":{\"prompt_tokens\":-5,"
      "\"completion_tokens\":9223372036854775807,\"prompt_tokens_details\":{\"cached_tokens\":3}}}"
      "\n\n",
      inspector);
  EXPECT_EQ(inspector.usage().counts.total_input(), 0);
  EXPECT_EQ(inspector.usage().counts.output, 0);
}

TEST(OpenAiStream, TakesNoReportWithoutSoundNumbers) {
  for (const char* usage : {R"("prompt_tokens":10,"completion_tokens":-7)",
                            R"("prompt_tokens":10,"completion_tokens":9223372036854775807)",
                            R"("prompt_tokens":9223372036854775807,"completion_tokens":1)",
                            R"("prompt_tokens":10,"completion_tokens":2.5)"}) {
    StreamInspector inspector(Endpoint::kChatCompletions, false);
    replay(fmt::format("data: {{\"choices\":[{{\"delta\":{{\"content\":\"x\"}},"
                       "\"finish_reason\":\"stop\"}}]}}\n\n"
                       "data: {{\"choices\":[],\"usage\":{{{}}}}}\n\ndata: [DONE]\n\n",
                       usage),
           inspector);
    EXPECT_FALSE(inspector.usage().reported) << usage;
  }
}

std::string anthropic(std::string_view stream) {
  StreamInspector inspector(Endpoint::kMessages, false);
  return replay(stream, inspector);
}

TEST(AnthropicStream, DoesNotNeedTheOrderOfMembers) {
  EXPECT_EQ(anthropic("event: content_block_delta\ndata: {\"delta\":{\"text\":\"x\",\"type\":"
                      "\"text_delta\"},\"index\":0,\"type\":\"content_block_delta\"}\n\n"),
            "c");
}

TEST(AnthropicStream, PassesUnknownEvents) {
  EXPECT_EQ(anthropic("event: later\ndata: {\"type\":\"later\",\"delta\":{\"text\":\"x\"}}\n\n"),
            "-");
  EXPECT_EQ(anthropic("data: [DONE]\n\n"), "-");
  EXPECT_EQ(anthropic("event: ping\ndata:\n\n"), "m");
}

TEST(AnthropicStream, CountsBlocksThatOpenWithContent) {
  const auto start = [](std::string_view block) {
    return anthropic(fmt::format(
        "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{}}}\n\n",
        block));
  };
  EXPECT_EQ(start("{\"type\":\"text\",\"text\":\"x\"}"), "c");
  EXPECT_EQ(start("{\"type\":\"redacted_thinking\",\"data\":\"abc\"}"), "c");
  EXPECT_EQ(start("{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\"}"), "c");
  EXPECT_EQ(start("{\"type\":\"thinking\",\"thinking\":\"\"}"), "-");
}

TEST(AnthropicStream, IsCompletedWhenOnlyItsLastEventIsMissing) {
  std::string stream = recorded("anthropic/testdata/text.sse");
  stream.resize(stream.find("event: message_stop"));
  StreamInspector inspector(Endpoint::kMessages, false);
  replay(stream, inspector);
  EXPECT_EQ(inspector.synthesize_terminal(),
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");

  stream.resize(stream.find("event: message_delta"));
  StreamInspector cut(Endpoint::kMessages, false);
  replay(stream, cut);
  EXPECT_EQ(cut.synthesize_terminal(), "");
}

TEST(AnthropicStream, SeesErrorsOfTheOtherDialect) {
  EXPECT_EQ(anthropic("data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n"),
            "e");
}

/// What a stream of these events has reported, as if it were cut there.
struct Report {
  bool input_known;
  bool reported;
  int64_t input;
  int64_t output;
  bool operator==(const Report&) const = default;
};

void PrintTo(const Report& report, std::ostream* out) {
  *out << fmt::format("{{known={} reported={} in={} out={}}}", report.input_known, report.reported,
                      report.input, report.output);
}

class UsageSoFar {
 public:
  explicit UsageSoFar(Endpoint endpoint, int64_t choices = 1)
      : inspector_(endpoint, true, choices) {}

  Report after(std::string_view data) {
    replay(fmt::format("data: {}\n\n", data), inspector_);
    const Usage& usage = inspector_.usage();
    return {usage.input_known, usage.reported, usage.counts.input, usage.counts.output};
  }

 private:
  StreamInspector inspector_;
};

TEST(OpenAiUsage, IsReportedOnlyAtTheEndWhenEveryChunkTellsIt) {
  UsageSoFar usage(Endpoint::kChatCompletions);
  EXPECT_EQ(usage.after(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],)"
                        R"("usage":{"prompt_tokens":9,"completion_tokens":0}})"),
            (Report{true, false, 9, 0}));
  EXPECT_EQ(usage.after(R"({"choices":[{"index":0,"delta":{"content":"a"}}],)"
                        R"("usage":{"prompt_tokens":9,"completion_tokens":3}})"),
            (Report{true, false, 9, 3}))
      << "the input is good for a cut, the output is not the end's";
  EXPECT_EQ(
      usage.after(R"({"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}],)"
                  R"("usage":{"prompt_tokens":9,"completion_tokens":5}})"),
      (Report{true, true, 9, 5}));
  EXPECT_EQ(usage.after(R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":6}})"),
            (Report{true, true, 9, 6}));
}

TEST(OpenAiUsage, IsNotReportedWhileOtherChoicesGoOn) {
  // vLLM tells in such chunks what the one choice has used.
  UsageSoFar usage(Endpoint::kChatCompletions, 2);
  EXPECT_EQ(
      usage.after(R"({"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],)"
                  R"("usage":{"prompt_tokens":9,"completion_tokens":5}})"),
      (Report{true, false, 9, 5}));
  usage.after(R"({"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]})");
  EXPECT_EQ(usage.after(R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7}})"),
            (Report{true, true, 9, 7}));
}

TEST(OpenAiUsage, IsNotReportedWhenTextCameAfterIt) {
  UsageSoFar usage(Endpoint::kChatCompletions);
  usage.after(R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0}})");
  usage.after(R"({"choices":[{"index":0,"delta":{"content":"a"}}]})");
  EXPECT_EQ(usage.after(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"),
            (Report{true, false, 9, 0}));
  EXPECT_EQ(usage.after("[DONE]"), (Report{true, false, 9, 0}));
}

TEST(OpenAiUsage, IsReportedAtTheTerminalEventWithoutAFinishReason) {
  UsageSoFar usage(Endpoint::kChatCompletions, 3);
  usage.after(R"({"choices":[{"index":0,"delta":{"content":"a"}}]})");
  EXPECT_EQ(usage.after(R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}})"),
            (Report{true, false, 9, 1}));
  EXPECT_EQ(usage.after("[DONE]"), (Report{true, true, 9, 1}));
}

TEST(OpenAiUsage, IsNoneWhenItIsIncomplete) {
  const auto at_end = [](std::string_view counts) {
    UsageSoFar usage(Endpoint::kChatCompletions);
    return usage.after(fmt::format(
        R"({{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],"usage":{{{}}}}})",
        counts));
  };
  EXPECT_EQ(at_end(R"("prompt_tokens":0,"completion_tokens":0)"), (Report{false, false, 0, 0}))
      << "servers that do not count say so";
  EXPECT_EQ(at_end(R"("prompt_tokens":9)"), (Report{true, false, 9, 0}));
  EXPECT_EQ(at_end(R"("completion_tokens":9)"), (Report{false, false, 0, 9}));
  EXPECT_EQ(at_end(R"("prompt_tokens":9,"completion_tokens":0)"), (Report{true, true, 9, 0}));
}

TEST(AnthropicUsage, KnowsTheInputBeforeTheEnd) {
  UsageSoFar usage(Endpoint::kMessages);
  EXPECT_EQ(usage.after(R"({"type":"message_start","message":{"usage":{"input_tokens":25,)"
                        R"("cache_read_input_tokens":7,"output_tokens":1}}})"),
            (Report{true, false, 25, 1}));
  EXPECT_EQ(usage.after(R"({"type":"content_block_delta","index":0,"delta":{"text":"a"}})"),
            (Report{true, false, 25, 1}));
  EXPECT_EQ(usage.after(R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},)"
                        R"("usage":{"output_tokens":15}})"),
            (Report{true, true, 25, 15}));
}

TEST(AnthropicUsage, IsReportedOnlyAtTheEnd) {
  UsageSoFar usage(Endpoint::kMessages);
  // Compatible upstreams learn the input later.
  EXPECT_EQ(usage.after(R"({"type":"message_start","message":{"usage":{"input_tokens":0,)"
                        R"("output_tokens":0}}})"),
            (Report{false, false, 0, 0}));
  EXPECT_EQ(usage.after(R"({"type":"message_delta","delta":{},"usage":{"output_tokens":3}})"),
            (Report{false, false, 0, 3}));
  EXPECT_EQ(usage.after(R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},)"
                        R"("usage":{"input_tokens":8,"output_tokens":4}})"),
            (Report{true, true, 8, 4}));

  UsageSoFar silent(Endpoint::kMessages);
  silent.after(
      R"({"type":"message_start","message":{"usage":{"input_tokens":8,"output_tokens":1}}})");
  EXPECT_EQ(silent.after(R"({"type":"message_delta","delta":{"stop_reason":"end_turn"}})"),
            (Report{true, false, 8, 1}));
}

TEST(ResponsesStream, TellsTheNumberOfTheNextEvent) {
  StreamInspector inspector(Endpoint::kResponses, false);
  EXPECT_EQ(inspector.next_sequence(), 0);
  const auto after = [&inspector](std::string_view data) {
    inspector.inspect({.raw = {}, .event = {}, .data = data, .id = {}, .has_data = true});
    return inspector.next_sequence();
  };
  EXPECT_EQ(after(R"({"type":"response.in_progress","sequence_number":4,"response":{}})"), 5);
  EXPECT_EQ(after(R"({"type":"response.output_text.delta","delta":"a"})"), 5);
  EXPECT_EQ(after(R"({"sequence_number":-3,"type":"response.output_text.delta"})"), 5);
  EXPECT_EQ(after(R"({"sequence_number":9223372036854775807,"type":"x"})"), 0);
}

}  // namespace
}  // namespace sluice::dialect
