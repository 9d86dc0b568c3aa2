#include "dialect/request.hpp"

#include <gtest/gtest.h>

#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using enum Endpoint;

Result<InferenceRequest> chat(std::string body) {
  return understand(kChatCompletions, std::move(body));
}

std::string sent(const InferenceRequest& request, const UpstreamTerms& terms) {
  std::string storage;
  return std::string(upstream_body(request, terms, storage));
}

/// What a chat request with these members besides `messages` becomes upstream.
std::string chat_sent(std::string_view members, std::string_view model = "m") {
  const auto request =
      chat(fmt::format(R"({{"messages":[{{"role":"user","content":"x"}}],{}}})", members));
  if (!request) return "refused: " + request.error().message;
  const std::string body = sent(*request, {.model = model});
  EXPECT_TRUE(json::valid(body)) << body;
  return body.substr(body.find("],") + 2);
}

TEST(Request, ReadsWhatARelayMustKnow) {
  const auto request = chat(
      R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true,"n":3,)"
      R"("max_tokens":100,"max_completion_tokens":50,"stream_options":{"include_usage":true}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "gpt-4o");
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  EXPECT_FALSE(request->adds_usage());
  EXPECT_EQ(request->max_tokens, 100);
  EXPECT_EQ(request->n, 3);
}

TEST(Request, TakesNullForAbsent) {
  const auto request =
      chat(R"({"model":"m","messages":[1],"stream":null,"n":null,"max_tokens":null,)"
           R"("max_completion_tokens":null,"stream_options":null})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_FALSE(request->stream);
  EXPECT_EQ(request->max_tokens, std::nullopt);
  EXPECT_EQ(request->n, 1);
}

TEST(Request, NamesTheFieldAtFault) {
  struct Case {
    Endpoint endpoint;
    std::string_view body;
    std::string_view param;
  };
  const std::string long_name(kMaxModelBytes + 1, 'x');
  const std::string long_model = R"({"messages":[1],"model":")" + long_name + "\"}";
  const Case cases[] = {
      {kChatCompletions, "", ""},
      {kChatCompletions, "[]", ""},
      {kChatCompletions, "null", ""},
      {kChatCompletions, R"({"model":"m","messages":[1])", ""},
      {kChatCompletions, R"({"model":"m","messages":[1]} x)", ""},
      {kChatCompletions, "{\"model\":\"m\xFF\",\"messages\":[1]}", ""},
      {kChatCompletions, R"({"messages":[1]})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":null})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":5})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":""})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":"a\r\nx-evil: 1"})", "model"},
      {kChatCompletions, long_model, "model"},
      {kChatCompletions, R"({"model":"m"})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":[]})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":{}})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":null})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream":"true"})", "stream"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream":1})", "stream"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_tokens":0})", "max_tokens"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_tokens":1.5})", "max_tokens"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_completion_tokens":"9"})",
       "max_completion_tokens"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_completion_tokens":-4})",
       "max_completion_tokens"},
      {kCompletions, R"({"model":"m","max_tokens":true})", "max_tokens"},
      {kCompletions, R"({"model":"m","best_of":0})", "best_of"},
      {kChatCompletions, R"({"model":"m","messages":[1],"n":-1})", "n"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream_options":true})", "stream_options"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream_options":{"include_usage":1}})",
       "stream_options.include_usage"},
      {kEmbeddings, R"({"model":"m"})", "input"},
      {kMessages, R"({"model":"m","messages":[1]})", "max_tokens"},
      {kMessages, R"({"model":"m","messages":[1],"max_tokens":null})", "max_tokens"},
      {kMessages, R"({"model":"m","messages":[1],"max_tokens":-1})", "max_tokens"},
      {kMessages, R"({"model":"m","max_tokens":1})", "messages"},
      {kMessages, R"({"model":"m","messages":[1],"max_tokens":1,"stream":"x"})", "stream"},
  };
  for (const Case& test : cases) {
    const auto request = understand(test.endpoint, std::string(test.body));
    ASSERT_FALSE(request) << test.body;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(request.error().param, test.param) << test.body;
    EXPECT_FALSE(request.error().message.empty());
  }
}

TEST(Request, RefusesFieldsThatTwoHopsCouldReadDifferently) {
  for (const std::string_view twice :
       {R"("model":"a","model":"b")", R"("model":"a","mod\u0065l":"b")",
        R"("model":"a","stream":true,"stream":false)",
        R"("model":"a","max_tokens":1,"max_tokens":2)", R"("model":"a","messages":[1])",
        R"("model":"a","max_tokens":null,"max_tokens":2)",
        R"("model":"a","max_completion_tokens":1,"max_completion_tokens":2)",
        R"("model":"a","best_of":1,"best_of":2)"}) {
    const auto request = chat(fmt::format(R"({{"messages":[1],{}}})", twice));
    ASSERT_FALSE(request) << twice;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidRequest);
  }
  EXPECT_FALSE(chat(
      R"({"model":"m","messages":[1],"stream_options":{"include_usage":true,"include_usage":false}})"));
  EXPECT_TRUE(chat(R"({"model":"m","messages":[1],"user":"a","user":"b"})"));
}

TEST(Request, AcceptsTheOtherEndpoints) {
  EXPECT_TRUE(understand(kCompletions, R"({"model":"m","prompt":"x","stream":true})"));
  EXPECT_TRUE(understand(kEmbeddings, R"({"model":"m","input":"x"})"));
  const auto warm = understand(kMessages, R"({"model":"m","messages":[1],"max_tokens":0})");
  ASSERT_TRUE(warm);
  EXPECT_EQ(warm->max_tokens, 0);
}

TEST(UpstreamBody, IsTheClientsOwnBytesWhenNothingChanges) {
  const std::string body =
      "{ \"zz\" : 1.0e0,\t\"model\":\"m\" ,\r\n\"messages\":[{}], \"seed\":12345678901234567890123 "
      "}";
  const auto request = chat(body);
  ASSERT_TRUE(request);
  std::string storage;
  const std::string_view sent = upstream_body(*request, {.model = "m"}, storage);
  EXPECT_EQ(sent, body);
  EXPECT_EQ(sent.data(), request->body.data());
}

TEST(UpstreamBody, ReplacesOnlyTheModel) {
  const auto request =
      chat(R"({ "a":[1, 2], "mod\u0065l" : "gpt\u002d4o" , "messages":[{}],"b":"é"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-4o");
  EXPECT_EQ(sent(*request, {.model = "a \"b\""}),
            R"({ "a":[1, 2], "mod\u0065l" : "a \"b\"" , "messages":[{}],"b":"é"})");
}

TEST(UpstreamBody, AsksStreamsForUsage) {
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true)"),
            R"("model":"m","stream_options":{"include_usage":true},"stream":true})");
  EXPECT_EQ(chat_sent(R"("stream":true,"model":"m")", "up"),
            R"("stream":true,"model":"up","stream_options":{"include_usage":true}})");
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true,"stream_options":null)"),
            R"("model":"m","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true,"stream_options":{ })"),
            R"("model":"m","stream":true,"stream_options":{"include_usage":true }})");
  EXPECT_EQ(
      chat_sent(R"("stream_options":{"include_usage": false},"model":"m","stream":true)", "u"),
      R"("stream_options":{"include_usage": true},"model":"u","stream":true})");
  EXPECT_EQ(chat_sent(R"("stream_options":{"include_usage":null},"model":"m","stream":true)"),
            R"("stream_options":{"include_usage":true},"model":"m","stream":true})");
  EXPECT_EQ(
      chat_sent(R"("model":"m","stream":true,"stream_options":{"include_obfuscation":false})"),
      R"("model":"m","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}})");
}

TEST(UpstreamBody, DoesNotAskWhereItNeedNot) {
  EXPECT_EQ(chat_sent(R"("model":"m","stream":false)"), R"("model":"m","stream":false})");
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true,"stream_options":{"include_usage":true})"),
            R"("model":"m","stream":true,"stream_options":{"include_usage":true}})");
  const std::string body = R"({"model":"m","messages":[1],"max_tokens":9,"stream":true})";
  const auto messages = understand(kMessages, body);
  ASSERT_TRUE(messages);
  EXPECT_EQ(sent(*messages, {.model = "m"}), body);
}

TEST(UpstreamBody, StaysRightWhenTheRequestMoves) {
  auto request = chat(R"({"messages":[1],"model":"m"})");
  ASSERT_TRUE(request);
  const InferenceRequest moved = std::move(*request);
  EXPECT_EQ(sent(moved, {.model = "other"}), R"({"messages":[1],"model":"other"})");
}

TEST(Request, TellsHowManyTextsAreGenerated) {
  const auto results = [](Endpoint endpoint, std::string_view members) {
    const auto request =
        understand(endpoint, fmt::format(R"({{"model":"m","messages":[1],{}}})", members));
    EXPECT_TRUE(request) << members;
    return request ? std::pair(request->choices(), request->results()) : std::pair(-1L, -1L);
  };
  using Pair = std::pair<int64_t, int64_t>;
  EXPECT_EQ(results(kChatCompletions, R"("n":null)"), Pair(1, 1));
  EXPECT_EQ(results(kChatCompletions, R"("n":3)"), Pair(3, 3));
  EXPECT_EQ(results(kCompletions, R"("prompt":"x","n":2,"best_of":5)"), Pair(2, 5));
  EXPECT_EQ(results(kCompletions, R"("prompt":"x","n":2,"best_of":null)"), Pair(2, 2));
  EXPECT_EQ(results(kCompletions, R"("prompt":["a","b","c"],"n":2)"), Pair(6, 6));
  EXPECT_EQ(results(kCompletions, R"("prompt":[[1,2],[3]],"best_of":4)"), Pair(2, 8));
  EXPECT_EQ(results(kCompletions, R"("prompt":[1,2,3])"), Pair(1, 1));
  EXPECT_EQ(results(kCompletions, R"("prompt":[])"), Pair(1, 1));
  EXPECT_EQ(results(kMessages, R"("max_tokens":1,"n":7)"), Pair(1, 1));
  const auto [choices, many] = results(
      kCompletions, R"("prompt":["a","b"],"n":9223372036854775807,"best_of":9223372036854775807)");
  EXPECT_GT(many, 100'000);
  EXPECT_LT(many, int64_t{1} << 22) << "it is multiplied with a limit";
  EXPECT_EQ(choices, many);
}

TEST(Request, TakesTheLargerOfTwoLimits) {
  // Upstreams differ in which they obey, and the larger has to be paid for.
  EXPECT_EQ(
      chat(R"({"model":"m","messages":[1],"max_tokens":7,"max_completion_tokens":5})")->max_tokens,
      7);
  EXPECT_EQ(chat(R"({"model":"m","messages":[1],"max_tokens":null,"max_completion_tokens":5})")
                ->max_tokens,
            5);
}

/// What a request with these members becomes when `limit` tokens can be paid for.
std::string lowered(Endpoint endpoint, std::string_view members, int64_t limit,
                    config::ProviderType provider = config::ProviderType::kOpenAiCompatible) {
  const auto request = understand(
      endpoint, fmt::format(R"({{"messages":[1],"prompt":"x","input":"x",{}}})", members));
  if (!request) return "refused: " + request.error().param;
  const std::string body =
      sent(*request, {.model = "m", .output_limit = limit, .provider = provider});
  EXPECT_TRUE(json::valid(body)) << body;
  constexpr std::string_view kBefore = R"("input":"x",)";
  return body.substr(body.find(kBefore) + kBefore.size());
}

TEST(OutputLimit, IsLoweredButNeverRaised) {
  EXPECT_EQ(lowered(kChatCompletions, R"("model":"m", "max_tokens" : 100 ,"seed":1.0)", 20),
            R"("model":"m", "max_tokens" : 20 ,"seed":1.0})");
  EXPECT_EQ(lowered(kChatCompletions, R"("max_completion_tokens":100,"model":"m")", 20),
            R"("max_completion_tokens":20,"model":"m"})");
  EXPECT_EQ(lowered(kMessages, R"("max_tokens":100,"model":"m")", 20),
            R"("max_tokens":20,"model":"m"})");
  EXPECT_EQ(lowered(kCompletions, R"("max_tokens":100,"model":"m")", 20),
            R"("max_tokens":20,"model":"m"})");
  for (const std::string_view kept :
       {R"("max_tokens":20,"model":"m")", R"("max_tokens":1,"model":"m")"}) {
    for (const Endpoint endpoint : {kChatCompletions, kCompletions, kMessages}) {
      EXPECT_EQ(lowered(endpoint, kept, 20), fmt::format("{}}}", kept));
    }
  }
  // It warms the prompt cache.
  EXPECT_EQ(lowered(kMessages, R"("max_tokens":0,"model":"m")", 20),
            R"("max_tokens":0,"model":"m"})");
}

TEST(OutputLimit, IsSetInBothMembersThatMayHoldIt) {
  EXPECT_EQ(
      lowered(kChatCompletions, R"("max_tokens":100,"model":"m","max_completion_tokens":90)", 20),
      R"("max_tokens":20,"model":"m","max_completion_tokens":20})");
  EXPECT_EQ(
      lowered(kChatCompletions, R"("max_tokens":10,"model":"m","max_completion_tokens":90)", 20),
      R"("max_tokens":10,"model":"m","max_completion_tokens":20})");
}

TEST(OutputLimit, IsAddedUnderTheNameThatTheProviderKnows) {
  using enum config::ProviderType;
  EXPECT_EQ(lowered(kChatCompletions, R"("model":"m")", 20, kOpenAi),
            R"("model":"m","max_completion_tokens":20})");
  EXPECT_EQ(lowered(kChatCompletions, R"("model":"m")", 20, kZai),
            R"("model":"m","max_tokens":20})");
  EXPECT_EQ(lowered(kCompletions, R"("model":"m")", 20, kOpenAiCompatible),
            R"("model":"m","max_tokens":20})");
  // Null is a place too: a second member of the name would be read by some and not by others.
  EXPECT_EQ(lowered(kChatCompletions, R"("max_tokens":null,"model":"m")", 20),
            R"("max_tokens":20,"model":"m"})");
  EXPECT_EQ(lowered(kChatCompletions, R"("max_completion_tokens":null,"model":"m")", 20, kOpenAi),
            R"("max_completion_tokens":20,"model":"m"})");
  EXPECT_EQ(lowered(kChatCompletions, R"("max_tokens":null,"model":"m")", 20, kOpenAi),
            R"("max_tokens":null,"model":"m","max_completion_tokens":20})");
}

TEST(OutputLimit, DoesNotRaiseTheDefaultOfCompletions) {
  using enum config::ProviderType;
  EXPECT_EQ(lowered(kCompletions, R"("model":"m")", 500, kOpenAi), R"("model":"m"})");
  EXPECT_EQ(lowered(kCompletions, R"("model":"m")", 5, kOpenAi), R"("model":"m","max_tokens":5})");
}

TEST(OutputLimit, IsNoConcernOfEmbeddings) {
  EXPECT_EQ(lowered(kEmbeddings, R"("model":"m","max_tokens":9)", 1),
            R"("model":"m","max_tokens":9})");
}

TEST(OutputLimit, StandsBesideTheOtherChanges) {
  const auto request =
      chat(R"({"stream_options":{},"max_tokens":50,"messages":[1],"model":"m","stream":true})");
  ASSERT_TRUE(request);
  EXPECT_EQ(
      sent(*request, {.model = "upstream", .output_limit = 7}),
      R"({"stream_options":{"include_usage":true},"max_tokens":7,"messages":[1],"model":"upstream","stream":true})");
  const auto bare = chat(R"({"messages":[1],"model":"m","stream":true})");
  ASSERT_TRUE(bare);
  EXPECT_EQ(
      sent(*bare, {.model = "up", .output_limit = 7}),
      R"({"messages":[1],"model":"up","stream_options":{"include_usage":true},"max_tokens":7,"stream":true})");
}

TEST(OutputLimit, TakesTheThinkingBudgetAlong) {
  constexpr std::string_view kThinking =
      R"("max_tokens":9000,"thinking":{{"type":"enabled", "budget_tokens" : {} }},"model":"m")";
  const auto thinking = [&](int64_t budget, int64_t limit) {
    return lowered(kMessages, fmt::format(kThinking, budget), limit);
  };
  EXPECT_EQ(
      thinking(8000, 5000),
      R"("max_tokens":5000,"thinking":{"type":"enabled", "budget_tokens" : 4999 },"model":"m"})");
  EXPECT_EQ(
      thinking(5000, 5000),
      R"("max_tokens":5000,"thinking":{"type":"enabled", "budget_tokens" : 4999 },"model":"m"})");
  EXPECT_EQ(
      thinking(2000, 5000),
      R"("max_tokens":5000,"thinking":{"type":"enabled", "budget_tokens" : 2000 },"model":"m"})");
  // Above the limit from the start, as with interleaved thinking: not lowered, not touched.
  EXPECT_EQ(
      thinking(20000, 9000),
      R"("max_tokens":9000,"thinking":{"type":"enabled", "budget_tokens" : 20000 },"model":"m"})");
}

TEST(OutputLimit, HasALeastWhereTheModelThinks) {
  const auto least = [](std::string_view members) {
    const auto request =
        understand(kMessages, fmt::format(R"({{"messages":[1],"model":"m",{}}})", members));
    return request ? request->least_output_limit() : -1;
  };
  EXPECT_EQ(least(R"("max_tokens":9)"), 1);
  EXPECT_EQ(least(R"("max_tokens":9000,"thinking":{"type":"disabled"})"), 1);
  EXPECT_EQ(least(R"("max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4000})"), 1025);
  EXPECT_EQ(lowered(kMessages, R"("max_tokens":9000,"thinking":{"budget_tokens":4000},"model":"m")",
                    1025),
            R"("max_tokens":1025,"thinking":{"budget_tokens":1024},"model":"m"})");
  // What is wrong from the start is the upstream's to say.
  EXPECT_EQ(least(R"("max_tokens":9,"thinking":{"budget_tokens":"many"})"), 1);
  EXPECT_EQ(least(R"("max_tokens":9,"thinking":5)"), 1);
  EXPECT_EQ(
      lowered(kMessages,
              R"("max_tokens":9,"thinking":{"budget_tokens":1,"budget_tokens":2},"model":"m")", 1),
      "refused: thinking.budget_tokens");
}

TEST(OutputLimit, IsTheSameWhenItIsSetAgain) {
  for (const std::string_view members :
       {R"("model":"m")", R"("model":"m","max_tokens":null)", R"("model":"m","max_tokens":50)",
        R"("model":"m","stream":true,"max_completion_tokens":50)"}) {
    for (const auto provider : {config::ProviderType::kOpenAi, config::ProviderType::kGemini}) {
      const UpstreamTerms terms{.model = "up", .output_limit = 9, .provider = provider};
      const auto request = chat(fmt::format(R"({{"messages":[1],{}}})", members));
      ASSERT_TRUE(request);
      const std::string once = sent(*request, terms);
      const auto again = chat(once);
      ASSERT_TRUE(again) << once;
      EXPECT_EQ(again->max_tokens, 9) << once;
      EXPECT_EQ(sent(*again, terms), once);
    }
  }
}

}  // namespace
}  // namespace sluice::dialect
