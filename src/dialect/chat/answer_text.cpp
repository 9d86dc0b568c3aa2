#include "dialect/chat/answer_text.hpp"

#include <algorithm>

#include "dialect/chat/reading.hpp"
#include "dialect/chat/reasoning_gate.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kFence = "```";
constexpr std::string_view kSpace = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

void unwrap_tool(Answer& answer) {
  for (Block& block : answer.blocks) {
    if (block.kind != BlockKind::kToolUse || !(block.name == kJsonTool)) continue;
    std::string json;
    append_compact(json, block.input.exists() ? block.input.raw() : "{}");
    block = {};
    block.text = answer.arena.text(json);
    if (answer.stop.reason == FinishReason::kToolCalls) answer.stop.reason = FinishReason::kStop;
  }
}

void unwrap_fence(Answer& answer) {
  Joined joined;
  for (const Block& block : answer.blocks) {
    if (block.kind == BlockKind::kText) joined.add(block.text);
  }
  if (!joined.any()) return;
  const std::string text = joined.keep(answer.arena).str();
  const std::string_view bare = without_fence(text);
  if (!json::valid(bare)) {
    if (!has_tool_calls(answer)) note(answer.dropped, "response_format");
    return;
  }
  bool first = true;
  for (Block& block : answer.blocks) {
    if (block.kind != BlockKind::kText) continue;
    block.text = first ? answer.arena.text(bare) : json::String{};
    first = false;
  }
}

void cut_at_stop(Answer& answer, const AnswerPlan& plan) {
  for (size_t i = 0; i < answer.blocks.size(); ++i) {
    Block& block = answer.blocks[i];
    if (block.kind != BlockKind::kText) continue;
    const std::string text = block.text.str();
    size_t first = std::string::npos;
    const std::string* matched = nullptr;
    for (const std::string& stop : plan.stop_scan) {
      const size_t at = text.find(stop);
      if (at < first) {
        first = at;
        matched = &stop;
      }
    }
    if (matched == nullptr) continue;
    block.text = answer.arena.text(std::string_view(text).substr(0, first));
    answer.blocks.resize(i + 1);
    answer.stop = {.reason = FinishReason::kStopSequence,
                   .sequence = answer.arena.text(*matched),
                   .category = {},
                   .explanation = {}};
    return;
  }
}

}  // namespace

std::string_view without_fence(std::string_view text) {
  std::string_view inner = trimmed(text);
  if (!inner.starts_with(kFence)) return text;
  const size_t line = inner.find('\n');
  if (line == std::string_view::npos) return text;
  inner.remove_prefix(line + 1);
  if (inner.ends_with(kFence)) inner.remove_suffix(kFence.size());
  return trimmed(inner);
}

bool has_tool_calls(const Answer& answer) {
  return std::ranges::any_of(answer.blocks,
                             [](const Block& block) { return block.kind == BlockKind::kToolUse; });
}

void finish_answer(Answer& answer, const AnswerPlan& plan) {
  if (!plan.stop_scan.empty()) cut_at_stop(answer, plan);
  if (plan.json == JsonOutput::kForcedTool) unwrap_tool(answer);
  if (plan.json == JsonOutput::kInstruction) unwrap_fence(answer);
  show_reasoning(answer, plan);
}

}  // namespace sluice::dialect::chat
