#include "dialect/errors.hpp"

#include <array>
#include <cstddef>

#include "dialect/anthropic/errors.hpp"
#include "dialect/openai/errors.hpp"
#include "json/writer.hpp"

namespace sluice::dialect {
namespace {

enum : uint8_t {
  kPlain = 0,
  kRetryAfter = 1,  // the answer carries retry-after
  kNoRetry = 2,     // trying again cannot help, whatever the status suggests
  kOwnMessage = 4,  // the error's own message may be shown
};

struct Row {
  ErrorCode code;
  int openai_status;
  std::string_view openai_type;
  std::string_view openai_code;  // empty: null
  int anthropic_status;
  std::string_view anthropic_type;
  uint8_t flags;
  std::string_view message;  // when the error has none, or may not show it
};

constexpr std::string_view kInternalMessage = "The gateway failed to handle the request.";

using enum ErrorCode;

// In the order of ErrorCode. The public contract, section 4, is the source.
constexpr std::array kRows = {
    Row{kInvalidApiKey, 401, "authentication_error", "invalid_api_key", 401, "authentication_error",
        kOwnMessage, "Incorrect API key provided."},
    Row{kIpNotAllowed, 403, "permission_error", "ip_not_allowed", 403, "permission_error",
        kOwnMessage, "This API key may not be used from your address."},
    Row{kModelNotAllowed, 403, "permission_error", "model_not_allowed", 403, "permission_error",
        kOwnMessage, "This API key may not use the requested model."},
    Row{kPermissionDenied, 403, "permission_error", "permission_denied", 403, "permission_error",
        kOwnMessage, "You are not allowed to do this."},
    Row{kUnauthenticated, 401, "authentication_error", "unauthenticated", 401,
        "authentication_error", kOwnMessage, "Log in first."},
    Row{kInvalidCredentials, 401, "authentication_error", "invalid_credentials", 401,
        "authentication_error", kOwnMessage, "The name or the password is wrong."},
    Row{kConflict, 409, "invalid_request_error", "conflict", 409, "invalid_request_error",
        kOwnMessage, "This is there already."},
    Row{kPreconditionFailed, 412, "invalid_request_error", "precondition_failed", 412,
        "invalid_request_error", kOwnMessage, "It has changed since it was read."},
    Row{kInvalidRequest, 400, "invalid_request_error", "", 400, "invalid_request_error",
        kOwnMessage, "The request is not valid."},
    Row{kModelNotFound, 404, "invalid_request_error", "model_not_found", 404, "not_found_error",
        kOwnMessage, "The requested model does not exist."},
    Row{kNotFound, 404, "invalid_request_error", "not_found", 404, "not_found_error", kOwnMessage,
        "There is nothing at this address."},
    Row{kMethodNotAllowed, 405, "invalid_request_error", "method_not_allowed", 405,
        "invalid_request_error", kOwnMessage, "This method is not allowed here."},
    Row{kRequestTooLarge, 413, "invalid_request_error", "request_too_large", 413,
        "request_too_large", kOwnMessage, "The request body is too large."},
    Row{kHeadersTooLarge, 431, "invalid_request_error", "headers_too_large", 431,
        "invalid_request_error", kOwnMessage, "The request's header fields are too large."},
    Row{kRequestTimeout, 408, "invalid_request_error", "request_timeout", 408, "timeout_error",
        kOwnMessage, "The request did not arrive in time."},
    Row{kInsufficientQuota, 429, "insufficient_quota", "insufficient_quota", 429,
        "rate_limit_error", kNoRetry | kOwnMessage,
        "You have used up your quota. Please check your plan and balance."},
    Row{kRateLimitExceeded, 429, "rate_limit_error", "rate_limit_exceeded", 429, "rate_limit_error",
        kRetryAfter | kOwnMessage,
        "This API key has reached its rate limit. Please try again later."},
    Row{kUpstreamRateLimited, 429, "rate_limit_error", "upstream_rate_limited", 429,
        "rate_limit_error", kRetryAfter | kOwnMessage,
        "The model's provider is limiting requests. Please try again later."},
    Row{kUpstreamError, 502, "server_error", "upstream_error", 502, "api_error", kOwnMessage,
        "The model's provider failed to answer the request."},
    Row{kUpstreamUnreachable, 502, "server_error", "upstream_unreachable", 502, "api_error",
        kOwnMessage, "The model's provider cannot be reached."},
    Row{kUpstreamTimeout, 504, "server_error", "upstream_timeout", 504, "timeout_error",
        kOwnMessage, "The model's provider did not answer in time."},
    Row{kUpstreamAuth, 502, "server_error", "upstream_auth", 502, "api_error", kNoRetry,
        "The model's provider refused the gateway's credential."},
    Row{kUpstreamSaturated, 503, "server_error", "upstream_saturated", 529, "overloaded_error",
        kRetryAfter | kOwnMessage,
        "All capacity for this model is in use. Please try again later."},
    Row{kUpstreamStreamInterrupted, 502, "server_error", "upstream_stream_interrupted", 502,
        "api_error", kOwnMessage, "The model's provider ended the answer before it was complete."},
    Row{kUpstreamStalled, 504, "server_error", "upstream_stalled", 504, "timeout_error",
        kOwnMessage, "The model's provider stopped sending before the answer was complete."},
    Row{kBudgetExhausted, 429, "insufficient_quota", "budget_exhausted", 429, "rate_limit_error",
        kNoRetry | kOwnMessage,
        "The budget of this API key was used up while the answer was sent."},
    Row{kServerDraining, 503, "server_error", "server_draining", 529, "overloaded_error",
        kRetryAfter | kOwnMessage, "The gateway is shutting down. Please try again."},
    Row{kLedgerUnavailable, 503, "server_error", "ledger_unavailable", 503, "api_error",
        kRetryAfter, "Usage cannot be recorded right now. Please try again later."},
    Row{kClientGone, 499, "invalid_request_error", "client_gone", 499, "invalid_request_error",
        kPlain, "The client closed the connection."},
    Row{kInternal, 500, "server_error", "internal_error", 500, "api_error", kPlain,
        kInternalMessage},
    Row{kIo, 500, "server_error", "internal_error", 500, "api_error", kPlain, kInternalMessage},
    Row{kConnectionClosed, 500, "server_error", "internal_error", 500, "api_error", kPlain,
        kInternalMessage},
    Row{kTimeout, 500, "server_error", "internal_error", 500, "api_error", kPlain,
        kInternalMessage},
    Row{kProtocol, 500, "server_error", "internal_error", 500, "api_error", kPlain,
        kInternalMessage},
    Row{kTls, 500, "server_error", "internal_error", 500, "api_error", kPlain, kInternalMessage},
    Row{kResolve, 500, "server_error", "internal_error", 500, "api_error", kPlain,
        kInternalMessage},
    Row{kConfig, 500, "server_error", "internal_error", 500, "api_error", kPlain, kInternalMessage},
};

static_assert([] {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].code) != i) return false;
  }
  return true;
}());

const Row& row_of(ErrorCode code) {
  const auto index = static_cast<size_t>(code);
  return kRows[index < kRows.size() ? index : static_cast<size_t>(kInternal)];
}

std::string_view message_of(const Row& row, const Error& error) {
  return (row.flags & kOwnMessage) != 0 && !error.message.empty() ? std::string_view(error.message)
                                                                  : row.message;
}

std::string envelope(Dialect dialect, const Row& row, const Error& error,
                     std::string_view request_id) {
  const std::string_view message = message_of(row, error);
  if (dialect == Dialect::kAnthropic) {
    return anthropic::error_envelope(row.anthropic_type, row.openai_code, message, request_id);
  }
  return openai::error_envelope(row.openai_type, row.openai_code, message, error.param);
}

ErrorAnswer answer(const Row& row, int status, std::string body) {
  ErrorAnswer answer{.status = status,
                     .body = std::move(body),
                     .wants_retry_after = (row.flags & kRetryAfter) != 0,
                     .should_retry = std::nullopt};
  if ((row.flags & kNoRetry) != 0) answer.should_retry = false;
  return answer;
}

}  // namespace

int status_of(Dialect dialect, ErrorCode code) {
  const Row& row = row_of(code);
  return dialect == Dialect::kAnthropic ? row.anthropic_status : row.openai_status;
}

ErrorAnswer render_error(Dialect dialect, const Error& error, std::string_view request_id) {
  const Row& row = row_of(error.code);
  return answer(row, status_of(dialect, error.code), envelope(dialect, row, error, request_id));
}

std::string render_stream_error(Dialect dialect, const Error& error, std::string_view request_id,
                                int64_t sequence) {
  const Row& row = row_of(error.code);
  std::string frame = dialect == Dialect::kAnthropic || dialect == Dialect::kResponses
                          ? "event: error\ndata: "
                          : "data: ";
  if (dialect == Dialect::kResponses) {
    frame += openai::error_event(row.openai_type, row.openai_code, message_of(row, error),
                                 error.param, sequence);
  } else {
    frame += envelope(dialect, row, error, request_id);
  }
  frame += "\n\n";
  return frame;
}

ErrorAnswer render_neutral_error(const Error& error, std::string_view request_id) {
  const Row& row = row_of(error.code);
  std::string body;
  json::Writer json(body);
  json.begin_object().key("error").begin_object();
  json.member("code", row.openai_code.empty() ? to_string(error.code) : row.openai_code);
  json.member("message", message_of(row, error));
  if (!error.param.empty()) json.member("field", error.param);
  json.member("request_id", request_id).end_object().end_object();
  return answer(row, row.openai_status, std::move(body));
}

}  // namespace sluice::dialect
