#include "dialect/token_count.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect {
namespace {

TEST(TokenCount, NeedsNoOutputLimit) {
  const auto messages =
      understand_count(CountEndpoint::kMessages,
                       R"({"model":"claude-x","messages":[{"role":"user","content":"Hi"}]})");
  ASSERT_TRUE(messages);
  EXPECT_EQ(messages->model, "claude-x");
  EXPECT_TRUE(understand_count(CountEndpoint::kResponses, R"({"model":"gpt-4o","input":"Hi"})"));
  EXPECT_TRUE(understand_count(CountEndpoint::kResponses, R"({"model":"gpt-4o"})"));
}

TEST(TokenCount, RefusesWhatCannotBeCounted) {
  struct Bad {
    CountEndpoint endpoint;
    std::string_view body;
    std::string_view param;
  };
  for (const Bad& bad : {
           Bad{CountEndpoint::kMessages, "{", ""},
           Bad{CountEndpoint::kMessages, "[]", ""},
           Bad{CountEndpoint::kMessages, R"({"messages":[{}]})", "model"},
           Bad{CountEndpoint::kMessages, R"({"model":7,"messages":[{}]})", "model"},
           Bad{CountEndpoint::kMessages, R"({"model":"m"})", "messages"},
           Bad{CountEndpoint::kMessages, R"({"model":"m","messages":[]})", "messages"},
           Bad{CountEndpoint::kMessages, R"({"model":"m","messages":"Hi"})", "messages"},
           Bad{CountEndpoint::kResponses, R"({"input":"Hi"})", "model"},
           Bad{CountEndpoint::kResponses, R"({"model":"m","input":7})", "input"},
           Bad{CountEndpoint::kResponses, R"({"model":"m","input":"a","input":"b"})", "input"},
       }) {
    const auto refused = understand_count(bad.endpoint, std::string(bad.body));
    ASSERT_FALSE(refused) << bad.body;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(refused.error().param, bad.param) << bad.body;
  }
}

TEST(TokenCount, CorrectsOnlyEstimates) {
  constexpr std::string_view kBody = R"({"messages":[{"role":"user","content":"Hi"}]})";
  const auto count = [&](std::string_view model, double factor) {
    return count_tokens(CountEndpoint::kMessages, kBody, tokens::facts_of(model), factor);
  };
  EXPECT_EQ(count("claude-x", 1.0), 8);
  EXPECT_EQ(count("claude-x", 1.3), 11);
  EXPECT_EQ(count("mock", 1.3), 8);
}

TEST(TokenCount, AnswersInTheShapeOfTheRoute) {
  EXPECT_EQ(render_count(CountEndpoint::kMessages, 14), R"({"input_tokens":14})");
  EXPECT_EQ(render_count(CountEndpoint::kResponses, 14),
            R"({"object":"response.input_tokens","input_tokens":14})");
}

}  // namespace
}  // namespace sluice::dialect
