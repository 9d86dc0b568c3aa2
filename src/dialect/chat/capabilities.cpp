#include "dialect/chat/capabilities.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

namespace sluice::dialect::chat {
namespace {

using Self = Capabilities;

/// A word of a setting, for the value it means.
template <typename T>
using Word = std::pair<std::string_view, T>;

template <typename T, size_t n>
std::optional<T> find_word(const std::array<Word<T>, n>& words, std::string_view word) {
  for (const auto& [name, value] : words) {
    if (name == word) return value;
  }
  return std::nullopt;
}

constexpr std::array kSampling = {
    Word<Self::Sampling>{"full", Self::Sampling::kFull},
    Word<Self::Sampling>{"one_of_temp_top_p", Self::Sampling::kOneOfTempTopP},
    Word<Self::Sampling>{"default_only", Self::Sampling::kDefaultOnly},
};
constexpr std::array kThinkingDefault = {
    Word<Self::ThinkingDefault>{"off", Self::ThinkingDefault::kOff},
    Word<Self::ThinkingDefault>{"on", Self::ThinkingDefault::kOn},
    Word<Self::ThinkingDefault>{"always", Self::ThinkingDefault::kAlways},
};
constexpr std::array kForcedTool = {
    Word<Self::ForcedTool>{"yes", Self::ForcedTool::kYes},
    Word<Self::ForcedTool>{"never", Self::ForcedTool::kNever},
};
constexpr std::array kToolsWithReasoning = {
    Word<Self::ToolsWithReasoning>{"any", Self::ToolsWithReasoning::kAny},
    Word<Self::ToolsWithReasoning>{"none_only", Self::ToolsWithReasoning::kNoneOnly},
    Word<Self::ToolsWithReasoning>{"use_responses", Self::ToolsWithReasoning::kUseResponses},
};
constexpr std::array kReasoningField = {
    Word<Self::ReasoningField>{"none", Self::ReasoningField::kNone},
    Word<Self::ReasoningField>{"reasoning_content", Self::ReasoningField::kReasoningContent},
    Word<Self::ReasoningField>{"reasoning", Self::ReasoningField::kReasoning},
    Word<Self::ReasoningField>{"reasoning_details", Self::ReasoningField::kReasoningDetails},
};
constexpr std::array kMaxTokensField = {
    Word<Self::MaxTokensField>{"max_tokens", Self::MaxTokensField::kMaxTokens},
    Word<Self::MaxTokensField>{"max_completion_tokens", Self::MaxTokensField::kMaxCompletionTokens},
};
constexpr std::array kUserField = {
    Word<Self::UserField>{"user", Self::UserField::kUser},
    Word<Self::UserField>{"safety_identifier", Self::UserField::kSafetyIdentifier},
};

struct Setting {
  std::string_view name;
  std::variant<bool Self::*, int64_t Self::*, size_t Self::*, Effort Self::*,
               Self::Sampling Self::*, Self::ThinkingDefault Self::*, Self::ForcedTool Self::*,
               Self::ToolsWithReasoning Self::*, Self::ReasoningField Self::*,
               Self::MaxTokensField Self::*, Self::UserField Self::*>
      member;
};

constexpr auto kSettings = std::to_array<Setting>({
    {"max_output", &Self::max_output},
    {"context_window", &Self::context_window},
    {"sampling", &Self::sampling},
    {"top_k", &Self::top_k},
    {"prefill", &Self::prefill},
    {"thinking_default", &Self::thinking_default},
    {"disabled_up_to", &Self::disabled_up_to},
    {"effort_default", &Self::effort_default},
    {"thinking_prefix_bound", &Self::thinking_prefix_bound},
    {"forced_tool", &Self::forced_tool},
    {"structured_outputs", &Self::structured_outputs},
    {"mid_system", &Self::mid_system},
    {"image_in", &Self::image_in},
    {"pdf_in", &Self::pdf_in},
    {"image_url_fetch", &Self::image_url_fetch},
    {"document_url_fetch", &Self::document_url_fetch},
    {"tool_name_max", &Self::tool_name_max},
    {"call_id_max", &Self::call_id_max},
    {"stop_max", &Self::stop_max},
    {"strict_tools", &Self::strict_tools},
    {"web_search", &Self::web_search},
    {"max_tokens_field", &Self::max_tokens_field},
    {"user_field", &Self::user_field},
    {"stream_usage_opt", &Self::stream_usage_opt},
    {"developer_role", &Self::developer_role},
    {"system_mid_ok", &Self::system_mid_ok},
    {"parallel_tool_calls_param", &Self::parallel_tool_calls_param},
    {"cache_breakpoints", &Self::cache_breakpoints},
    {"tools_with_reasoning", &Self::tools_with_reasoning},
    {"reasoning_field", &Self::reasoning_field},
    {"reasoning_replay", &Self::reasoning_replay},
    {"thinking_switch", &Self::thinking_switch},
    {"eof_without_finish_ok", &Self::eof_without_finish_ok},
    {"budget_min", &Self::budget_min},
    {"budget_max", &Self::budget_max},
    {"call_signatures", &Self::call_signatures},
    {"result_media", &Self::result_media},
    {"json_with_tools", &Self::json_with_tools},
    {"penalties", &Self::penalties},
    {"google_urls", &Self::google_urls},
});

template <typename T>
bool put(T& place, std::optional<T> value) {
  if (value) place = *value;
  return value.has_value();
}

/// Takes a value into the member; false when it cannot have it.
struct Take {
  Capabilities& to;
  json::Value value;

  std::string word() const { return value.as_string().value_or(""); }

  bool operator()(bool Self::* member) const { return put(to.*member, value.as_bool()); }
  bool operator()(int64_t Self::* member) const {
    const auto number = value.as_int();
    return number && *number >= 0 && put(to.*member, number);
  }
  bool operator()(size_t Self::* member) const {
    const auto number = value.as_int();
    if (!number || *number < 16 || *number > 4096) return false;
    to.*member = static_cast<size_t>(*number);
    return true;
  }
  bool operator()(Effort Self::* member) const {
    const Effort effort = parse_effort(word());
    if (effort != Effort::kUnset) to.*member = effort;
    return effort != Effort::kUnset;
  }
  bool operator()(Self::Sampling Self::* member) const {
    return put(to.*member, find_word(kSampling, word()));
  }
  bool operator()(Self::ThinkingDefault Self::* member) const {
    return put(to.*member, find_word(kThinkingDefault, word()));
  }
  bool operator()(Self::ForcedTool Self::* member) const {
    return put(to.*member, find_word(kForcedTool, word()));
  }
  bool operator()(Self::ToolsWithReasoning Self::* member) const {
    return put(to.*member, find_word(kToolsWithReasoning, word()));
  }
  bool operator()(Self::ReasoningField Self::* member) const {
    return put(to.*member, find_word(kReasoningField, word()));
  }
  bool operator()(Self::MaxTokensField Self::* member) const {
    return put(to.*member, find_word(kMaxTokensField, word()));
  }
  bool operator()(Self::UserField Self::* member) const {
    return put(to.*member, find_word(kUserField, word()));
  }
};

bool take_efforts(json::Value list, Capabilities& to) {
  if (list.kind() != json::Kind::kArray) return false;
  to.efforts.reset();
  json::Elements elements(list);
  json::Value element;
  while (elements.next(element)) {
    const Effort effort = parse_effort(element.as_string().value_or(""));
    if (effort == Effort::kUnset) return false;
    to.efforts.set(static_cast<size_t>(effort));
  }
  return true;
}

bool take_thinking_types(json::Value list, Capabilities& to) {
  if (list.kind() != json::Kind::kArray) return false;
  to.adaptive = to.enabled = to.disabled = to.between_tools = false;
  json::Elements elements(list);
  json::Value element;
  while (elements.next(element)) {
    const std::string word = element.as_string().value_or("");
    if (word == "adaptive") {
      to.adaptive = true;
    } else if (word == "enabled") {
      to.enabled = true;
    } else if (word == "disabled") {
      to.disabled = true;
    } else if (word == "between_tools") {
      to.between_tools = true;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

Status apply_override(Capabilities& capabilities, std::string_view name, json::Value value) {
  bool taken = false;
  if (name == "effort_levels" || name == "efforts") {
    taken = take_efforts(value, capabilities);
  } else if (name == "thinking_types") {
    taken = take_thinking_types(value, capabilities);
  } else {
    const auto setting =
        std::ranges::find_if(kSettings, [&](const Setting& row) { return row.name == name; });
    if (setting == kSettings.end()) {
      return fail(ErrorCode::kConfig, "There is no capability of this name.", std::string(name));
    }
    taken = std::visit(Take{capabilities, value}, setting->member);
  }
  if (taken) return {};
  return fail(ErrorCode::kConfig, "The capability cannot have this value.", std::string(name));
}

Status apply_overrides(Capabilities& capabilities, json::Value overrides) {
  json::Members members(overrides);
  json::Member member;
  while (members.next(member)) {
    Status taken = apply_override(capabilities, member.key.str(), member.value);
    if (!taken) return taken;
  }
  if (!members.complete()) {
    return fail(ErrorCode::kConfig, "Capabilities must be an object.", "capabilities");
  }
  return {};
}

}  // namespace sluice::dialect::chat
