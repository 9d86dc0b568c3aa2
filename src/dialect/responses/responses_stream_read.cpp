#include "dialect/responses/responses_stream_read.hpp"

#include <algorithm>

#include "crypto/digest.hpp"
#include "dialect/chat/texts.hpp"
#include "dialect/responses/reasoning_token.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::as_text;
using chat::BlockKind;
using chat::Event;
using chat::EventSink;
using json::String;
using json::Value;
using Text = OutputText::Kind;

// More items than this are of no answer.
constexpr size_t kMaxItems = 4096;
constexpr std::string_view kBetweenThoughts = "\\n\\n";

String slice(const std::string& bytes) { return {.bytes = bytes, .escaped = bytes.contains('\\')}; }

void send(EventSink& sink, Event::Kind kind, BlockKind block_kind, String text = {}) {
  sink.take({.kind = kind, .block_kind = block_kind, .id = {}, .name = {}, .text = text});
}

}  // namespace

void ResponsesStreamReader::read(const chat::StreamPiece& event, EventSink& sink) {
  const EventParts& parts = event.parts;
  if (!started_) start(event, sink);
  if (parts.service_tier == "default") service_tier_ = "default";
  if (parts.service_tier == "priority") service_tier_ = "priority";
  const bool ends = event.finish;
  const Value object = parts.event["item"];
  const Value output = ends ? parts.event["response"]["output"] : Value();
  if (parts.type == "response.output_item.added") note_item(parts.index, object);
  const auto each_item = [&](auto&& take) {
    json::Elements elements(output);
    int64_t index = 0;
    for (Value item; !too_many_ && elements.next(item);) take(index++, item);
  };
  if (parts.type == "response.output_item.done") sign(note_item(parts.index, object), object);
  if (ends) each_item([&](int64_t index, Value item) { sign(note_item(index, item), item); });
  for (const OutputText& piece : event.texts) read_text(piece, sink);
  if (parts.type == "response.output_item.done") end_item(parts.index, sink);
  if (parts.type == "response.output_text.annotation.added") read_annotation(parts, sink);
  if (ends) each_item([&](int64_t index, Value) { end_item(index, sink); });
}

void ResponsesStreamReader::start(const chat::StreamPiece& event, EventSink& sink) {
  started_ = true;
  id_ = event.parts.id.bytes;
  sink.take({.kind = Event::Kind::kStart,
             .block_kind = BlockKind::kText,
             .id = event.parts.id,
             .name = {.bytes = event.model, .escaped = false},
             .text = {}});
}

ResponsesStreamReader::Item* ResponsesStreamReader::item_of(int64_t index) {
  const auto found = std::ranges::find(items_.rbegin(), items_.rend(), index, &Item::index);
  if (found != items_.rend()) return &*found;
  if (items_.size() >= kMaxItems) {
    too_many_ = true;  // an answer without the last of them would look whole
    return nullptr;
  }
  Item& item = items_.emplace_back();
  item.index = index;
  return &item;
}

ResponsesStreamReader::Item* ResponsesStreamReader::note_item(int64_t index, Value object) {
  Item* const item = item_of(index);
  if (item == nullptr || item->kind != Kind::kUnknown) return item;
  const String type = as_text(object["type"]);
  if (type == "message") {
    item->kind = Kind::kText;
  } else if (type == "reasoning") {
    item->kind = Kind::kThinking;
  } else if (type == "function_call") {
    item->kind = Kind::kCall;
    item->id = as_text(object["call_id"]).bytes;
    item->name = as_text(object["name"]).bytes;
    item->arguments = std::make_unique<chat::CallArguments>();
  } else {
    item->kind = Kind::kIgnored;
  }
  return item;
}

// Only the item at its end tells what it is replayed by.
void ResponsesStreamReader::sign(Item* item, Value object) const {
  if (item == nullptr || item->kind != Kind::kThinking || !item->signature.empty()) return;
  item->replays = !as_text(object["encrypted_content"]).empty();
  item->signature = mint_reasoning(as_text(object["id"]), as_text(object["encrypted_content"]),
                                   plan_.provider, plan_.signature_key.expose());
}

void ResponsesStreamReader::end_item(int64_t index, EventSink& sink) {
  Item* const item = item_of(index);
  if (item == nullptr || item->done || item->kind == Kind::kIgnored) return;
  item->done = true;
  // Calls without arguments and thinking that nothing is told of have had no block yet.
  const bool hidden = item->kind == Kind::kThinking && item->replays && !item->signature.empty();
  if (!item->begun && !busy() && (item->kind == Kind::kCall || hidden)) {
    usable_ &= close_block(false, sink);
    open(*item, sink);
  }
  if (is_open(*item)) {
    // Whether a call may be cut is known at the end of the answer only.
    if (item->kind == Kind::kCall && !item->arguments->progress().whole() &&
        !item->arguments->empty()) {
      return;
    }
    usable_ &= close_block(false, sink);
  }
  advance(sink);
}

void ResponsesStreamReader::read_text(const OutputText& piece, EventSink& sink) {
  if (piece.kind == Text::kToolName) return;
  Item* const item = item_of(piece.index);
  if (item == nullptr || item->closed) return;
  if (item->kind == Kind::kUnknown) {
    // Some upstreams do not begin their items. A call needs its name.
    item->kind = piece.kind == Text::kReasoning       ? Kind::kThinking
                 : piece.kind == Text::kToolArguments ? Kind::kIgnored
                                                      : Kind::kText;
  }
  const bool call = piece.kind == Text::kToolArguments;
  if (item->kind == Kind::kIgnored || call != (item->kind == Kind::kCall)) return;
  refused_ |= piece.kind == Text::kRefusal;
  if (!is_open(*item) && !busy()) {
    usable_ &= close_block(false, sink);
    open(*item, sink);
  }
  if (!is_open(*item)) {
    waiting_ += piece.text.bytes.size();
    if (overflowed()) return;
    if (call) return item->arguments->keep(piece.text);
    if (!item->waiting.empty() && piece.choice != item->part) item->waiting += kBetweenThoughts;
    item->waiting += piece.text.bytes;
    item->part = piece.choice;
  } else if (call) {
    const size_t waiting = item->arguments->waiting();
    item->arguments->take(piece.text, sink);
    waiting_ += item->arguments->waiting() - std::min(waiting, item->arguments->waiting());
    if (item->arguments->progress().whole()) advance(sink);
  } else {
    send_text(*item, piece.choice, piece.text, sink);
  }
}

void ResponsesStreamReader::send_text(Item& item, uint16_t part, String text, EventSink& sink) {
  const bool another = item.begun && part != item.part;
  item.part = part;
  if (another && item.kind == Kind::kThinking) {
    send(sink, Event::Kind::kDelta, BlockKind::kThinking, chat::literal(kBetweenThoughts));
  }
  item.begun = true;
  send(sink, Event::Kind::kDelta,
       item.kind == Kind::kThinking ? BlockKind::kThinking : BlockKind::kText, text);
}

void ResponsesStreamReader::read_annotation(const EventParts& parts, EventSink& sink) const {
  if (open_ == kNone || items_[open_].kind != Kind::kText) return;
  const Value annotation = parts.event["annotation"];
  if (!(as_text(annotation["type"]) == "url_citation")) return;
  sink.take({.kind = Event::Kind::kAnnotation,
             .block_kind = BlockKind::kText,
             .id = as_text(annotation["url"]),
             .name = as_text(annotation["title"]),
             .text = {}});
}

bool ResponsesStreamReader::busy() const {
  if (open_ == kNone || items_[open_].kind != Kind::kCall) return false;
  const chat::CallArguments& arguments = *items_[open_].arguments;
  return !arguments.progress().whole() && !(items_[open_].done && arguments.empty());
}

void ResponsesStreamReader::open(Item& item, EventSink& sink) {
  open_ = static_cast<size_t>(&item - items_.data());
  ++blocks_;
  if (item.kind == Kind::kCall) {
    item.begun = true;
    if (item.id.empty()) {
      item.id =
          "toolu_gw" + crypto::short_hash(slice(id_).str() + '/' + std::to_string(item.index));
    }
    sink.take({.kind = Event::Kind::kBlockStart,
               .block_kind = BlockKind::kToolUse,
               .id = slice(item.id),
               .name = slice(item.name),
               .text = {}});
    item.arguments->hand_out(sink);
    return;
  }
  // What goes on in another block goes on in the same part.
  item.begun = false;
  send(sink, Event::Kind::kBlockStart,
       item.kind == Kind::kThinking ? BlockKind::kThinking : BlockKind::kText);
  if (item.waiting.empty()) return;
  send_text(item, item.part, slice(item.waiting), sink);
  std::string().swap(item.waiting);
}

void ResponsesStreamReader::advance(EventSink& sink) {
  while (!busy()) {
    const auto next = std::ranges::find_if(items_, [](const Item& item) {
      if (item.closed) return false;
      if (item.kind != Kind::kCall) return !item.waiting.empty();
      return !item.begun && (item.done || !item.arguments->empty());
    });
    if (next == items_.end()) return;
    usable_ &= close_block(false, sink);
    open(*next, sink);
    if (next->done && !busy()) usable_ &= close_block(false, sink);
  }
}

bool ResponsesStreamReader::close_block(bool may_be_cut, EventSink& sink) {
  if (open_ == kNone) return true;
  Item& item = items_[open_];
  bool usable = true;
  BlockKind kind = BlockKind::kText;
  if (item.kind == Kind::kCall) {
    kind = BlockKind::kToolUse;
    usable = item.arguments->close(may_be_cut, sink);
    cut_ = item.arguments->cut();
    item.closed = true;
  } else if (item.kind == Kind::kThinking) {
    kind = BlockKind::kThinking;
    if (!item.signature.empty()) send(sink, Event::Kind::kSignature, kind, slice(item.signature));
  }
  item.closed = item.closed || item.done;
  send(sink, Event::Kind::kBlockStop, kind);
  open_ = kNone;
  return usable;
}

bool ResponsesStreamReader::close(FinishReason reason, EventSink& sink) {
  const bool may_be_cut = reason == FinishReason::kLength;
  usable_ &= close_block(may_be_cut, sink);
  for (size_t i = 0; i < items_.size() && usable_; ++i) {
    Item& item = items_[i];
    const bool waits = !item.waiting.empty() || (item.kind == Kind::kCall && !item.begun);
    if (item.closed || !waits) continue;
    open(item, sink);
    usable_ &= close_block(may_be_cut, sink);
  }
  return usable_;
}

}  // namespace sluice::dialect::responses
