// What the writers of all dialects' streams are.
#pragma once

#include <string>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/events.hpp"

namespace sluice::dialect::chat {

/// Why a stream ends, and what else is told at its end.
struct StreamEnd {
  Stop stop;
  bool cut = false;               // the last call's arguments were cut off
  std::string_view service_tier;  // the upstream's word
};

class StreamWriter : public EventSink {
 public:
  /// Before all else. `usage` is what is known of the prompt before the upstream has told;
  /// `request_id` stands for the answer's id where the upstream tells none, and in error frames.
  /// Both outlive the writer.
  void prepare(const Usage& usage, std::string_view request_id) {
    usage_ = &usage;
    request_id_ = request_id;
  }
  /// Frames are appended there; to be set before each use.
  void set_output(std::string& out) { out_ = &out; }

  /// What may stand between two frames to show that the stream lives.
  virtual std::string_view keep_alive() const = 0;
  /// The frames that end the stream. Without kStart before, nothing.
  virtual void finish(const StreamEnd& end, const Usage& usage) = 0;
  /// The frame that ends a stream which cannot be finished.
  virtual void fail(const Error& error) = 0;

  /// It keeps more than is reasonable of what it has written: the answer is of no use.
  virtual bool overflowed() const { return false; }

  bool started() const { return started_; }

 protected:
  std::string& out() { return *out_; }
  const Usage& usage() const { return *usage_; }
  std::string_view request_id() const { return request_id_; }

  bool started_ = false;

 private:
  std::string* out_ = nullptr;
  const Usage* usage_ = nullptr;
  std::string_view request_id_;
};

}  // namespace sluice::dialect::chat
