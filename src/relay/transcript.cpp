#include "relay/transcript.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "json/writer.hpp"

namespace sluice::relay {

namespace {

using dialect::OutputText;
using dialect::chat::BlockKind;
using dialect::chat::Event;

constexpr std::string_view kSpace = " \t\r\n";

json::String as_json(const std::string& bytes) {
  return {.bytes = bytes, .escaped = bytes.contains('\\')};
}

Event stop_of(BlockKind kind) {
  return {.kind = Event::Kind::kBlockStop, .block_kind = kind, .id = {}, .name = {}, .text = {}};
}

bool is_thinking(BlockKind kind) {
  return kind == BlockKind::kThinking || kind == BlockKind::kRedactedThinking;
}

OutputText::Kind output_kind(BlockKind kind) {
  if (kind == BlockKind::kToolUse) return OutputText::Kind::kToolArguments;
  return is_thinking(kind) ? OutputText::Kind::kReasoning : OutputText::Kind::kContent;
}

/// Up to where `tail` ends in white space, from the back.
size_t space_at_end(std::string_view tail) {
  const size_t last = tail.find_last_not_of(kSpace);
  return last == std::string_view::npos ? tail.size() : tail.size() - last - 1;
}

}  // namespace

void Transcript::clear() {
  started_ = lost_ = false;
  id_.clear();
  model_.clear();
  std::vector<Block>().swap(blocks_);
  bytes_ = text_bytes_ = 0;
  recount();
}

void Transcript::take(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kStart:
      if (started_) return;
      started_ = true;
      id_ = event.id.bytes;
      model_ = event.name.str();
      return;
    case Event::Kind::kBlockStart: {
      if (blocks_.size() == kMostBlocks) return spoil();
      Block& block = blocks_.emplace_back();
      block.kind = event.block_kind;
      block.id = event.id.bytes;
      block.name = event.name.bytes;
      bytes_ += block.id.size() + block.name.size();
      break;
    }
    case Event::Kind::kDelta: {
      if (blocks_.empty()) return;
      std::string& text = blocks_.back().text;
      // Of an answer that is too long only what is to be counted stays.
      if (lost_ && counted_blocks_ + 1 == blocks_.size() && counted_bytes_ == text.size()) {
        text.clear();
        counted_bytes_ = 0;
      }
      const size_t before = text.size();
      event.text.append_to(text);
      bytes_ += text.size() - before;
      text_bytes_ += text.size() - before;
      break;
    }
    case Event::Kind::kSignature:
      if (blocks_.empty() || lost_) return;
      blocks_.back().signature += event.text.bytes;
      bytes_ += event.text.bytes.size();
      break;
    case Event::Kind::kAnnotation:
      // Told at the end by some writers, at once by others: a second stream would repeat it.
      return spoil();
    case Event::Kind::kBlockStop:
      if (!blocks_.empty()) blocks_.back().closed = true;
      return;
  }
  if (bytes_ > kMost) spoil();
}

bool Transcript::only_text() const {
  return text_bytes_ > 0 && std::ranges::all_of(blocks_, [](const Block& block) {
           return block.kind == BlockKind::kText;
         });
}

std::string Transcript::text() const {
  std::string text;
  for (const Block& block : blocks_) text += block.text;
  return text;
}

void Transcript::replay(dialect::chat::EventSink& sink) const {
  if (!started_) return;
  sink.take({.kind = Event::Kind::kStart,
             .block_kind = BlockKind::kText,
             .id = as_json(id_),
             .name = {.bytes = model_, .escaped = false},
             .text = {}});
  for (const Block& block : blocks_) {
    sink.take({.kind = Event::Kind::kBlockStart,
               .block_kind = block.kind,
               .id = as_json(block.id),
               .name = as_json(block.name),
               .text = {}});
    if (!block.text.empty()) sink.take(Piece(block.text).delta(block.kind));
    if (!block.signature.empty()) {
      sink.take({.kind = Event::Kind::kSignature,
                 .block_kind = block.kind,
                 .id = {},
                 .name = {},
                 .text = as_json(block.signature)});
    }
    if (block.closed) sink.take(stop_of(block.kind));
  }
}

std::span<const OutputText> Transcript::fresh() {
  texts_.clear();
  while (counted_blocks_ < blocks_.size()) {
    const Block& block = blocks_[counted_blocks_];
    const auto index = static_cast<uint16_t>(counted_blocks_);
    const auto add = [&](OutputText::Kind kind, json::String text) {
      if (text.empty()) return;
      texts_.push_back({.kind = kind, .choice = 0, .index = index, .text = text});
    };
    const bool last = counted_blocks_ + 1 == blocks_.size();
    if (counted_bytes_ == 0 && !named_) add(OutputText::Kind::kToolName, as_json(block.name));
    named_ = true;
    add(output_kind(block.kind),
        {.bytes = std::string_view(block.text).substr(counted_bytes_), .escaped = false});
    counted_bytes_ = block.text.size();
    if (last) break;
    ++counted_blocks_;
    counted_bytes_ = 0;
    named_ = false;
  }
  return texts_;
}

Piece::Piece(std::string_view decoded) { json::append_string(encoded_, decoded); }

Event Piece::delta(BlockKind kind) const {
  const std::string_view bytes = std::string_view(encoded_).substr(1, encoded_.size() - 2);
  return {.kind = Event::Kind::kDelta,
          .block_kind = kind,
          .id = {},
          .name = {},
          .text = {.bytes = bytes, .escaped = bytes.contains('\\')}};
}

// From here on the transcript grows by what is passed on, and there is nothing to compare.
bool ReplayMatcher::live() const {
  if (caught_up_) return true;
  const auto& blocks = delivered_.blocks();
  if (!inside_) return block_ == blocks.size();
  return block_ + 1 == blocks.size() && offset_ == expected().text.size() && !expected().closed;
}

void ReplayMatcher::take(const Event& event) {
  if (diverged_) return;
  if (event.kind == Event::Kind::kStart) {
    if (!delivered_.started()) next_.take(event);
    return;
  }
  if (!idle_ && live()) {
    // The first stream may have signed its thinking before it broke off.
    if (!caught_up_) signed_ = inside_ && !expected().signature.empty();
    caught_up_ = true;
    if (event.kind == Event::Kind::kBlockStop) signed_ = false;
    if (event.kind != Event::Kind::kSignature || !signed_) next_.take(event);
    return;
  }
  switch (event.kind) {
    case Event::Kind::kBlockStart:
      return start_block(event);
    case Event::Kind::kDelta:
      return take_text(event);
    case Event::Kind::kBlockStop:
      return stop_block(event);
    case Event::Kind::kStart:
    case Event::Kind::kSignature:
    case Event::Kind::kAnnotation:
      return;
  }
}

void ReplayMatcher::start_block(const Event& event) {
  while (block_ < delivered_.blocks().size()) {
    const Transcript::Block& block = expected();
    if (block.kind == event.block_kind && as_json(block.name).str() == event.name.str()) {
      inside_ = true;
      offset_ = 0;
      return;
    }
    // A block without a word in it is none.
    if (!block.text.empty() || block.kind == BlockKind::kToolUse) break;
    if (!block.closed) close_open();
    ++block_;
  }
  if (block_ == delivered_.blocks().size()) {
    caught_up_ = true;
    return next_.take(event);
  }
  if (event.block_kind == BlockKind::kToolUse) {
    diverged_ = true;
  } else {
    idle_ = true;
  }
}

void ReplayMatcher::take_text(const Event& event) {
  if (event.text.empty()) return;
  if (idle_) {
    diverged_ = true;
    return;
  }
  decoded_.clear();
  event.text.append_to(decoded_);
  const Transcript::Block& block = expected();
  const std::string_view rest = std::string_view(block.text).substr(offset_);
  const std::string_view text = decoded_;
  const size_t common = std::min(rest.size(), text.size());
  const bool more = text.size() > common;
  const bool last = block_ + 1 == delivered_.blocks().size();
  if (rest.substr(0, common) != text.substr(0, common) || (more && (block.closed || !last))) {
    diverged_ = true;
    return;
  }
  offset_ += common;
  if (!more) return;
  caught_up_ = true;
  next_.take(Piece(text.substr(common)).delta(event.block_kind));
}

void ReplayMatcher::stop_block(const Event& event) {
  if (std::exchange(idle_, false)) return;
  if (offset_ < expected().text.size()) {
    diverged_ = true;
    return;
  }
  inside_ = false;
  if (!expected().closed) next_.take(event);
  ++block_;
  offset_ = 0;
}

void ReplayMatcher::close_open() { next_.take(stop_of(expected().kind)); }

void ReplayMatcher::end() {
  if (diverged_ || caught_up_) {
    if (!diverged_ && delivered_.open()) next_.take(stop_of(delivered_.blocks().back().kind));
    return;
  }
  for (; block_ < delivered_.blocks().size(); ++block_) {
    if (inside_ ? offset_ < expected().text.size() : !expected().text.empty()) diverged_ = true;
    if (!inside_ && expected().kind == BlockKind::kToolUse) diverged_ = true;
    if (diverged_) return;
    inside_ = false;
  }
  if (delivered_.open()) next_.take(stop_of(delivered_.blocks().back().kind));
}

Joiner::Joiner(const Transcript& delivered, dialect::chat::EventSink& next)
    : delivered_(delivered), next_(next) {
  const std::string text = delivered.text();
  tail_ = text.substr(text.size() - std::min(text.size(), kMostOverlap));
}

void Joiner::take(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kStart:
      return;
    case Event::Kind::kBlockStart:
      dropped_ = is_thinking(event.block_kind);
      if (dropped_) return;
      if (event.block_kind == BlockKind::kText) {
        if (!delivered_.open()) next_.take(event);
        return;
      }
      release();
      joined_ = true;
      if (delivered_.open()) next_.take(stop_of(delivered_.blocks().back().kind));
      return next_.take(event);
    case Event::Kind::kDelta:
      if (dropped_) return;
      if (joined_) return next_.take(event);
      event.text.append_to(held_);
      // As long as something that was said begins like this, it may be that once more.
      if (held_.size() < tail_.size() && tail_.contains(held_)) return;
      return release();
    case Event::Kind::kBlockStop:
      if (std::exchange(dropped_, false)) return;
      release();
      if (delivered_.open()) next_.take(event);
      return;
    case Event::Kind::kSignature:
      return;
    case Event::Kind::kAnnotation:
      return next_.take(event);
  }
}

void Joiner::release() {
  if (joined_ || held_.empty()) return;
  joined_ = true;
  const std::string held = std::exchange(held_, {});
  pass(std::string_view(held).substr(overlap(tail_, held)));
  std::string().swap(tail_);
}

void Joiner::pass(std::string_view text) {
  if (!text.empty()) next_.take(Piece(text).delta(BlockKind::kText));
}

void Joiner::end() {
  release();
  if (delivered_.open()) next_.take(stop_of(delivered_.blocks().back().kind));
}

size_t overlap(std::string_view tail, std::string_view text) {
  for (size_t length = std::min(tail.size(), text.size()); length >= Joiner::kLeastOverlap;
       --length) {
    if (tail.ends_with(text.substr(0, length))) return length;
  }
  // White space that was cut off before the model was asked comes again.
  size_t space = std::min(space_at_end(tail), text.size());
  while (space > 0 && !tail.ends_with(text.substr(0, space))) --space;
  return space;
}

}  // namespace sluice::relay
