// A streamed answer in terms of neither dialect. A reader of one dialect turns each event of the
// upstream into these, a writer of the other into the client's frames. Views live until the next
// event of the upstream is read.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/usage.hpp"

namespace sluice::dialect::chat {

struct Event {
  enum class Kind : uint8_t {
    kStart,       // id, model, usage as far as known
    kBlockStart,  // block, block_kind; of a call id and name
    kDelta,       // block: text of kText and kThinking, a piece of a call's arguments
    kSignature,   // block: of kThinking; the data of kRedactedThinking
    kAnnotation,  // annotation
    kBlockStop,   // block
    kUsage,       // usage, cumulative
    kFinish,      // stop; the last but for kUsage and kEnd
    kEnd,         // the upstream has closed its stream in order
    kError,       // error; nothing comes after it
  };
  Kind kind = Kind::kDelta;
  uint32_t block = 0;  // dense from 0 in the order of their starts; only one is open at a time
  BlockKind block_kind = BlockKind::kText;
  json::String id;
  json::String name;
  json::String model;
  json::String text;
  Annotation annotation;
  Stop stop;
  Usage usage;
  Error error;
};

}  // namespace sluice::dialect::chat
