#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "dialect/chat/capabilities.hpp"

namespace sluice::dialect::chat {
namespace {

using enum Effort;
using Sampling = Capabilities::Sampling;
using ForcedTool = Capabilities::ForcedTool;
using ThinkingDefault = Capabilities::ThinkingDefault;

void set_efforts(Capabilities& model, std::initializer_list<Effort> efforts) {
  model.efforts.reset();
  for (const Effort effort : efforts) model.efforts.set(static_cast<size_t>(effort));
}

// Claude, by generations.

/// 3 and 3.5.
void claude_3(Capabilities& model) {
  model.max_output = 8'192;
  model.context_window = 200'000;
  model.prefill = true;
  model.forced_tool = ForcedTool::kYes;
}

/// 3.7, 4 and 4.1.
void claude_4(Capabilities& model) {
  claude_3(model);
  model.max_output = 64'000;
  model.enabled = true;
  model.disabled = true;
  model.forced_tool = ForcedTool::kYes;
}

void claude_opus_4(Capabilities& model) {
  claude_4(model);
  model.max_output = 32'000;
}

void claude_4_5(Capabilities& model) {
  claude_4(model);
  model.sampling = Sampling::kOneOfTempTopP;
  model.structured_outputs = true;
  model.strict_tools = true;
}

void claude_opus_4_5(Capabilities& model) {
  claude_4_5(model);
  set_efforts(model, {kLow, kMedium, kHigh});
}

void claude_4_6(Capabilities& model) {
  claude_4_5(model);
  model.max_output = 128'000;
  model.prefill = false;
  model.adaptive = true;
  set_efforts(model, {kLow, kMedium, kHigh, kMax});
}

void claude_opus_4_7(Capabilities& model) {
  claude_4_6(model);
  model.enabled = false;
  model.sampling = Sampling::kDefaultOnly;
  model.forced_tool = ForcedTool::kYes;
  set_efforts(model, {kLow, kMedium, kHigh, kXhigh, kMax});
}

void claude_opus_4_8(Capabilities& model) {
  claude_opus_4_7(model);
  model.mid_system = true;
}

void claude_5(Capabilities& model) {
  claude_opus_4_8(model);
  model.thinking_default = ThinkingDefault::kOn;
}

void claude_opus_5(Capabilities& model) {
  claude_5(model);
  model.disabled_up_to = kHigh;
}

/// Fable 5 and Mythos 5 cannot but think.
void claude_always(Capabilities& model) {
  claude_5(model);
  model.thinking_default = ThinkingDefault::kAlways;
  model.disabled = false;
}

void claude_mythos_preview(Capabilities& model) {
  claude_always(model);
  model.enabled = true;
  model.forced_tool = ForcedTool::kNever;
}

void claude_sonnet_5_5(Capabilities& model) {
  claude_5(model);
  model.disabled = false;
  model.between_tools = true;
  model.forced_tool = ForcedTool::kNever;  // not known to work
  model.thinking_prefix_bound = true;
}

/// Opus 5.5, Fable 5.1, and what is newer than this table.
void claude_newest(Capabilities& model) {
  claude_always(model);
  model.forced_tool = ForcedTool::kNever;
  model.thinking_prefix_bound = true;
}

void claude_opus_5_5(Capabilities& model) {
  claude_newest(model);
  model.effort_default = kMedium;
}

// Models that OpenAI's dialect is spoken to.

void gpt_4(Capabilities& model) {
  model.max_output = 4'096;
  model.strict_tools = true;
}

void gpt_4o(Capabilities& model) {
  model.max_output = 16'384;
  model.context_window = 128'000;
  model.structured_outputs = true;
  model.strict_tools = true;
  model.pdf_in = true;
}

void gpt_4_1(Capabilities& model) {
  gpt_4o(model);
  model.max_output = 32'768;
  model.context_window = 1'047'576;
}

/// What reasons takes neither sampling nor stop sequences.
void openai_reasoning(Capabilities& model) {
  gpt_4o(model);
  model.max_output = 100'000;
  model.context_window = 200'000;
  model.sampling = Sampling::kDefaultOnly;
  model.stop_max = 0;
  model.max_tokens_field = Capabilities::MaxTokensField::kMaxCompletionTokens;
  model.developer_role = true;
  model.effort_default = kMedium;
  set_efforts(model, {kLow, kMedium, kHigh});
}

void gpt_5(Capabilities& model) {
  openai_reasoning(model);
  model.max_output = 128'000;
  model.context_window = 400'000;
  set_efforts(model, {kMinimal, kLow, kMedium, kHigh});
}

void gpt_5_1(Capabilities& model) {
  gpt_5(model);
  model.effort_default = kNone;
  set_efforts(model, {kNone, kLow, kMedium, kHigh});
}

void gpt_5_2(Capabilities& model) {
  gpt_5_1(model);
  set_efforts(model, {kNone, kLow, kMedium, kHigh, kXhigh});
}

void gpt_5_4(Capabilities& model) {
  gpt_5_2(model);
  model.tools_with_reasoning = Capabilities::ToolsWithReasoning::kUseResponses;
}

/// 5.6 and what is newer than this table.
void gpt_5_6(Capabilities& model) {
  gpt_5_4(model);
  model.effort_default = kMedium;
  model.cache_breakpoints = true;
  set_efforts(model, {kNone, kLow, kMedium, kHigh, kXhigh, kMax});
}

void gpt_oss(Capabilities& model) {
  set_efforts(model, {kLow, kMedium, kHigh});
  model.reasoning_field = Capabilities::ReasoningField::kReasoningContent;
}

void shows_reasoning(Capabilities& model) {
  model.reasoning_field = Capabilities::ReasoningField::kReasoningContent;
}

/// Expects its reasoning back while it calls tools.
void replays_reasoning(Capabilities& model) {
  shows_reasoning(model);
  model.reasoning_replay = true;
}

// Gemini. What says `efforts` holds for its OpenAI endpoint too.

/// 2.0 and older, which do not think.
void gemini_2_0(Capabilities& model) {
  model.max_output = 8'192;
  model.context_window = 1'048'576;
  model.pdf_in = true;
  model.efforts.reset();
  model.call_signatures = false;
  model.result_media = false;
  model.json_with_tools = false;
}

/// 2.5 Flash.
void gemini_2_5(Capabilities& model) {
  gemini_2_0(model);
  model.max_output = 65'536;
  model.penalties = false;
  model.disabled = true;
  model.budget_min = 1;
  model.budget_max = 24'576;
  model.thinking_default = ThinkingDefault::kOn;
  set_efforts(model, {kNone, kLow, kMedium, kHigh});
}

void gemini_2_5_lite(Capabilities& model) {
  gemini_2_5(model);
  model.budget_min = 512;
  model.thinking_default = ThinkingDefault::kOff;
}

void gemini_2_5_pro(Capabilities& model) {
  gemini_2_5(model);
  model.disabled = false;
  model.budget_min = 128;
  model.budget_max = 32'768;
  model.thinking_default = ThinkingDefault::kAlways;
  set_efforts(model, {kLow, kMedium, kHigh});
}

/// 3.1 Pro, and what is newer than this table.
void gemini_3(Capabilities& model) {
  gemini_2_0(model);
  model.max_output = 65'536;
  model.penalties = false;
  model.call_signatures = true;
  model.result_media = true;
  model.json_with_tools = true;
  model.thinking_default = ThinkingDefault::kAlways;
  model.effort_default = kHigh;
  set_efforts(model, {kLow, kMedium, kHigh});
}

void gemini_3_pro(Capabilities& model) {
  gemini_3(model);
  set_efforts(model, {kLow, kHigh});
}

void gemini_3_flash(Capabilities& model) {
  gemini_3(model);
  set_efforts(model, {kMinimal, kLow, kMedium, kHigh});
}

struct Row {
  std::string_view name;  // '-' also stands for '.'
  void (*apply)(Capabilities&);
};

constexpr auto kRows = std::to_array<Row>({
    {"claude", claude_newest},
    {"claude-3", claude_3},
    {"claude-3-7-sonnet", claude_4},
    {"claude-sonnet-4", claude_4},
    {"claude-opus-4", claude_opus_4},
    {"claude-opus-4-1", claude_opus_4},
    {"claude-sonnet-4-5", claude_4_5},
    {"claude-haiku-4-5", claude_4_5},
    {"claude-opus-4-5", claude_opus_4_5},
    {"claude-sonnet-4-6", claude_4_6},
    {"claude-opus-4-6", claude_4_6},
    {"claude-opus-4-7", claude_opus_4_7},
    {"claude-opus-4-8", claude_opus_4_8},
    {"claude-sonnet-5", claude_5},
    {"claude-opus-5", claude_opus_5},
    {"claude-fable-5", claude_always},
    {"claude-mythos-5", claude_always},
    {"claude-mythos-preview", claude_mythos_preview},
    {"claude-sonnet-5-5", claude_sonnet_5_5},
    {"claude-opus-5-5", claude_opus_5_5},
    {"claude-fable-5-1", claude_newest},
    {"claude-fable-5-2", claude_newest},
    {"claude-mythos-5-1", claude_newest},
    {"gpt-3-5", gpt_4},
    {"gpt-4", gpt_4},
    {"gpt-4o", gpt_4o},
    {"chatgpt-4o", gpt_4o},
    {"gpt-4-1", gpt_4_1},
    {"gpt-4-5", gpt_4o},
    {"o1", openai_reasoning},
    {"o3", openai_reasoning},
    {"o4-mini", openai_reasoning},
    {"gpt-5", gpt_5},
    {"gpt-5-1", gpt_5_1},
    {"gpt-5-2", gpt_5_2},
    {"gpt-5-3", gpt_5_2},
    {"gpt-5-4", gpt_5_4},
    {"gpt-5-5", gpt_5_4},
    {"gpt-5-6", gpt_5_6},
    {"gpt-6", gpt_5_6},
    {"gpt-oss", gpt_oss},
    {"deepseek", shows_reasoning},
    {"glm", shows_reasoning},
    {"qwen", shows_reasoning},
    {"minimax", replays_reasoning},
    {"kimi", shows_reasoning},
    {"kimi-k2-thinking", replays_reasoning},
    {"gemini", gemini_3},
    {"gemini-1", gemini_2_0},
    {"gemini-2", gemini_2_0},
    {"gemini-2-5", gemini_2_5},
    {"gemini-2-5-flash-lite", gemini_2_5_lite},
    {"gemini-2-5-pro", gemini_2_5_pro},
    {"gemini-3-pro", gemini_3_pro},
    {"gemini-3-flash", gemini_3_flash},
    {"gemini-3-1-flash", gemini_3_flash},
    {"gemini-3-5-flash", gemini_3_flash},
    {"gemini-flash", gemini_3_flash},
});

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

/// True when `name` stands in the model's name as a whole: after its start or a separator, and not
/// before a digit, so that a date is not taken for a version.
bool names(std::string_view model, std::string_view name) {
  for (size_t at = model.find(name); at != std::string_view::npos; at = model.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool starts = at == 0 || (!is_digit(model[at - 1]) && !is_letter(model[at - 1]));
    const bool ends = end == model.size() || !is_digit(model[end]);
    if (starts && ends) return true;
  }
  return false;
}

Capabilities of_provider(config::ProviderType provider) {
  Capabilities model;
  switch (provider) {
    case config::ProviderType::kAnthropic:
      model.stop_max = static_cast<int64_t>(kMaxStops);
      model.call_id_max = 256;
      model.pdf_in = true;
      model.document_url_fetch = true;
      model.web_search = true;
      break;
    case config::ProviderType::kOpenAi:
      model.structured_outputs = true;
      model.strict_tools = true;
      model.pdf_in = true;
      model.max_tokens_field = Capabilities::MaxTokensField::kMaxCompletionTokens;
      model.user_field = Capabilities::UserField::kSafetyIdentifier;
      model.web_search = true;  // over Responses
      break;
    case config::ProviderType::kZai:
      model.system_mid_ok = false;
      model.reasoning_field = Capabilities::ReasoningField::kReasoningContent;
      model.thinking_switch = true;
      model.stop_max = 1;
      model.parallel_tool_calls_param = false;
      break;
    case config::ProviderType::kGemini:
      gemini_3(model);
      model.max_output = 0;
      model.context_window = 0;
      model.structured_outputs = true;
      model.top_k = true;
      model.pdf_in = true;
      model.image_url_fetch = false;
      model.google_urls = true;
      model.tool_name_max = 128;
      model.stop_max = 5;
      break;
    case config::ProviderType::kOpenAiCompatible:
      model.structured_outputs = true;
      model.system_mid_ok = false;  // many chat templates know only one, at the start
      model.reasoning_field = Capabilities::ReasoningField::kReasoningContent;
      break;
  }
  return model;
}

}  // namespace

Capabilities capabilities_of(config::ProviderType provider, std::string_view model) {
  Capabilities capabilities = of_provider(provider);
  std::string name = to_lower(model);
  std::ranges::replace(name, '.', '-');
  const Row* best = nullptr;
  for (const Row& row : kRows) {
    if ((best == nullptr || row.name.size() > best->name.size()) && names(name, row.name)) {
      best = &row;
    }
  }
  if (best != nullptr) best->apply(capabilities);
  return capabilities;
}

}  // namespace sluice::dialect::chat
