#include "dialect/chat/text_gate.hpp"

#include <algorithm>

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kFence = "```";
constexpr std::string_view kSpace = " \t\r\n";
// A line that opens a fence is shorter, and so is the white space around it.
constexpr size_t kMaxHeld = 256;

std::string_view without_space_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

}  // namespace

bool TextGate::needed(const AnswerPlan& plan) {
  return !plan.stop_scan.empty() || plan.json == JsonOutput::kForcedTool ||
         plan.json == JsonOutput::kInstruction;
}

void TextGate::take(const Event& event) {
  if (matched_ != nullptr) return;
  using Kind = Event::Kind;
  if (event.kind == Kind::kBlockStart) {
    call_ = event.block_kind == BlockKind::kToolUse && plan_.json == JsonOutput::kForcedTool &&
            event.name == kJsonTool;
    any_ = false;
    open_ = false;
    inside_ = false;
    fence_ = plan_.json == JsonOutput::kInstruction ? Fence::kUnknown : Fence::kNone;
  }
  const bool text = call_ || event.block_kind == BlockKind::kText;
  if (event.kind == Kind::kStart || event.kind == Kind::kAnnotation || !text) {
    next_.take(event);
  } else if (event.kind == Kind::kDelta) {
    take_text(event.text);
  } else if (event.kind == Kind::kBlockStop) {
    stop_block();
  }
}

void TextGate::take_text(json::String text) {
  any_ |= !text.empty();
  decoded_.clear();
  text.append_to(decoded_);
  take_fence(decoded_, false);
}

void TextGate::take_fence(std::string_view text, bool last) {
  if (fence_ == Fence::kNone) return scan(text, last);
  fenced_ += text;
  std::string_view held = fenced_;
  if (fence_ == Fence::kUnknown) {
    const std::string_view inner = without_space_before(held);
    const bool may_be = inner.starts_with(kFence) || kFence.starts_with(inner);
    const size_t line = inner.starts_with(kFence) ? inner.find('\n') : std::string_view::npos;
    const bool wait = may_be && held.size() <= kMaxHeld && !last;
    if (line == std::string_view::npos && wait) return;
    fence_ = line == std::string_view::npos ? Fence::kNone : Fence::kInside;
    if (fence_ == Fence::kNone) {
      scan(held, last);
      std::string().swap(fenced_);
      return;
    }
    held = inner.substr(line + 1);
  }
  if (!inside_) held = without_space_before(held);
  // What may be the closing fence with white space around it stays.
  size_t keep = held.find_last_not_of(" \t\r\n`");
  keep = keep == std::string_view::npos ? 0 : keep + 1;
  if (held.size() - keep > kMaxHeld && !last) keep = held.size();
  if (last) {
    std::string_view tail =
        held.substr(0, std::min(held.find_last_not_of(kSpace) + 1, held.size()));
    if (tail.ends_with(kFence)) tail.remove_suffix(kFence.size());
    keep = std::min(tail.find_last_not_of(kSpace) + 1, tail.size());
  }
  inside_ |= keep > 0;
  scan(held.substr(0, keep), last);
  fenced_ = last ? std::string() : std::string(held.substr(keep));
}

void TextGate::scan(std::string_view text, bool last) {
  if (plan_.stop_scan.empty()) return pass(text);
  scanned_ += text;
  size_t at = 0;
  bool wait = false;
  for (; at < scanned_.size() && !wait; ++at) {
    const std::string_view rest = std::string_view(scanned_).substr(at);
    for (const std::string& stop : plan_.stop_scan) {
      if (stop.empty()) continue;
      if (rest.starts_with(stop)) {
        matched_ = &stop;
        pass(std::string_view(scanned_).substr(0, at));
        std::string().swap(scanned_);
        if (open_) next_.take({.kind = Event::Kind::kBlockStop, .id = {}, .name = {}, .text = {}});
        open_ = false;
        return;
      }
      wait = !last && stop.starts_with(rest);
      if (wait) break;
    }
    if (wait) break;
  }
  pass(std::string_view(scanned_).substr(0, at));
  scanned_.erase(0, at);
}

void TextGate::pass(std::string_view text) {
  if (text.empty()) return;
  if (!open_) {
    open_ = true;
    next_.take({.kind = Event::Kind::kBlockStart, .id = {}, .name = {}, .text = {}});
  }
  encoded_.clear();
  json::append_string(encoded_, text);
  const std::string_view bytes = std::string_view(encoded_).substr(1, encoded_.size() - 2);
  next_.take({.kind = Event::Kind::kDelta,
              .id = {},
              .name = {},
              .text = {.bytes = bytes, .escaped = bytes.contains('\\')}});
}

void TextGate::stop_block() {
  if (call_ && !any_) take_text(literal("{}"));
  if (matched_ == nullptr) take_fence({}, true);
  if (open_) next_.take({.kind = Event::Kind::kBlockStop, .id = {}, .name = {}, .text = {}});
  open_ = false;
  call_ = false;
}

}  // namespace sluice::dialect::chat
