// What the writers of both dialects' streams are.
#pragma once

#include <string>

#include "dialect/chat/answer.hpp"
#include "dialect/chat/events.hpp"

namespace sluice::dialect::chat {

class StreamWriter : public EventSink {
 public:
  /// Frames are appended there; to be set before each use.
  void set_output(std::string& out) { out_ = &out; }

  /// What may stand between two frames to show that the stream lives.
  virtual std::string_view keep_alive() const = 0;
  /// The frames that end the stream. Without kStart before, nothing.
  virtual void finish(const Stop& stop, const Usage& usage) = 0;

  bool started() const { return started_; }

 protected:
  std::string& out() { return *out_; }

  bool started_ = false;

 private:
  std::string* out_ = nullptr;
};

}  // namespace sluice::dialect::chat
