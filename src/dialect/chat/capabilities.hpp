// What a model accepts. The only place that knows models by their names; everything else asks for
// the capability. What Anthropic's and OpenAI's documentation and their servers' refusals say.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/names.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::chat {

struct Capabilities {
  enum class Sampling : uint8_t { kFull, kOneOfTempTopP, kDefaultOnly };
  enum class ThinkingDefault : uint8_t { kOff, kOn, kAlways };
  enum class ForcedTool : uint8_t { kYes, kNever };  // with thinking by a budget never
  enum class ToolsWithReasoning : uint8_t { kAny, kNoneOnly, kUseResponses };
  enum class ReasoningField : uint8_t { kNone, kReasoningContent, kReasoning, kReasoningDetails };
  enum class MaxTokensField : uint8_t { kMaxTokens, kMaxCompletionTokens };
  enum class UserField : uint8_t { kUser, kSafetyIdentifier };

  int64_t max_output = 0;      // tokens; 0: unknown
  int64_t context_window = 0;  // tokens; 0: unknown
  Sampling sampling = Sampling::kFull;
  bool top_k = false;    // OpenAI-compatible servers that take it
  bool prefill = false;  // continues an assistant message at the end

  // Which `thinking.type` is taken.
  bool adaptive = false;
  bool enabled = false;
  bool disabled = false;
  bool between_tools = false;
  ThinkingDefault thinking_default = ThinkingDefault::kOff;
  /// `disabled` is taken up to this effort.
  Effort disabled_up_to = Effort::kMax;
  /// The values that `reasoning_effort` or `output_config.effort` may have; none: no such field.
  std::bitset<kEfforts> efforts;
  Effort effort_default = Effort::kUnset;
  bool thinking_prefix_bound = false;

  ForcedTool forced_tool = ForcedTool::kYes;
  bool structured_outputs = false;  // a schema can be given
  bool mid_system = false;          // Anthropic: role system inside messages
  bool image_in = true;
  bool pdf_in = false;
  bool image_url_fetch = true;      // fetches images from URLs by itself
  bool document_url_fetch = false;  // and documents
  size_t tool_name_max = kMaxToolName;
  size_t call_id_max = 64;
  int64_t stop_max = 4;  // 0: no stop sequences are taken
  bool strict_tools = false;
  bool web_search = false;

  // OpenAI's dialect.
  MaxTokensField max_tokens_field = MaxTokensField::kMaxTokens;
  UserField user_field = UserField::kUser;
  bool stream_usage_opt = true;
  bool developer_role = false;
  bool system_mid_ok = true;
  bool parallel_tool_calls_param = true;
  bool cache_breakpoints = false;
  ToolsWithReasoning tools_with_reasoning = ToolsWithReasoning::kAny;
  ReasoningField reasoning_field = ReasoningField::kNone;
  bool reasoning_replay = false;
  /// Thinking is asked for, or forbidden, by thinking.type "enabled" and "disabled" (Z.ai's GLM)
  /// and not by an effort.
  bool thinking_switch = false;
  bool eof_without_finish_ok = false;

  // Gemini's dialect.
  int64_t budget_min = 0;  // fewest tokens to think with, where thinking is not off
  int64_t budget_max = 0;  // most; 0: thinking is told by one of `efforts`
  bool call_signatures =
      false;                  // calls are played back with what they were signed with, or refused
  bool result_media = false;  // results of calls may hold images and documents
  bool json_with_tools = false;  // functions do not keep it from holding to a schema
  bool penalties = true;         // frequency_penalty and presence_penalty
  bool google_urls = false;      // takes files of Google's own API, and YouTube's videos, by URL

  bool takes(Effort effort) const { return efforts.test(static_cast<size_t>(effort)); }
  bool manual_thinking_only() const { return enabled && !adaptive; }
};

/// By the provider's kind and the longest name in the built-in table that `model` begins with;
/// prefixed forms ("openai/gpt-4o", "us.anthropic.claude-sonnet-4-5") are found too. Never fails.
Capabilities capabilities_of(config::ProviderType provider, std::string_view model);

/// Changes the capability of that name: a field above, by its name; `thinking_types` and `efforts`
/// (also `effort_levels`) are lists. kConfig, with the name in `param`, for a name that is none or
/// a value that it cannot have.
Status apply_override(Capabilities& capabilities, std::string_view name, json::Value value);

/// The same for every member of an object.
Status apply_overrides(Capabilities& capabilities, json::Value overrides);

}  // namespace sluice::dialect::chat
