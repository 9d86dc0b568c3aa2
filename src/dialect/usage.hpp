// What an answer reports about itself, in terms that hold for every dialect.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::dialect {

/// Token counts as the upstream reported them. The classes do not overlap: `input` is without
/// `cache_read` and `cache_write` in both dialects (OpenAI's prompt_tokens contains them and is
/// taken apart). `reasoning` is a part of `output`.
struct Usage {
  int64_t input = 0;
  int64_t output = 0;
  int64_t cache_read = 0;
  int64_t cache_write = 0;
  int64_t reasoning = 0;
  bool reported = false;

  int64_t total_input() const { return input + cache_read + cache_write; }
};

/// Why generation ended, for all dialects; kOther for a reason not known here.
enum class FinishReason : uint8_t {
  kNone,
  kStop,           // stop, end_turn
  kStopSequence,   // stop_sequence
  kLength,         // length, max_tokens, model_context_window_exceeded
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
