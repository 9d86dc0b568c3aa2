// What an upstream means by an error answer, told from its status and body, and what the client
// is told of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/dialect.hpp"
#include "dialect/errors.hpp"

namespace sluice::dialect {

/// What decides whether and where to try again (the public contract, section 4).
enum class FailureKind : uint8_t {
  kRateLimited,     // too fast; later it works
  kQuotaExhausted,  // the account behind the credential is out of money or quota: no use soon
  kAuth,            // the gateway's own credential is refused
  kOverloaded,      // 503, 529
  kServerError,     // other 5xx
  kContextLength,   // the prompt is too long for this model
  kContentPolicy,   // refused for what it says
  kModelNotFound,   // this upstream does not have the model
  kRequest,         // any other 4xx: the request itself is at fault
};

/// "rate_limited", ...: for metrics and logs.
std::string_view to_string(FailureKind kind);

struct UpstreamFailure {
  FailureKind kind = FailureKind::kServerError;
  /// What to tell the client, with a code as in dialect/errors.hpp. Its message is the upstream's
  /// own only where the request is at fault; of anything else the upstream's words may name its
  /// customer, and the message is empty, which makes render_error() use its default.
  Error error;
  /// The upstream's words, for the log: at most 1 KiB, empty when there were none.
  std::string detail;
  /// When to try again, where the error's body tells it.
  std::optional<std::chrono::milliseconds> retry_after;
  /// The dialect that the upstream speaks.
  Dialect dialect = Dialect::kOpenAi;
  /// The body is a proper error of the dialect, to be passed byte by byte to clients who speak it.
  bool well_formed = false;
};

/// Reads an upstream's answer with a status of 400 or more. `body` may be anything: HTML, plain
/// text, another dialect's shape, empty, cut.
UpstreamFailure classify_upstream_error(Dialect upstream, int status, std::string_view body);

/// The same for an error inside a success: an event of a stream, a body sent with status 200.
/// The status is told by the error's own code or type.
UpstreamFailure classify_reported_error(Dialect upstream, std::string_view body);

/// What the client gets for a failure when nothing is tried any more. The request's faults (400,
/// 404, 413, 422 and other 4xx) keep their status, and their body when it is well formed and of the
/// client's dialect (else Anthropic's clients get 400 for 422, which they do not know, and 504 for
/// 408); 401 and 403 become upstream_auth, 402 and 429 upstream_rate_limited, 5xx upstream_error.
/// Where the account behind the credential is out of money, clients are told not to try again.
ErrorAnswer map_upstream_error(Dialect client, int status, std::string_view body,
                               const UpstreamFailure& failure, std::string_view request_id);

}  // namespace sluice::dialect
