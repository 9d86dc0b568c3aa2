// What an answer reports about itself, in terms that hold for every dialect.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/token_counts.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {

/// Token counts as the upstream reported them last. `input` is without `cache_read` and
/// `cache_write` in both dialects (OpenAI's prompt_tokens contains them and is taken apart).
struct Usage {
  TokenCounts counts;
  /// The prompt's classes are told; of a stream perhaps before its end. A prompt of no tokens at
  /// all is none: upstreams that do not count say 0.
  bool input_known = false;
  /// Input and output are told, and nothing comes after them.
  bool reported = false;
};

/// A reported number of tokens; nullopt for what is none: not whole, negative, or beyond 2^32,
/// which no request comes to. Who reports such a thing has reported nothing.
std::optional<int64_t> count_of(json::Value value);

/// Takes over what a report of OpenAI's tells: there the prompt's tokens contain the cached ones,
/// which stand in `classes`. Negative: not told. True when the output is told.
bool take_totals(int64_t prompt, int64_t completion, TokenCounts classes, Usage& usage);

/// Why generation ended, for all dialects; kOther for a reason not known here.
enum class FinishReason : uint8_t {
  kNone,
  kStop,           // stop, end_turn
  kStopSequence,   // stop_sequence
  kLength,         // length, max_tokens, model_context_window_exceeded, compaction
  kToolCalls,      // tool_calls, function_call, tool_use
  kContentFilter,  // content_filter, refusal
  kPause,          // pause_turn
  kOther,
};

/// "stop", "stop_sequence", "length", "tool_calls", "content_filter", "pause", "other"; "" for
/// kNone.
std::string_view to_string(FinishReason reason);

/// Reads a finish_reason or stop_reason of any dialect; empty is kNone.
FinishReason parse_finish_reason(std::string_view text);

}  // namespace sluice::dialect
