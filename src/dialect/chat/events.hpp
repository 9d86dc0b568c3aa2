// A streamed answer in terms of neither dialect. The reader of one dialect turns the events of the
// upstream into these, the writer of the other turns these into the client's frames.
#pragma once

#include <cstdint>

#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// Between kStart and the end of the stream, which is no event, blocks follow one another: only
/// one is open at a time, and each is closed. Texts are as they stand in JSON, and live until the
/// sink has taken the event.
struct Event {
  enum class Kind : uint8_t {
    kStart,       // id, name: the model's, decoded; both the upstream's
    kBlockStart,  // of block_kind; of a call id, name and, as text, Gemini's signature if any
    kDelta,       // text: a piece of the open block, of a call its arguments
    kSignature,   // text: of the open kThinking; the data of kRedactedThinking
    kAnnotation,  // id: the URL, name: the title
    kBlockStop,
  };
  Kind kind = Kind::kDelta;
  BlockKind block_kind = BlockKind::kText;  // of the open block, in all events of one
  json::String id;
  json::String name;
  json::String text;
};

class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;

  virtual void take(const Event& event) = 0;
};

}  // namespace sluice::dialect::chat
