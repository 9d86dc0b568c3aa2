// A client's request, understood as far as a relay must: who is asked, how the answer comes, and
// where in the text the few things stand that change on the way. The text itself is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/dialect.hpp"

namespace sluice::dialect {

/// Longest model name taken; it ends up in headers, logs and rules.
inline constexpr size_t kMaxModelBytes = 256;

struct InferenceRequest {
  Endpoint endpoint = Endpoint::kChatCompletions;
  std::string body;   // as the client sent it
  std::string model;  // decoded; printable, 1..kMaxModelBytes
  bool stream = false;
  /// OpenAI: the client asked for the usage chunk itself.
  bool include_usage = false;
  /// Most output tokens per choice that the client wants, where it says so.
  std::optional<int64_t> max_tokens;
  int64_t n = 1;  // choices

  /// Where a value stands in `body`; length 0 when it is not there.
  struct Span {
    size_t offset = 0;
    size_t length = 0;
  };
  Span model_at;  // the string with its quotes
  Span stream_options_at;
  Span include_usage_at;  // inside stream_options
  bool stream_options_has_members = false;

  /// The gateway must ask the upstream for usage on its own account, and take the extra chunk
  /// out of the stream again.
  bool adds_usage() const;
};

/// Reads and checks a request body. kInvalidRequest, with the field in `param`, on malformed
/// JSON, invalid UTF-8, a body that is no object, a missing or mistyped field that the gateway
/// reads, and on such a field standing twice, since the next hop could read the other one.
/// Everything else is the upstream's to judge.
Result<InferenceRequest> understand(Endpoint endpoint, std::string body);

/// The body to send upstream: the client's bytes but for `model`, where `upstream_model` differs
/// from the client's, and `stream_options.include_usage` where adds_usage(). Returns a view of
/// request.body when nothing changes, else of `storage`, which then holds the new text.
std::string_view upstream_body(const InferenceRequest& request, std::string_view upstream_model,
                               std::string& storage);

}  // namespace sluice::dialect
