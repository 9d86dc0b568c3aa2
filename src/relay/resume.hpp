// A stream that goes on with another upstream after its first one has broken off (docs/routing.md).
// Exists only for requests whose targets are to be resumed.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/stream_reader.hpp"
#include "dialect/chat/stream_writer.hpp"
#include "dialect/event_facts.hpp"
#include "dialect/request.hpp"
#include "dialect/stream.hpp"
#include "http/sse.hpp"
#include "relay/transcript.hpp"

namespace sluice::relay {

struct Translation;

/// What one request keeps for it, from its first attempt to its end: what the client has got, and
/// the writer of its stream. Loop thread only.
class Resume {
 public:
  /// So often a stream may be gone on with.
  static constexpr int kMost = 3;

  /// `request_id` outlives it.
  Resume(config::Resume mode, const dialect::InferenceRequest& request,
         std::string_view request_id);
  ~Resume();
  Resume(const Resume&) = delete;
  Resume& operator=(const Resume&) = delete;

  /// Whether the answer to the request could be gone on with at all: a stream, of one choice, and
  /// without the probabilities of its tokens, which are told by nothing but the bytes.
  static bool suits(const dialect::InferenceRequest& request);

  // While an attempt runs.
  /// It is made anew for the client: the writer for its converter, which refers to this.
  std::unique_ptr<dialect::chat::StreamWriter> writer(const Translation& translation);
  /// It passes as it is.
  void watch();
  dialect::EventVerdict inspect(dialect::StreamInspector& inspector, const http::SseEvent& event);
  /// The client gets what was taken so far, and all that comes.
  void note_begun() { begun_ = true; }
  /// What was relayed of a stream that goes on, to be counted.
  std::span<const dialect::OutputText> fresh() { return transcript_.fresh(); }
  /// It says something else than what the client has.
  bool diverged() const { return matcher_ && matcher_->diverged(); }
  /// It has come to its end, which may make it differ.
  void end();

  // After an attempt.
  /// The stream that breaks off now could be gone on with, by what the client has of it.
  bool possible() const;
  /// Another attempt may go on for the stream that has broken off now.
  bool may_go_on() const { return broken_ < kMost && !diverged(); }
  /// It has broken off, of which the client knows nothing yet.
  void note_broken(Error error);
  /// The client has a part of its answer, and waits for the rest of it.
  bool broken() const { return broken_ > 0; }
  /// What it broke off with, last.
  const Error& error() const { return error_; }
  /// All that the client has, to be counted once more.
  std::span<const dialect::OutputText> all();
  /// The model is asked to go on, and not to say everything again.
  bool joins() const { return mode_ == config::Resume::kContinue; }

  /// The request that asks to go on. `prefill`: the model continues an assistant's message at the
  /// end; otherwise it is told to.
  Result<dialect::InferenceRequest> ask_on(const dialect::InferenceRequest& request,
                                           bool prefill) const;

  /// The frame that ends the client's stream.
  std::string error_frame(const Error& error);

 private:
  class Recorder;
  class Writer;

  void forget();
  /// Makes a writer that stands where the upstream's own bytes have brought the client.
  void prime();

  const config::Resume mode_;
  const dialect::Endpoint client_;
  const std::string_view request_id_;
  const bool include_usage_;
  bool legacy_functions_ = false;
  bool begun_ = false;
  int broken_ = 0;
  Error error_;
  Transcript transcript_;

  // Of a stream that passes as it is.
  std::unique_ptr<dialect::chat::StreamReader> reader_;
  dialect::EventParts parts_;
  size_t said_bytes_ = 0;     // texts of its events
  uint32_t said_blocks_ = 0;  // Anthropic's
  int64_t created_ = 0;       // OpenAI's

  // Who writes the client's stream: from the beginning, or from where it is gone on with.
  dialect::chat::AnswerPlan plan_;
  std::unique_ptr<dialect::chat::StreamWriter> writer_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<ReplayMatcher> matcher_;
  std::unique_ptr<Joiner> joiner_;
};

}  // namespace sluice::relay
