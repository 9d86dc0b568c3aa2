// A client's request, understood as far as a relay must: who is asked, how the answer comes, and
// where in the text the few things stand that change on the way. The text itself is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/config.hpp"
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
  /// Chat: the model is given tools, or functions.
  bool has_tools = false;
  /// Most output tokens per choice that the client wants, where it says so. Of two limits the
  /// larger, since upstreams differ in which of them they obey.
  std::optional<int64_t> max_tokens;
  int64_t n = 1;        // choices for each prompt
  int64_t best_of = 1;  // texts generated for each prompt to choose these from
  int64_t prompts = 1;  // completions take several at once

  /// Where a value stands in `body`; length 0 when it is not there.
  struct Span {
    size_t offset = 0;
    size_t length = 0;
  };
  Span model_at;  // the string with its quotes
  Span stream_options_at;
  Span include_usage_at;  // inside stream_options
  bool stream_options_has_members = false;

  /// An integer that limits the output. Null counts as not given, but has its place.
  struct Limit {
    Span at;
    std::optional<int64_t> given;
  };
  Limit max_tokens_limit;             // Responses: max_output_tokens
  Limit max_completion_tokens_limit;  // chat
  Limit thinking_budget;              // Anthropic: thinking.budget_tokens, below max_tokens

  /// The gateway must ask the upstream for usage on its own account, and take the extra chunk
  /// out of the stream again.
  bool adds_usage() const;
  /// Choices that the answer has.
  int64_t choices() const;
  /// Texts that are generated and paid for, each with up to the limit's tokens; at least
  /// choices(). Bounded so that it can be multiplied.
  int64_t results() const;
  /// The smallest limit that upstream_body() can lower the output to: Anthropic refuses a thinking
  /// budget below 1024 tokens, or one that is not below the limit, and Responses a limit below 16.
  int64_t least_output_limit() const;
};

/// What an upstream is asked that the client has not said so itself.
struct UpstreamTerms {
  std::string_view model;
  /// Most output tokens per choice that may be paid for; at least least_output_limit().
  std::optional<int64_t> output_limit = std::nullopt;
  /// Tells what a limit is called that the client has not given.
  config::ProviderType provider = config::ProviderType::kOpenAiCompatible;
};

/// Reads and checks a request body. kInvalidRequest, with the field in `param`, on malformed
/// JSON, invalid UTF-8, a body that is no object, a missing or mistyped field that the gateway
/// reads, and on such a field standing twice, since the next hop could read the other one.
/// Everything else is the upstream's to judge.
Result<InferenceRequest> understand(Endpoint endpoint, std::string body);

/// The body to send upstream: the client's bytes but for
///   - `model`, where the upstream's name differs from the client's;
///   - `stream_options.include_usage`, where adds_usage();
///   - the members that limit the output, where they allow more than `output_limit`, and the
///     thinking budget, which must stay below them. None is raised. Where none is given one is
///     added: `max_completion_tokens` to OpenAI's own chat endpoint, `max_output_tokens` to
///     Responses, `max_tokens` elsewhere. A client that gave one of them knows which its model
///     takes;
///   - thinking of models of other dialects, which is left out (dialect/replayed_thinking.hpp).
/// Embeddings have no output. Returns a view of request.body when nothing changes, else of
/// `storage`, which then holds the new text.
std::string_view upstream_body(const InferenceRequest& request, const UpstreamTerms& terms,
                               std::string& storage);

}  // namespace sluice::dialect
