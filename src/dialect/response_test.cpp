#include "dialect/response.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect {
namespace {

TEST(Response, ReadsAChatCompletion) {
  const ResponseFacts facts = inspect_response(
      Endpoint::kChatCompletions,
      R"({"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[
      {"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"length"}],
      "usage":{"prompt_tokens":20,"completion_tokens":7,"total_tokens":27,
      "prompt_tokens_details":{"cached_tokens":16,"cache_write_tokens":2},
      "completion_tokens_details":{"reasoning_tokens":5}}})");
  EXPECT_TRUE(facts.valid);
  EXPECT_FALSE(facts.is_error);
  EXPECT_EQ(facts.model, "gpt-4o-2024-08-06");
  EXPECT_EQ(facts.finish_reason, FinishReason::kLength);
  EXPECT_TRUE(facts.usage.reported);
  EXPECT_EQ(facts.usage.counts.input, 2);
  EXPECT_EQ(facts.usage.counts.cache_read, 16);
  EXPECT_EQ(facts.usage.counts.cache_write, 2);
  EXPECT_EQ(facts.usage.counts.output, 7);
  EXPECT_EQ(facts.usage.counts.reasoning, 5);
}

TEST(Response, ReadsEmbeddings) {
  const ResponseFacts facts = inspect_response(
      Endpoint::kEmbeddings,
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1]}],)"
      R"("model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}})");
  EXPECT_TRUE(facts.usage.reported);
  EXPECT_EQ(facts.usage.counts.input, 8);
  EXPECT_EQ(facts.usage.counts.output, 0);
  EXPECT_EQ(facts.finish_reason, FinishReason::kNone);
}

TEST(Response, ReadsAMessage) {
  const ResponseFacts facts = inspect_response(
      Endpoint::kMessages,
      R"({"id":"msg_1","type":"message","model":"claude-sonnet-4-6","content":[],)"
      R"("stop_reason":"tool_use","usage":{"input_tokens":3,"cache_creation_input_tokens":null,)"
      R"("cache_read_input_tokens":9,"output_tokens":4}})");
  EXPECT_TRUE(facts.usage.reported);
  EXPECT_EQ(facts.usage.counts.input, 3);
  EXPECT_EQ(facts.usage.counts.cache_read, 9);
  EXPECT_EQ(facts.usage.counts.cache_write, 0);
  EXPECT_EQ(facts.usage.counts.output, 4);
  EXPECT_EQ(facts.finish_reason, FinishReason::kToolCalls);
}

TEST(Response, ReportsOnlyWhatIsWhole) {
  const auto usage = [](Endpoint endpoint, std::string_view counts) {
    return inspect_response(endpoint, fmt::format(R"({{"usage":{{{}}}}})", counts)).usage;
  };
  EXPECT_FALSE(usage(Endpoint::kChatCompletions, R"("prompt_tokens":9)").reported);
  EXPECT_TRUE(usage(Endpoint::kChatCompletions, R"("prompt_tokens":9)").input_known);
  EXPECT_TRUE(usage(Endpoint::kEmbeddings, R"("prompt_tokens":9)").reported);
  EXPECT_FALSE(
      usage(Endpoint::kChatCompletions, R"("prompt_tokens":0,"completion_tokens":0)").reported);
  EXPECT_FALSE(usage(Endpoint::kMessages, R"("input_tokens":9)").reported);
  EXPECT_FALSE(usage(Endpoint::kMessages, R"("input_tokens":0,"output_tokens":0)").reported);
  EXPECT_TRUE(usage(Endpoint::kMessages, R"("input_tokens":9,"output_tokens":0)").reported);
}

TEST(Response, TellsErrorsSentWithStatus200) {
  const ResponseFacts facts = inspect_response(Endpoint::kChatCompletions,
                                               R"({"error":{"message":"Overloaded","code":503}})");
  EXPECT_TRUE(facts.is_error);
  EXPECT_EQ(facts.failure.kind, FailureKind::kOverloaded);
  EXPECT_FALSE(
      inspect_response(Endpoint::kChatCompletions, R"({"error":null,"choices":[]})").is_error);
}

TEST(Response, SurvivesWhatIsNoAnswer) {
  for (const std::string_view body : {"", "<html>", "[]", "{", "{\"choices\":", "\"x\""}) {
    EXPECT_FALSE(inspect_response(Endpoint::kChatCompletions, body).valid) << body;
  }
  const ResponseFacts odd = inspect_response(
      Endpoint::kChatCompletions, R"({"choices":{},"usage":[1],"model":{"a":1},"error":false})");
  EXPECT_TRUE(odd.valid);
  EXPECT_FALSE(odd.is_error);
  EXPECT_FALSE(odd.usage.reported);
  EXPECT_EQ(odd.model, "");
}

}  // namespace
}  // namespace sluice::dialect
