#include "dialect/usage.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::dialect {

namespace {

constexpr int64_t kMostTokens = int64_t{1} << 32;

}  // namespace

std::optional<int64_t> count_of(json::Value value) {
  const std::optional<int64_t> count = value.as_int();
  return count && *count >= 0 && *count <= kMostTokens ? count : std::nullopt;
}

bool take_totals(int64_t prompt, int64_t completion, TokenCounts classes, Usage& usage) {
  if (prompt <= 0 && completion <= 0) return false;
  usage.input_known = prompt > 0;
  prompt = std::max<int64_t>(prompt, 0);
  classes.cache_read = std::min(classes.cache_read, prompt);
  classes.cache_write = std::min(classes.cache_write, prompt - classes.cache_read);
  classes.input = prompt - classes.cache_read - classes.cache_write;
  classes.output = std::max<int64_t>(completion, 0);
  usage.counts = classes;
  return completion >= 0;
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone:
      return "";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kStopSequence:
      return "stop_sequence";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kToolCalls:
      return "tool_calls";
    case FinishReason::kContentFilter:
      return "content_filter";
    case FinishReason::kPause:
      return "pause";
    case FinishReason::kOther:
      return "other";
  }
  return "";
}

FinishReason parse_finish_reason(std::string_view text) {
  using enum FinishReason;
  using Row = std::pair<std::string_view, FinishReason>;
  static constexpr std::array kReasons = {
      Row{"stop", kStop},
      Row{"end_turn", kStop},
      Row{"stop_sequence", kStopSequence},
      Row{"length", kLength},
      Row{"max_tokens", kLength},
      Row{"model_context_window_exceeded", kLength},
      Row{"compaction", kLength},
      Row{"tool_calls", kToolCalls},
      Row{"tool_use", kToolCalls},
      Row{"function_call", kToolCalls},
      Row{"content_filter", kContentFilter},
      Row{"refusal", kContentFilter},
      Row{"pause_turn", kPause},
  };
  if (text.empty()) return kNone;
  for (const auto& [name, reason] : kReasons) {
    if (name == text) return reason;
  }
  return kOther;
}

}  // namespace sluice::dialect
