// The arguments of a streamed call, as they come in pieces.
#pragma once

#include <string>

#include "dialect/chat/events.hpp"
#include "dialect/chat/json_progress.hpp"

namespace sluice::dialect::chat {

/// Hands pieces on as they come where they are of an object, which clients expect; what is none
/// waits, and is made one when all of it is there.
class CallArguments {
 public:
  /// The call's block is not open yet: the piece waits.
  void keep(json::String piece);
  /// The block is open: the piece, and what waited before it.
  void take(json::String piece, EventSink& sink);
  /// The block has been opened: what waited so far.
  void hand_out(EventSink& sink);
  /// Nothing more comes: what waited, mended. False when what has been handed out is no JSON,
  /// unless `may_be_cut` says that its end is missing. The block is still to be closed.
  bool close(bool may_be_cut, EventSink& sink);

  const JsonProgress& progress() const { return progress_; }
  /// Nothing has come that is not white space.
  bool empty() const { return !progress_.begun(); }
  /// Bytes that wait.
  size_t waiting() const { return waiting_.size(); }
  /// close() has found their end to be missing.
  bool cut() const { return cut_; }

 private:
  static void send(json::String piece, EventSink& sink);

  std::string waiting_;  // as in JSON
  JsonProgress progress_;
  bool streams_ = false;  // pieces have been handed out, and can no longer be mended
  bool cut_ = false;
};

}  // namespace sluice::dialect::chat
