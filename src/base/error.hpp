// Errors as values. Every failure that the outside world can cause is one of these codes;
// dialect/errors.cpp maps each to an HTTP status and to what each dialect calls it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class ErrorCode : uint8_t {
  // The caller's request.
  kInvalidApiKey,
  kIpNotAllowed,
  kModelNotAllowed,
  kPermissionDenied,
  kUnauthenticated,     // nobody has logged in, or no longer
  kInvalidCredentials,  // of a login
  kConflict,            // with what is there already
  kPreconditionFailed,  // it has changed since it was read
  kInvalidRequest,
  kModelNotFound,
  kNotFound,
  kMethodNotAllowed,
  kRequestTooLarge,
  kHeadersTooLarge,
  kRequestTimeout,
  kInsufficientQuota,  // of a key or a wallet: paying more is the only way out
  kRateLimitExceeded,  // of a key: waiting helps
  // The upstream.
  kUpstreamRateLimited,
  kUpstreamError,
  kUpstreamUnreachable,
  kUpstreamTimeout,
  kUpstreamAuth,
  kUpstreamSaturated,
  kUpstreamStreamInterrupted,
  kUpstreamStalled,
  kBudgetExhausted,  // in a stream: the key or wallet ran out
  // The gateway.
  kServerDraining,
  kLedgerUnavailable,
  kClientGone,
  kInternal,
  // Input and output below HTTP.
  kIo,
  kConnectionClosed,
  kTimeout,
  kProtocol,
  kTls,
  kResolve,
  kConfig,
};

/// Stable snake_case name of a code, for logs, metrics and the `code` of an answer.
std::string_view to_string(ErrorCode code);

/// An expected failure. `message` is for people and never holds a secret.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  /// The request field at fault, for kInvalidRequest; else empty.
  std::string param;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(param)});
}

}  // namespace sluice
