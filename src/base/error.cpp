#include "base/error.hpp"

namespace sluice {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidApiKey:
      return "invalid_api_key";
    case ErrorCode::kIpNotAllowed:
      return "ip_not_allowed";
    case ErrorCode::kModelNotAllowed:
      return "model_not_allowed";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kInvalidCredentials:
      return "invalid_credentials";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kPreconditionFailed:
      return "precondition_failed";
    case ErrorCode::kInvalidRequest:
      return "invalid_request";
    case ErrorCode::kModelNotFound:
      return "model_not_found";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kMethodNotAllowed:
      return "method_not_allowed";
    case ErrorCode::kRequestTooLarge:
      return "request_too_large";
    case ErrorCode::kHeadersTooLarge:
      return "headers_too_large";
    case ErrorCode::kRequestTimeout:
      return "request_timeout";
    case ErrorCode::kInsufficientQuota:
      return "insufficient_quota";
    case ErrorCode::kRateLimitExceeded:
      return "rate_limit_exceeded";
    case ErrorCode::kUpstreamRateLimited:
      return "upstream_rate_limited";
    case ErrorCode::kUpstreamError:
      return "upstream_error";
    case ErrorCode::kUpstreamUnreachable:
      return "upstream_unreachable";
    case ErrorCode::kUpstreamTimeout:
      return "upstream_timeout";
    case ErrorCode::kUpstreamAuth:
      return "upstream_auth";
    case ErrorCode::kUpstreamSaturated:
      return "upstream_saturated";
    case ErrorCode::kUpstreamStreamInterrupted:
      return "upstream_stream_interrupted";
    case ErrorCode::kUpstreamStalled:
      return "upstream_stalled";
    case ErrorCode::kBudgetExhausted:
      return "budget_exhausted";
    case ErrorCode::kServerDraining:
      return "server_draining";
    case ErrorCode::kLedgerUnavailable:
      return "ledger_unavailable";
    case ErrorCode::kClientGone:
      return "client_gone";
    case ErrorCode::kInternal:
      return "internal_error";
    case ErrorCode::kIo:
      return "io_error";
    case ErrorCode::kConnectionClosed:
      return "connection_closed";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kProtocol:
      return "protocol_error";
    case ErrorCode::kTls:
      return "tls_error";
    case ErrorCode::kResolve:
      return "resolve_error";
    case ErrorCode::kConfig:
      return "config_error";
  }
  return "internal_error";
}

}  // namespace sluice
