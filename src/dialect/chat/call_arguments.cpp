#include "dialect/chat/call_arguments.hpp"

#include "dialect/chat/reading.hpp"

namespace sluice::dialect::chat {
namespace {

json::String slice(const std::string& bytes) {
  return {.bytes = bytes, .escaped = bytes.contains('\\')};
}

}  // namespace

void CallArguments::send(json::String piece, EventSink& sink) {
  sink.take({.kind = Event::Kind::kDelta,
             .block_kind = BlockKind::kToolUse,
             .id = {},
             .name = {},
             .text = piece});
}

void CallArguments::keep(json::String piece) {
  progress_.feed(piece);
  waiting_ += piece.bytes;
}

void CallArguments::take(json::String piece, EventSink& sink) {
  if (!streams_) {
    keep(piece);
    return hand_out(sink);
  }
  progress_.feed(piece);
  if (!piece.empty()) send(piece, sink);
}

void CallArguments::hand_out(EventSink& sink) {
  if (waiting_.empty() || !progress_.is_object() || progress_.broken()) return;
  // What came whole and is no JSON can still be mended.
  if (progress_.whole() && !json::valid(slice(waiting_).str())) return;
  streams_ = true;
  send(slice(waiting_), sink);
  std::string().swap(waiting_);
}

bool CallArguments::close(bool may_be_cut, EventSink& sink) {
  if (streams_) {
    const bool whole = progress_.whole();
    cut_ = !whole && !progress_.broken() && may_be_cut;
    return whole || cut_;
  }
  if (!progress_.begun()) return true;
  cut_ = may_be_cut && !progress_.whole();
  Arena arena;
  std::vector<std::string> dropped;
  const json::Value value = arguments_of(slice(waiting_), may_be_cut, arena, dropped);
  send(arena.text(value.raw()), sink);
  std::string().swap(waiting_);
  return true;
}

}  // namespace sluice::dialect::chat
