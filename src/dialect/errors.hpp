// The one table from error codes to what a client sees of them: HTTP status, and each dialect's
// `type` and `code` (the public contract, section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/dialect.hpp"

namespace sluice::dialect {

/// A whole answer but for its headers; the content type is application/json.
struct ErrorAnswer {
  int status = 500;
  std::string body;
  /// The answer must carry retry-after: the upstream's, or the gateway's own guess.
  bool wants_retry_after = false;
  /// Value of x-should-retry, which both official SDKs obey; absent when their own rule by
  /// status is right.
  std::optional<bool> should_retry;
};

/// HTTP status of an error in a dialect (Anthropic has 529 where others have 503).
int status_of(Dialect dialect, ErrorCode code);

/// An error as a client of that dialect expects it. Codes from below HTTP (kIo, kTls, ...) and
/// kInternal show a general message instead of their own. An empty message gets the default of
/// its code. `request_id` goes into the body where the dialect has a place for it.
ErrorAnswer render_error(Dialect dialect, const Error& error, std::string_view request_id);

/// The in-band frame for a stream that has begun, blank line included. After it the stream is
/// closed without [DONE], message_stop or response.completed. Events of Responses are numbered:
/// `sequence` is this one's.
std::string render_stream_error(Dialect dialect, const Error& error, std::string_view request_id,
                                int64_t sequence = 0);

/// For routes that belong to no dialect: {"error":{"code","message","field"?,"request_id"}}.
ErrorAnswer render_neutral_error(const Error& error, std::string_view request_id);

}  // namespace sluice::dialect
