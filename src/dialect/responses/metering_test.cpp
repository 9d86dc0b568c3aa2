// What a relay learns of the requests and answers of OpenAI's Responses, whose bytes it passes on.
#include <gtest/gtest.h>

#include "dialect/request.hpp"
#include "dialect/response.hpp"
#include "dialect/stream_testing.hpp"

namespace sluice::dialect {
namespace {

using testing::Lanes;
using testing::recorded;
using testing::replay;

constexpr Endpoint kResponses = Endpoint::kResponses;

std::string events(std::string_view stream, StreamInspector& inspector, Lanes* lanes = nullptr) {
  return replay(recorded(stream), inspector, lanes);
}

std::string summary(const StreamInspector& inspector) {
  const TokenCounts& counts = inspector.usage().counts;
  return fmt::format("{} {} in={} read={} write={} out={} reasoning={} reported={}",
                     inspector.model(), to_string(inspector.finish_reason()), counts.input,
                     counts.cache_read, counts.cache_write, counts.output, counts.reasoning,
                     inspector.usage().reported);
}

std::string sent(std::string_view body, std::optional<int64_t> limit) {
  const auto request = understand(kResponses, std::string(body));
  if (!request) return "refused: " + request.error().param;
  std::string storage;
  return std::string(upstream_body(
      *request, {.model = "m", .output_limit = limit, .provider = config::ProviderType::kOpenAi},
      storage));
}

TEST(ResponsesStream, CountsEveryTextOnce) {
  StreamInspector inspector(kResponses, false);
  Lanes lanes;
  EXPECT_EQ(events("responses/testdata/tools.sse", inspector, &lanes),
            "- - - - c c - - - c c - - - - - c c c - - - c c c - - c c - - cft");
  EXPECT_EQ(lanes.str(),
            "0.0 reasoning: Weather first.\n"
            "0.1 content: Let me look, 世界 😀\n"
            "0.2 tool_name: weather\n"
            "0.2 tool_arguments: {\"city\":\"Bonn\"}\n"
            "0.3 tool_name: clock\n"
            "0.3 tool_arguments: {}\n"
            "1.0 reasoning: Then the time.");
  EXPECT_EQ(summary(inspector),
            "gpt-5.6-2026-08-01 tool_calls in=80 read=1024 write=13 out=46 reasoning=12 "
            "reported=true");
  EXPECT_TRUE(inspector.finished());
  EXPECT_TRUE(inspector.terminated());
  EXPECT_EQ(inspector.synthesize_terminal(), "");
}

TEST(ResponsesStream, CountsWhatNoPieceHasTold) {
  StreamInspector inspector(kResponses, false);
  Lanes lanes;
  EXPECT_EQ(events("responses/testdata/no_pieces.sse", inspector, &lanes),
            "- - - c - c - c c - cft");
  EXPECT_EQ(lanes.str(),
            "0.0 content: One.\n"
            "0.1 tool_name: weather\n"
            "0.1 tool_arguments: {\"city\":\"Bonn\"}\n"
            "0.2 tool_name: clock\n"
            "0.2 tool_arguments: {}\n"
            "1.0 content: Two.");
  EXPECT_EQ(inspector.finish_reason(), FinishReason::kLength);
  EXPECT_TRUE(inspector.usage().reported);
}

TEST(ResponsesStream, TellsFailures) {
  StreamInspector inspector(kResponses, false);
  EXPECT_EQ(events("responses/testdata/failed.sse", inspector), "- e");
  EXPECT_EQ(inspector.failure().kind, FailureKind::kRateLimited);
  EXPECT_EQ(inspector.failure().detail, "Slow down.");

  StreamInspector other(kResponses, false);
  EXPECT_EQ(replay("event: error\ndata: {\"type\":\"error\",\"code\":\"context_length_exceeded\","
                   "\"message\":\"Too long.\",\"param\":\"input\",\"sequence_number\":3}\n\n",
                   other),
            "e");
  EXPECT_EQ(other.failure().kind, FailureKind::kContextLength);
  EXPECT_EQ(other.failure().error.message, "Too long.");
  EXPECT_EQ(other.failure().error.param, "input");
}

TEST(ResponsesStream, EndsWithItsTerminalEventAlone) {
  StreamInspector inspector(kResponses, false);
  EXPECT_EQ(replay("data: {\"type\":\"response.output_text.delta\",\"output_index\":0,"
                   "\"content_index\":0,\"delta\":\"a\"}\n\ndata: [DONE]\n\n",
                   inspector),
            "c -");
  EXPECT_FALSE(inspector.finished());
  EXPECT_FALSE(inspector.terminated());
}

TEST(ResponsesAnswer, TellsWhatItReports) {
  const ResponseFacts facts = inspect_response(
      kResponses,
      R"({"id":"resp_1","object":"response","status":"completed","error":null,"model":"gpt-5.6",)"
      R"("output":[{"type":"message","content":[{"type":"output_text","text":"a"}]},)"
      R"({"type":"function_call","name":"f","arguments":"{}","call_id":"c"}],)"
      R"("usage":{"input_tokens":20,"input_tokens_details":{"cached_tokens":5},"output_tokens":7,)"
      R"("output_tokens_details":{"reasoning_tokens":3},"total_tokens":27}})");
  EXPECT_FALSE(facts.is_error);
  EXPECT_EQ(facts.model, "gpt-5.6");
  EXPECT_EQ(facts.finish_reason, FinishReason::kToolCalls);
  EXPECT_TRUE(facts.usage.reported);
  EXPECT_EQ(facts.usage.counts.input, 15);
  EXPECT_EQ(facts.usage.counts.cache_read, 5);
  EXPECT_EQ(facts.usage.counts.output, 7);
  EXPECT_EQ(facts.usage.counts.reasoning, 3);
}

TEST(ResponsesAnswer, MayHaveFailed) {
  const ResponseFacts facts = inspect_response(
      kResponses, R"({"id":"resp_1","object":"response","status":"failed","output":[],)"
                  R"("error":{"code":"server_error","message":"Broken."}})");
  EXPECT_TRUE(facts.is_error);
  EXPECT_EQ(facts.failure.kind, FailureKind::kServerError);
  EXPECT_EQ(facts.failure.detail, "Broken.");
  EXPECT_FALSE(facts.failure.well_formed);
}

TEST(ResponsesAnswer, IsCountedWhole) {
  Lanes lanes;
  const std::string body =
      R"({"output":[{"type":"reasoning","summary":[{"text":"s"}],"content":[{"text":"t"}]},)"
      R"({"type":"message","content":[{"type":"output_text","text":"a"},)"
      R"({"type":"refusal","refusal":"no"}]},)"
      R"({"type":"custom_tool_call","name":"g","input":"x"},)"
      R"({"type":"web_search_call","action":{"query":"q"}}]})";
  lanes.take(output_texts(kResponses, body));
  EXPECT_EQ(lanes.str(),
            "0.0 reasoning: s\n0.1 content: a\n0.2 tool_name: g\n0.2 tool_arguments: x\n"
            "1.1 refusal: no\n32768.0 reasoning: t");
}

TEST(ResponsesRequest, IsLoweredToWhatCanBePaid) {
  EXPECT_EQ(sent(R"({"model":"m","input":"x"})", 100),
            R"({"model":"m","max_output_tokens":100,"input":"x"})");
  EXPECT_EQ(sent(R"({"model":"m","max_output_tokens":200})", 100),
            R"({"model":"m","max_output_tokens":100})");
  EXPECT_EQ(sent(R"({"model":"m","max_output_tokens":50})", 100),
            R"({"model":"m","max_output_tokens":50})");
  EXPECT_EQ(sent(R"({"model":"m","max_output_tokens":null})", 100),
            R"({"model":"m","max_output_tokens":100})");
  EXPECT_EQ(sent(R"({"model":"m","stream":true})", std::nullopt), R"({"model":"m","stream":true})");
  EXPECT_EQ(understand(kResponses, R"({"model":"m"})")->least_output_limit(), 16);
}

TEST(ResponsesRequest, MayNotRunOnInTheBackground) {
  EXPECT_EQ(sent(R"({"model":"m","background":true})", 100), "refused: background");
  EXPECT_EQ(sent(R"({"model":"m","background":false})", std::nullopt),
            R"({"model":"m","background":false})");
  EXPECT_EQ(sent(R"({"model":"m","max_output_tokens":0})", 100), "refused: max_output_tokens");
}

}  // namespace
}  // namespace sluice::dialect
