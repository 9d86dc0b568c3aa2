#include "dialect/chat/reasoning_gate.hpp"

#include <algorithm>

namespace sluice::dialect::chat {
namespace {

using config::ReasoningDisplay;

// As JSON holds them.
constexpr std::string_view kBegin = R"(<think>\n)";
constexpr std::string_view kEnd = R"(\n</think>\n\n)";

bool is_thinking(BlockKind kind) {
  return kind == BlockKind::kThinking || kind == BlockKind::kRedactedThinking;
}

}  // namespace

bool ReasoningGate::needed(const AnswerPlan& plan) {
  return plan.reasoning != ReasoningDisplay::kShown;
}

void ReasoningGate::pass(Event::Kind kind, json::String text) {
  next_.take({.kind = kind, .block_kind = BlockKind::kText, .id = {}, .name = {}, .text = text});
}

void ReasoningGate::take(const Event& event) {
  if (event.kind == Event::Kind::kStart || !is_thinking(event.block_kind)) {
    return next_.take(event);
  }
  if (plan_.reasoning == ReasoningDisplay::kStripped) return;
  if (event.kind == Event::Kind::kDelta && event.block_kind == BlockKind::kThinking) {
    if (event.text.empty()) return;
    if (!open_) {
      // Not before there is something to see: some thinking is only a signature.
      open_ = true;
      pass(Event::Kind::kBlockStart);
      pass(Event::Kind::kDelta, {.bytes = kBegin, .escaped = true});
    }
    pass(Event::Kind::kDelta, event.text);
  } else if (event.kind == Event::Kind::kBlockStop && open_) {
    open_ = false;
    pass(Event::Kind::kDelta, {.bytes = kEnd, .escaped = true});
    pass(Event::Kind::kBlockStop);
  }
}

void show_reasoning(Answer& answer, const AnswerPlan& plan) {
  if (!ReasoningGate::needed(plan)) return;
  std::erase_if(answer.blocks, [&](const Block& block) {
    if (!is_thinking(block.kind)) return false;
    return plan.reasoning == ReasoningDisplay::kStripped || block.text.empty();
  });
  for (Block& block : answer.blocks) {
    if (!is_thinking(block.kind)) continue;
    Joined joined;
    joined.add({.bytes = kBegin, .escaped = true});
    joined.add(block.text);
    joined.add({.bytes = kEnd, .escaped = true});
    block = {};
    block.text = joined.keep(answer.arena);
  }
}

}  // namespace sluice::dialect::chat
