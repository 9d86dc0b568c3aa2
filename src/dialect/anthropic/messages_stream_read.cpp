#include "dialect/anthropic/messages_stream_read.hpp"

#include "dialect/chat/texts.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::as_text;
using chat::BlockKind;
using chat::Event;
using chat::EventSink;
using json::String;
using Text = OutputText::Kind;

BlockKind kind_of(Text kind) {
  if (kind == Text::kReasoning) return BlockKind::kThinking;
  return kind == Text::kToolArguments ? BlockKind::kToolUse : BlockKind::kText;
}

}  // namespace

void MessagesStreamReader::read(const chat::StreamPiece& event, EventSink& sink) {
  const EventParts& parts = event.parts;
  if (parts.type == "content_block_delta") {
    read_delta(parts, event.texts, sink);
  } else if (parts.type == "message_start") {
    if (started_) return;
    started_ = true;
    sink.take({.kind = Event::Kind::kStart,
               .block_kind = BlockKind::kText,
               .id = parts.id,
               .name = {.bytes = event.model, .escaped = false},
               .text = {}});
  } else if (parts.type == "content_block_start") {
    start_block(parts, sink);
  } else if (parts.type == "content_block_stop") {
    if (parts.index == index_) close_block(sink);
  } else if (parts.type == "message_delta") {
    const String sequence = as_text(parts.delta["stop_sequence"]);
    const String explanation = as_text(parts.delta["stop_details"]["explanation"]);
    if (!sequence.empty()) kept().stop_text = sequence.bytes;
    if (!explanation.empty()) kept().stop_text = explanation.bytes;
  }
}

void MessagesStreamReader::send(Event::Kind kind, String text, EventSink& sink) const {
  sink.take({.kind = kind, .block_kind = kind_, .id = {}, .name = {}, .text = text});
}

void MessagesStreamReader::open(BlockKind kind, String id, String name, EventSink& sink) {
  block_ = Block::kOpen;
  kind_ = kind;
  any_delta_ = false;
  ++blocks_;
  sink.take(
      {.kind = Event::Kind::kBlockStart, .block_kind = kind, .id = id, .name = name, .text = {}});
}

void MessagesStreamReader::start_block(const EventParts& parts, EventSink& sink) {
  close_block(sink);
  index_ = parts.index;
  block_ = Block::kIgnored;
  if (parts.block.kind() != json::Kind::kObject) return;
  const String type = as_text(parts.block["type"]);
  if (type == "text") {
    open(BlockKind::kText, {}, {}, sink);
    if (const String text = as_text(parts.block["text"]); !text.empty()) {
      send(Event::Kind::kDelta, text, sink);
    }
  } else if (type == "thinking") {
    open(BlockKind::kThinking, {}, {}, sink);
    if (const String text = as_text(parts.block["thinking"]); !text.empty()) {
      send(Event::Kind::kDelta, text, sink);
    }
  } else if (type == "redacted_thinking") {
    open(BlockKind::kRedactedThinking, {}, {}, sink);
    send(Event::Kind::kSignature, as_text(parts.block["data"]), sink);
  } else if (type == "tool_use") {
    open(BlockKind::kToolUse, as_text(parts.block["id"]), as_text(parts.block["name"]), sink);
    const json::Value input = parts.block["input"];
    if (input.kind() == json::Kind::kObject && !input.is_empty()) {
      chat::append_compact(kept().input, input.raw());
    }
  }
}

void MessagesStreamReader::read_delta(const EventParts& parts, std::span<const OutputText> texts,
                                      EventSink& sink) {
  if (block_ != Block::kNone && parts.index != index_) return;
  if (block_ == Block::kIgnored) return;
  for (const OutputText& piece : texts) {
    if (block_ == Block::kNone) {
      // Some upstreams leave out the start of a block. A call needs its name.
      if (piece.kind == Text::kToolArguments) return;
      index_ = parts.index;
      open(kind_of(piece.kind), {}, {}, sink);
    }
    if (kind_of(piece.kind) != kind_) continue;
    any_delta_ = true;
    send(Event::Kind::kDelta, piece.text, sink);
  }
  if (block_ != Block::kOpen) return;
  if (!parts.signature.empty() &&
      (kind_ == BlockKind::kThinking || kind_ == BlockKind::kRedactedThinking)) {
    send(Event::Kind::kSignature, parts.signature, sink);
  }
  if (parts.citation.kind() == json::Kind::kObject &&
      as_text(parts.citation["type"]) == "web_search_result_location") {
    sink.take({.kind = Event::Kind::kAnnotation,
               .block_kind = kind_,
               .id = as_text(parts.citation["url"]),
               .name = as_text(parts.citation["title"]),
               .text = {}});
  }
}

bool MessagesStreamReader::close(FinishReason /*reason*/, EventSink& sink) {
  close_block(sink);
  return true;
}

void MessagesStreamReader::close_block(EventSink& sink) {
  if (block_ == Block::kOpen) {
    if (kept_ && !kept_->input.empty()) {
      chat::Arena arena;
      if (!any_delta_) send(Event::Kind::kDelta, arena.text(kept_->input), sink);
      std::string().swap(kept_->input);
    }
    send(Event::Kind::kBlockStop, {}, sink);
  }
  block_ = Block::kNone;
}

}  // namespace sluice::dialect::anthropic
