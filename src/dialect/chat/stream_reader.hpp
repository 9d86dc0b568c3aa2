// What the readers of all dialects' streams are.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dialect/chat/events.hpp"
#include "dialect/event_facts.hpp"

namespace sluice::dialect::chat {

/// One event of the upstream, as StreamInspector has found it.
struct StreamPiece {
  const EventParts& parts;
  std::span<const OutputText> texts;
  std::string_view model;  // the upstream's
  bool finish = false;     // carries a finish reason
};

/// Turns an upstream's events into neutral ones: blocks that do not overlap, calls that are whole.
/// One a stream.
class StreamReader {
 public:
  StreamReader() = default;
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;
  virtual ~StreamReader() = default;

  virtual void read(const StreamPiece& piece, EventSink& sink) = 0;

  /// Nothing comes any more: writes what waited, and closes what is open. False when arguments
  /// that have been handed out already turn out to be of no use, unless `reason` is that they
  /// were cut off.
  virtual bool close(FinishReason reason, EventSink& sink) = 0;

  /// The answer goes on in another stream.
  virtual void resume() {}

  /// Blocks begun so far.
  virtual uint32_t blocks() const = 0;
  /// Why the answer ended, where the reader knows better than the upstream's word.
  virtual FinishReason finish_reason(FinishReason told) const { return told; }
  /// The last call's arguments were cut off.
  virtual bool cut() const { return false; }
  /// More is waiting than is reasonable: the answer is of no use.
  virtual bool overflowed() const { return false; }
  /// "default" and "priority", else empty.
  virtual std::string_view service_tier() const { return {}; }
  /// The stop sequence that matched, or why the model refused; as in JSON.
  virtual json::String stop_text() const { return {}; }
};

}  // namespace sluice::dialect::chat
