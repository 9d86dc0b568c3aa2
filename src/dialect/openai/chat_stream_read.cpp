#include "dialect/openai/chat_stream_read.hpp"

#include <algorithm>

#include "crypto/digest.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::openai {
namespace {

// What has to wait in one stream, and all ids and names.
constexpr size_t kMaxWaiting = 16 * 1024 * 1024;

using chat::BlockKind;
using chat::Event;
using chat::EventSink;
using json::String;
using Text = OutputText::Kind;

String slice(const std::string& bytes) { return {.bytes = bytes, .escaped = bytes.contains('\\')}; }

void send(EventSink& sink, Event::Kind kind, BlockKind block_kind, String text = {}) {
  sink.take({.kind = kind, .block_kind = block_kind, .id = {}, .name = {}, .text = text});
}

}  // namespace

void ChatStreamReader::read(const chat::StreamPiece& event, EventSink& sink) {
  const EventParts& parts = event.parts;
  if (!started_) {
    // Azure's first chunk is about its prompt filter, and tells neither id nor model.
    if (parts.id.empty() && event.texts.empty() && parts.calls.empty() && !event.finish) return;
    start(parts, event.model, sink);
  }
  if (parts.service_tier == "default") service_tier_ = "default";
  if (parts.service_tier == "priority") service_tier_ = "priority";
  // In the order in which a message has them, whatever that of the chunk's members.
  for (const Text kind : {Text::kReasoning, Text::kContent, Text::kRefusal}) {
    for (const OutputText& piece : event.texts) {
      if (piece.kind != kind || piece.choice != 0) continue;
      refused_ |= kind == Text::kRefusal;
      read_text(kind == Text::kReasoning ? Open::kThinking : Open::kText, piece.text, sink);
    }
  }
  for (const EventParts::Call& piece : parts.calls) read_call(piece, sink);
}

void ChatStreamReader::start(const EventParts& parts, std::string_view model, EventSink& sink) {
  started_ = true;
  id_ = parts.id.bytes;
  sink.take({.kind = Event::Kind::kStart,
             .block_kind = BlockKind::kText,
             .id = parts.id,
             .name = {.bytes = model, .escaped = false},
             .text = {}});
}

void ChatStreamReader::read_text(Open kind, String text, EventSink& sink) {
  if (open_ == Open::kTool) {
    const Call& call = calls_->list[calls_->open];
    if (!call.arguments.progress().whole()) {
      // The call's block may not be closed yet.
      if (kind == Open::kText) keep(calls_->late, text.bytes);
      return;
    }
  }
  if (open_ != kind) {
    close_block(false, sink);
    open_block(kind, sink);
  }
  if (kind == Open::kText && calls_ && !calls_->late.empty()) {
    send(sink, Event::Kind::kDelta, BlockKind::kText, slice(calls_->late));
    std::string().swap(calls_->late);
  }
  send(sink, Event::Kind::kDelta, kind == Open::kThinking ? BlockKind::kThinking : BlockKind::kText,
       text);
}

void ChatStreamReader::open_block(Open open, EventSink& sink) {
  open_ = open;
  ++blocks_;
  send(sink, Event::Kind::kBlockStart,
       open == Open::kThinking ? BlockKind::kThinking : BlockKind::kText);
}

ChatStreamReader::Call& ChatStreamReader::call_of(const EventParts::Call& piece) {
  if (!calls_) calls_ = std::make_unique<Calls>();
  std::vector<Call>& list = calls_->list;
  const auto add = [&]() -> Call& {
    list.emplace_back().index = piece.has_index ? piece.index : -1;
    return list.back();
  };
  if (list.empty()) return add();
  const bool has_id = !piece.id.empty();
  const auto by_id = has_id ? std::ranges::find(list, piece.id.bytes, &Call::id) : list.end();
  if (piece.has_index) {
    const auto found = std::ranges::find(list.rbegin(), list.rend(), piece.index, &Call::index);
    if (found == list.rend()) return add();
    Call& call = *found;
    if (!has_id || call.id.empty() || call.id == piece.id.bytes) return call;
    if (by_id != list.end()) return *by_id;
    // Some upstreams give every call the same index, others every piece an id of its own.
    const bool another =
        call.arguments.progress().whole() || (call.arguments.empty() && !piece.name.empty());
    return another ? add() : call;
  }
  if (by_id != list.end()) return *by_id;
  Call& last = list.back();
  if (piece.name.empty()) return last;
  const bool another = has_id ? !last.id.empty() : last.arguments.progress().whole();
  return another ? add() : last;
}

void ChatStreamReader::read_call(const EventParts::Call& piece, EventSink& sink) {
  // An answer without its last calls would look whole.
  overflowed_ |= calls_ && calls_->list.size() > chat::kMaxTools;
  if (overflowed_) return;
  Call& call = call_of(piece);
  if (call.closed) return;
  if (!call.opened) {
    if (call.id.empty()) keep(call.id, piece.id.bytes);
    if (call.name.empty()) keep(call.name, piece.name.bytes);
  }
  std::string quoted;
  String arguments = piece.arguments;
  if (piece.raw) {
    json::append_string(quoted, arguments.bytes);
    arguments = slice(quoted);
    arguments.bytes = arguments.bytes.substr(1, quoted.size() - 2);
  }
  const size_t waiting = call.arguments.waiting();
  if (open_ == Open::kTool && &call == &calls_->list[calls_->open]) {
    call.arguments.take(arguments, sink);
  } else {
    call.arguments.keep(arguments);
  }
  count(call.arguments.waiting() - std::min(waiting, call.arguments.waiting()));
  if (open_ == Open::kTool) {
    advance(sink);
  } else if (!call.opened && !call.name.empty()) {
    close_block(false, sink);
    open_call(static_cast<size_t>(&call - calls_->list.data()), sink);
    call.arguments.hand_out(sink);
    advance(sink);
  }
}

void ChatStreamReader::open_call(size_t at, EventSink& sink) {
  Call& call = calls_->list[at];
  if (call.id.empty()) {
    call.id = "toolu_gw" + crypto::short_hash(slice(id_).str() + '/' + std::to_string(blocks_));
  }
  call.opened = true;
  calls_->open = at;
  open_ = Open::kTool;
  ++blocks_;
  sink.take({.kind = Event::Kind::kBlockStart,
             .block_kind = BlockKind::kToolUse,
             .id = slice(call.id),
             .name = slice(call.name),
             .text = {}});
}

void ChatStreamReader::keep(std::string& waiting, std::string_view bytes) {
  count(bytes.size());
  if (!overflowed_) waiting += bytes;
}

void ChatStreamReader::count(size_t bytes) {
  calls_->waiting += bytes;
  overflowed_ |= calls_->waiting > kMaxWaiting;
}

void ChatStreamReader::advance(EventSink& sink) {
  std::vector<Call>& list = calls_->list;
  while (list[calls_->open].arguments.progress().whole()) {
    const auto next = std::ranges::find_if(
        list, [](const Call& call) { return !call.opened && !call.name.empty(); });
    if (next == list.end()) return;
    close_call(false, sink);
    open_call(static_cast<size_t>(next - list.begin()), sink);
    next->arguments.hand_out(sink);
  }
}

bool ChatStreamReader::close_block(bool may_be_cut, EventSink& sink) {
  if (open_ == Open::kNone) return true;
  if (open_ == Open::kTool) return close_call(may_be_cut, sink);
  send(sink, Event::Kind::kBlockStop,
       open_ == Open::kThinking ? BlockKind::kThinking : BlockKind::kText);
  open_ = Open::kNone;
  return true;
}

bool ChatStreamReader::close_call(bool may_be_cut, EventSink& sink) {
  Call& call = calls_->list[calls_->open];
  const bool usable = call.arguments.close(may_be_cut, sink);
  cut_ = call.arguments.cut();
  send(sink, Event::Kind::kBlockStop, BlockKind::kToolUse);
  call.closed = true;
  open_ = Open::kNone;
  return usable;
}

bool ChatStreamReader::close(FinishReason reason, EventSink& sink) {
  const bool may_be_cut = reason == FinishReason::kLength;
  bool usable = close_block(may_be_cut, sink);
  if (!calls_) return usable;
  for (size_t i = 0; i < calls_->list.size() && usable; ++i) {
    Call& call = calls_->list[i];
    if (call.opened || call.name.empty()) continue;
    // Nothing of it has been handed out, so what is broken can still be mended.
    open_call(i, sink);
    usable = close_call(may_be_cut, sink);
  }
  if (!calls_->late.empty() && usable) {
    open_block(Open::kText, sink);
    send(sink, Event::Kind::kDelta, BlockKind::kText, slice(calls_->late));
    close_block(false, sink);
  }
  return usable;
}

}  // namespace sluice::dialect::openai
