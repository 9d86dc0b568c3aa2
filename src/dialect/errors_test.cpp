#include "dialect/errors.hpp"

#include <gtest/gtest.h>

#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using json::Value;

struct Expected {
  ErrorCode code;
  int status;
  std::string_view type;
  std::string_view openai_code;
  int anthropic_status;
  std::string_view anthropic_type;
  bool retry_after;
};

// The public contract, section 4.
constexpr Expected kContract[] = {
    {ErrorCode::kInvalidApiKey, 401, "authentication_error", "invalid_api_key", 401,
     "authentication_error", false},
    {ErrorCode::kIpNotAllowed, 403, "permission_error", "ip_not_allowed", 403, "permission_error",
     false},
    {ErrorCode::kModelNotAllowed, 403, "permission_error", "model_not_allowed", 403,
     "permission_error", false},
    {ErrorCode::kModelNotFound, 404, "invalid_request_error", "model_not_found", 404,
     "not_found_error", false},
    {ErrorCode::kRequestTooLarge, 413, "invalid_request_error", "request_too_large", 413,
     "request_too_large", false},
    {ErrorCode::kUpstreamRateLimited, 429, "rate_limit_error", "upstream_rate_limited", 429,
     "rate_limit_error", true},
    {ErrorCode::kUpstreamError, 502, "server_error", "upstream_error", 502, "api_error", false},
    {ErrorCode::kUpstreamUnreachable, 502, "server_error", "upstream_unreachable", 502, "api_error",
     false},
    {ErrorCode::kUpstreamSaturated, 503, "server_error", "upstream_saturated", 529,
     "overloaded_error", true},
    {ErrorCode::kUpstreamTimeout, 504, "server_error", "upstream_timeout", 504, "timeout_error",
     false},
    {ErrorCode::kUpstreamAuth, 502, "server_error", "upstream_auth", 502, "api_error", false},
    {ErrorCode::kInsufficientQuota, 429, "insufficient_quota", "insufficient_quota", 429,
     "rate_limit_error", false},
    {ErrorCode::kRateLimitExceeded, 429, "rate_limit_error", "rate_limit_exceeded", 429,
     "rate_limit_error", true},
    {ErrorCode::kLedgerUnavailable, 503, "server_error", "ledger_unavailable", 503, "api_error",
     true},
    {ErrorCode::kBudgetExhausted, 429, "insufficient_quota", "budget_exhausted", 429,
     "rate_limit_error", false},
};

TEST(Errors, SayWhatTheContractSays) {
  for (const Expected& expected : kContract) {
    const Error error{expected.code, "why", ""};
    const ErrorAnswer openai = render_error(Dialect::kOpenAi, error, "req-1");
    EXPECT_TRUE(json::valid(openai.body)) << openai.body;
    EXPECT_EQ(openai.status, expected.status);
    EXPECT_EQ(Value(openai.body)["error"]["type"].as_string(), expected.type);
    EXPECT_EQ(Value(openai.body)["error"]["code"].as_string(), expected.openai_code);
    EXPECT_EQ(openai.wants_retry_after, expected.retry_after);
    const ErrorAnswer anthropic = render_error(Dialect::kAnthropic, error, "req-1");
    EXPECT_TRUE(json::valid(anthropic.body)) << anthropic.body;
    EXPECT_EQ(anthropic.status, expected.anthropic_status);
    EXPECT_EQ(Value(anthropic.body)["error"]["type"].as_string(), expected.anthropic_type);
    EXPECT_EQ(Value(anthropic.body)["request_id"].as_string(), "req-1");
    EXPECT_EQ(anthropic.wants_retry_after, expected.retry_after);
  }
}

TEST(Errors, NameTheFieldAtFault) {
  const Error error{ErrorCode::kInvalidRequest, "'n' must be a \"positive\" integer.", "n"};
  EXPECT_EQ(render_error(Dialect::kOpenAi, error, "r").body,
            R"({"error":{"message":"'n' must be a \"positive\" integer.",)"
            R"("type":"invalid_request_error","param":"n","code":null}})");
  EXPECT_EQ(render_error(Dialect::kAnthropic, error, "r").body,
            R"({"type":"error","error":{"type":"invalid_request_error",)"
            R"("message":"'n' must be a \"positive\" integer."},"request_id":"r"})");
  EXPECT_EQ(render_neutral_error(error, "r").body,
            R"({"error":{"code":"invalid_request","message":"'n' must be a \"positive\" integer.",)"
            R"("field":"n","request_id":"r"}})");
  EXPECT_EQ(render_neutral_error({ErrorCode::kNotFound, "", ""}, "r").body,
            R"({"error":{"code":"not_found","message":"There is nothing at this address.",)"
            R"("request_id":"r"}})");
}

TEST(Errors, LeakNothingInternal) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kConfig); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const ErrorAnswer answer = render_error(Dialect::kOpenAi, {code, "/etc/secret", ""}, "r");
    EXPECT_GE(answer.status, 400);
    const bool below_http = code >= ErrorCode::kInternal;
    if (below_http || code == ErrorCode::kUpstreamAuth) {
      EXPECT_FALSE(answer.body.contains("secret")) << answer.body;
    }
  }
}

TEST(Errors, TellClientsNotToTryAgainWhatCannotWork) {
  EXPECT_EQ(render_error(Dialect::kOpenAi, {ErrorCode::kUpstreamAuth, "", ""}, "r").should_retry,
            false);
  EXPECT_EQ(render_error(Dialect::kOpenAi, {ErrorCode::kUpstreamError, "", ""}, "r").should_retry,
            std::nullopt);
  // Both SDKs would try a 429 again, and waiting fills no wallet.
  for (const Dialect dialect : {Dialect::kOpenAi, Dialect::kAnthropic}) {
    const ErrorAnswer quota = render_error(dialect, {ErrorCode::kInsufficientQuota, "", ""}, "r");
    EXPECT_EQ(quota.should_retry, false);
    EXPECT_FALSE(quota.wants_retry_after);
    for (const ErrorCode passing : {ErrorCode::kRateLimitExceeded, ErrorCode::kLedgerUnavailable}) {
      const ErrorAnswer answer = render_error(dialect, {passing, "", ""}, "r");
      EXPECT_EQ(answer.should_retry, std::nullopt);
      EXPECT_TRUE(answer.wants_retry_after);
    }
  }
}

TEST(Errors, TellAnthropicsClientsWhichOfTheLimitsItWas) {
  const auto details = [](ErrorCode code) {
    const std::string body = render_error(Dialect::kAnthropic, {code, "", ""}, "r").body;
    return Value(body)["error"]["details"]["error_code"].as_string();
  };
  EXPECT_EQ(details(ErrorCode::kInsufficientQuota), "insufficient_quota");
  EXPECT_EQ(details(ErrorCode::kRateLimitExceeded), "rate_limit_exceeded");
  EXPECT_EQ(details(ErrorCode::kLedgerUnavailable), "ledger_unavailable");
}

TEST(Errors, KeepTheLedgersTroublesToThemselves) {
  const Error error{ErrorCode::kLedgerUnavailable, "/var/lib/sluice.db is full", ""};
  EXPECT_FALSE(render_error(Dialect::kOpenAi, error, "r").body.contains("sluice.db"));
  EXPECT_FALSE(render_stream_error(Dialect::kAnthropic, error, "r").contains("sluice.db"));
}

TEST(StreamErrors, AreFramesOfTheDialect) {
  const Error error{ErrorCode::kUpstreamStreamInterrupted, "gone\nfor good", ""};
  EXPECT_EQ(render_stream_error(Dialect::kOpenAi, error, "r"),
            "data: {\"error\":{\"message\":\"gone\\nfor good\",\"type\":\"server_error\","
            "\"param\":null,\"code\":\"upstream_stream_interrupted\"}}\n\n");
  EXPECT_EQ(render_stream_error(Dialect::kAnthropic, error, "r"),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
            "\"message\":\"gone\\nfor good\",\"details\":{\"error_code\":"
            "\"upstream_stream_interrupted\"}},\"request_id\":\"r\"}\n\n");
  EXPECT_EQ(render_stream_error(Dialect::kResponses, error, "r", 7),
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":7,\"code\":"
            "\"upstream_stream_interrupted\",\"message\":\"gone\\nfor good\",\"param\":null,"
            "\"error\":{\"message\":\"gone\\nfor good\",\"type\":\"server_error\",\"param\":null,"
            "\"code\":\"upstream_stream_interrupted\"}}\n\n");
  const auto code = [](ErrorCode of) {
    const std::string frame = render_stream_error(Dialect::kOpenAi, {of, "", ""}, "r");
    return Value(std::string_view(frame).substr(6, frame.size() - 8))["error"]["code"].as_string();
  };
  EXPECT_EQ(code(ErrorCode::kUpstreamStalled), "upstream_stalled");
  EXPECT_EQ(code(ErrorCode::kServerDraining), "server_draining");
}

TEST(StreamErrors, EndAStreamWhoseMoneyIsUsedUp) {
  const Error error{ErrorCode::kBudgetExhausted, "", ""};
  EXPECT_EQ(render_stream_error(Dialect::kOpenAi, error, "r"),
            "data: {\"error\":{\"message\":\"The budget of this API key was used up while the "
            "answer was sent.\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":"
            "\"budget_exhausted\"}}\n\n");
  EXPECT_EQ(render_stream_error(Dialect::kAnthropic, error, "r"),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
            "\"message\":\"The budget of this API key was used up while the answer was sent.\","
            "\"details\":{\"error_code\":\"budget_exhausted\"}},\"request_id\":\"r\"}\n\n");
}

}  // namespace
}  // namespace sluice::dialect
