#include "dialect/upstream_error.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using enum FailureKind;
using json::Value;

struct Seen {
  int status;
  std::string_view body;
  FailureKind kind;
};

// As providers and local servers have sent them.
constexpr Seen kSeen[] = {
    {400,
     R"({"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
     kContextLength},
    {400,
     R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}})",
     kContextLength},
    {400,
     R"({"object":"error","message":"This model's maximum context length is 32768 tokens. However, you requested 41648 tokens","type":"BadRequestError","param":null,"code":400})",
     kContextLength},
    {500,
     R"({"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}})",
     kContextLength},
    {422,
     R"({"error":"Input validation error: `inputs` must have less than 4095 tokens. Given: 9001","error_type":"validation"})",
     kContextLength},
    {400, R"({"error":"the input length exceeds the context length"})", kContextLength},
    {400,
     R"({"error":{"code":400,"message":"The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}})",
     kContextLength},
    {400,
     R"({"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400}})",
     kContentPolicy},
    {400,
     R"({"error":{"message":"Input data may contain inappropriate content.","type":"data_inspection_failed","param":null,"code":"data_inspection_failed"}})",
     kContentPolicy},
    {429,
     R"({"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})",
     kQuotaExhausted},
    {402,
     R"({"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}})",
     kQuotaExhausted},
    {400,
     R"({"error":{"message":"Your credit balance is too low to access the Anthropic API.","type":"invalid_request_error"},"type":"error"})",
     kQuotaExhausted},
    {429,
     R"({"error":{"message":"Rate limit reached for gpt-4.1 in organization org-84 on tokens per min (TPM): Limit 30000","type":"tokens","param":null,"code":"rate_limit_exceeded"}})",
     kRateLimited},
    {429,
     R"({"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}})",
     kRateLimited},
    {429, R"({"message":"Too many tokens, please wait before trying again."})", kRateLimited},
    {401,
     R"({"error":{"message":"Incorrect API key provided: sk-PMafP***E873.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})",
     kAuth},
    {400,
     R"([{"error":{"code":400,"message":"API Key not found. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}])",
     kAuth},
    {404,
     R"({"error":{"message":"The model `gpt-5.2-proo` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}})",
     kModelNotFound},
    {404,
     R"({"error":{"message":"model: claude-sonet-4-5","type":"not_found_error"},"type":"error"})",
     kModelNotFound},
    {400,
     R"({"error":{"message":"The requested model 'x' does not exist.","type":"invalid_request_error","param":"model","code":"model_not_found"}})",
     kModelNotFound},
    {404,
     R"({"error":{"type":"invalid_request_error","code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}})",
     kModelNotFound},
    {500,
     R"({"error":"failed to decode the batch: KV cache is full - try increasing it via the context size"})",
     kServerError},
    {500, "Requested tokens (2285) exceed context window of 2048", kContextLength},
    {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
     kOverloaded},
    {503, "upstream connect error or disconnect/reset before headers. reset reason: overflow",
     kOverloaded},
    {502, "<html>\n<head><title>502 Bad Gateway</title></head></html>\n", kServerError},
    {500, "", kServerError},
    {413,
     R"({"error":{"message":"Request too large for model","type":"tokens","code":"rate_limit_exceeded"}})",
     kRequest},
    {400,
     R"({"error":{"message":"Invalid 'temperature': decimal below minimum value.","type":"invalid_request_error","param":"temperature","code":"decimal_below_min_value"}})",
     kRequest},
    {400, "", kRequest},
};

TEST(UpstreamErrors, AreToldApart) {
  for (const Seen& seen : kSeen) {
    const UpstreamFailure failure =
        classify_upstream_error(Dialect::kOpenAi, seen.status, seen.body);
    EXPECT_EQ(to_string(failure.kind), to_string(seen.kind)) << seen.status << " " << seen.body;
  }
}

ErrorAnswer mapped(Dialect dialect, int status, std::string_view body) {
  const UpstreamFailure failure = classify_upstream_error(dialect, status, body);
  const ErrorAnswer answer = map_upstream_error(dialect, status, body, failure, "req-1");
  EXPECT_TRUE(json::valid(answer.body)) << answer.body;
  return answer;
}

TEST(UpstreamErrors, PassByteByByteWhenTheyAreOfTheDialect) {
  const std::string_view openai =
      R"({ "error": {"message":"bad","type":"invalid_request_error","param":"n","code":null},"x":1 })";
  EXPECT_EQ(mapped(Dialect::kOpenAi, 400, openai).body, openai);
  EXPECT_EQ(mapped(Dialect::kOpenAi, 422, openai).status, 422);
  const std::string_view anthropic =
      R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 > 1"},"request_id":"req_up"})";
  EXPECT_EQ(mapped(Dialect::kAnthropic, 400, anthropic).body, anthropic);
}

TEST(UpstreamErrors, AreWrappedWhenTheyAreNot) {
  const ErrorAnswer html = mapped(Dialect::kOpenAi, 404, "<html>nginx</html>");
  EXPECT_EQ(html.status, 404);
  EXPECT_EQ(Value(html.body)["error"]["type"].as_string(), "invalid_request_error");
  EXPECT_FALSE(html.body.contains("nginx"));

  const ErrorAnswer plain = mapped(Dialect::kOpenAi, 400, R"({"error":"missing request body"})");
  EXPECT_EQ(Value(plain.body)["error"]["message"].as_string(), "missing request body");

  const ErrorAnswer foreign =
      mapped(Dialect::kAnthropic, 404, R"({"error":{"message":"no model"}})");
  EXPECT_EQ(foreign.status, 404);
  EXPECT_EQ(Value(foreign.body)["error"]["type"].as_string(), "not_found_error");
  EXPECT_EQ(Value(foreign.body)["request_id"].as_string(), "req-1");
}

TEST(UpstreamErrors, TellContextOverflowInTheWordsThatClientsAwait) {
  const std::string_view body =
      R"({"error":{"code":500,"message":"Context size has been exceeded."}})";
  const ErrorAnswer openai = mapped(Dialect::kOpenAi, 500, body);
  EXPECT_EQ(openai.status, 400);
  EXPECT_EQ(Value(openai.body)["error"]["code"].as_string(), "context_length_exceeded");
  const ErrorAnswer anthropic = mapped(Dialect::kAnthropic, 400, body);
  EXPECT_EQ(Value(anthropic.body)["error"]["message"].as_string(),
            "prompt is too long: Context size has been exceeded.");
}

TEST(UpstreamErrors, NeverBlameTheClientForTheGatewaysAccount) {
  const std::string_view key =
      R"({"error":{"message":"Incorrect API key provided: sk-PMafP.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})";
  for (const int status : {401, 403}) {
    const ErrorAnswer answer = mapped(Dialect::kOpenAi, status, key);
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(Value(answer.body)["error"]["code"].as_string(), "upstream_auth");
    EXPECT_FALSE(answer.body.contains("sk-"));
  }
  const ErrorAnswer limited =
      mapped(Dialect::kOpenAi, 429,
             R"({"error":{"message":"Rate limit reached in organization org-84"}})");
  EXPECT_EQ(limited.status, 429);
  EXPECT_TRUE(limited.wants_retry_after);
  EXPECT_FALSE(limited.body.contains("org-84"));
  EXPECT_EQ(mapped(Dialect::kAnthropic, 529, "").status, 502);
}

// As OpenAI tells it. The words hold a part of the gateway's key.
TEST(UpstreamErrors, InsideASuccessNeverShowTheGatewaysKey) {
  constexpr std::string_view kKey =
      R"({"error":{"message":"Incorrect API key provided: sk-ab**yz.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})";
  constexpr std::string_view kEvent =
      R"({"type":"error","code":"invalid_api_key","message":"Incorrect API key provided: sk-ab**yz.","param":null})";
  for (const auto& [upstream, body] :
       {std::pair(Dialect::kOpenAi, kKey), std::pair(Dialect::kResponses, kKey),
        std::pair(Dialect::kResponses, kEvent)}) {
    const UpstreamFailure failure = classify_reported_error(upstream, body);
    EXPECT_EQ(failure.kind, kAuth) << body;
    const ErrorAnswer answer = map_upstream_error(upstream, 401, {}, failure, "req_1");
    EXPECT_EQ(answer.status, 502);
    EXPECT_FALSE(answer.body.contains("sk-ab")) << answer.body;
  }
}

TEST(UpstreamErrors, OfAnEventAreToldThoughThereIsNoBody) {
  constexpr std::string_view kEvent =
      R"({"error":{"message":"'tools' is wrong","type":"invalid_request_error","param":"tools","code":null}})";
  const UpstreamFailure failure = classify_reported_error(Dialect::kOpenAi, kEvent);
  const ErrorAnswer answer = map_upstream_error(Dialect::kOpenAi, 400, {}, failure, "req_1");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(Value(answer.body)["error"]["message"].as_string(), "'tools' is wrong");
  EXPECT_EQ(Value(answer.body)["error"]["param"].as_string(), "tools");
}

TEST(UpstreamErrors, BoundWhatTheyKeep) {
  const std::string body = R"({"error":{"message":")" + std::string(5000, 'x') + "\xC3\xA9\"}}";
  const UpstreamFailure failure = classify_upstream_error(Dialect::kOpenAi, 400, body);
  EXPECT_LE(failure.detail.size(), 1024u);
  const std::string wide = R"({"error":")" + std::string(1023, 'x') + "\xC3\xA9\"}";
  const UpstreamFailure cut = classify_upstream_error(Dialect::kOpenAi, 400, wide);
  EXPECT_TRUE(json::valid_utf8(cut.detail));
  const std::string plain = std::string(1023, 'x') + "\xC3\xA9";
  EXPECT_EQ(classify_upstream_error(Dialect::kOpenAi, 500, plain).detail, std::string(1023, 'x'));
}

// Every error that an upstream of one dialect answers with, for a client of the other. What the
// upstream has against the gateway's own credential or account is no business of the client's.
TEST(UpstreamError, IsToldInTheClientsDialect) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "testdata" / "err_matrix.json";
  std::ifstream file(path, std::ios::binary);
  const std::string rows{std::istreambuf_iterator<char>(file), {}};
  ASSERT_TRUE(json::valid(rows));
  json::Elements elements(rows);
  Value row;
  while (elements.next(row)) {
    SCOPED_TRACE(row.raw());
    const bool to_openai = row["upstream"].as_string() == "anthropic";
    const Dialect upstream = to_openai ? Dialect::kAnthropic : Dialect::kOpenAi;
    const Dialect client = to_openai ? Dialect::kOpenAi : Dialect::kAnthropic;
    const auto status = static_cast<int>(row["status"].as_int().value_or(0));
    const std::string_view told = row["body"].raw();
    const auto failure = classify_upstream_error(upstream, status, told);
    const auto answer = map_upstream_error(client, status, told, failure, "req_1");
    const Value body(answer.body);
    const Value expected = row["client"];
    EXPECT_TRUE(json::valid(answer.body));
    EXPECT_EQ(answer.status, expected["status"].as_int());
    EXPECT_EQ(body["error"]["type"].as_string(), expected["type"].as_string()) << answer.body;
    EXPECT_EQ(answer.should_retry, expected["should_retry"].as_bool());
    EXPECT_EQ(body["type"].exists(), !to_openai) << answer.body;
    EXPECT_EQ(body["request_id"].exists(), !to_openai) << answer.body;
    if (to_openai) {
      EXPECT_EQ(body["error"]["code"].as_string(), expected["code"].as_string()) << answer.body;
    }
    if (expected["message"].exists()) {
      EXPECT_EQ(body["error"]["message"].as_string(), expected["message"].as_string());
    } else {
      EXPECT_FALSE(answer.body.contains("org-84") || answer.body.contains("sk-up"));
    }
  }
}

TEST(UpstreamError, ATooLongPromptIsToldInTheWordsThatClientsLookFor) {
  const auto told = [](std::string_view message) {
    const std::string body =
        R"({"error":{"message":")" + std::string(message) +
        R"(","type":"invalid_request_error","code":"context_length_exceeded"}})";
    const auto failure = classify_upstream_error(Dialect::kOpenAi, 400, body);
    const auto answer = map_upstream_error(Dialect::kAnthropic, 400, body, failure, "r");
    return Value(answer.body)["error"]["message"].as_string().value_or("");
  };
  EXPECT_EQ(told("This model's maximum context length is 8192 tokens. However, you requested 41648 "
                 "tokens (41000 in the messages, 648 in the completion)."),
            "prompt is too long: 41648 tokens > 8192 maximum");
  EXPECT_EQ(told("Too much context."), "prompt is too long: Too much context.");
  EXPECT_EQ(told("prompt is too long: 2 tokens > 1 maximum"),
            "prompt is too long: 2 tokens > 1 maximum");
  const std::string long_body =
      R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 tokens > 1 maximum"}})";
  const auto failure = classify_upstream_error(Dialect::kAnthropic, 400, long_body);
  const auto answer = map_upstream_error(Dialect::kOpenAi, 400, long_body, failure, "r");
  EXPECT_EQ(Value(answer.body)["error"]["code"].as_string(), "context_length_exceeded");
}

TEST(UpstreamError, GooglesDetailsTellMoreThanItsWords) {
  const auto read = [](int status, std::string_view details) {
    const std::string body =
        R"([{"error":{"code":429,"message":"You exceeded your current quota, please check your )"
        R"(plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[)" +
        std::string(details) + "]}}]";
    return classify_upstream_error(Dialect::kGemini, status, body);
  };
  constexpr std::string_view kRetry =
      R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.0748s"})";
  constexpr std::string_view kDaily =
      R"(,{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[)"
      R"({"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]})";
  EXPECT_EQ(read(429, kRetry).kind, kRateLimited);
  EXPECT_EQ(read(429, kRetry).retry_after, std::chrono::milliseconds(34'075));
  EXPECT_EQ(read(429, std::string(kRetry) + std::string(kDaily)).kind, kQuotaExhausted);
  EXPECT_EQ(read(429, "").kind, kQuotaExhausted);
  for (const std::string_view delay : {"-1s", "1", "s", "1e9s", "xs", ""}) {
    const auto failure =
        read(429, R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":")" +
                      std::string(delay) + "\"}");
    EXPECT_EQ(failure.retry_after, std::nullopt) << delay;
  }
  const auto key = classify_upstream_error(
      Dialect::kGemini, 400,
      R"({"error":{"code":400,"message":"Bad key.","status":"INVALID_ARGUMENT","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}})");
  EXPECT_EQ(key.kind, kAuth);
  EXPECT_EQ(key.error.message, "");
}

TEST(UpstreamError, AnAnswerThatGeminiCouldNotWriteIsTheServersFault) {
  const auto failure = classify_reported_error(
      Dialect::kGemini, R"({"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL",)"
                        R"("finishMessage":"print(f("}]})");
  EXPECT_EQ(failure.kind, kServerError);
  EXPECT_EQ(failure.detail, "MALFORMED_FUNCTION_CALL: print(f(");
}

}  // namespace
}  // namespace sluice::dialect
