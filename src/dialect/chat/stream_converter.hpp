// Turns a streamed answer into that of another dialect, event by event.
#pragma once

#include <memory>
#include <string>

#include "dialect/anthropic/turn_keeper.hpp"
#include "dialect/chat/reasoning_gate.hpp"
#include "dialect/chat/stream_reader.hpp"
#include "dialect/chat/stream_writer.hpp"
#include "dialect/chat/text_gate.hpp"
#include "dialect/stream.hpp"

namespace sluice::dialect::chat {

struct StreamOptions {
  /// Goes into error frames, and into the answer's id when the upstream tells none. Outlives the
  /// converter.
  std::string_view request_id;
  /// Length of the prompt, as Anthropic's clients are shown it before the upstream has told.
  int64_t input_estimate = 0;
  /// An upstream that ends its stream without saying why has finished its answer.
  bool end_without_finish = false;
  /// What an Anthropic upstream says is kept, for turn().
  bool keep_turn = false;
};

/// Stands where StreamInspector does when client and upstream speak different dialects. One a
/// stream; no allocation per event of text in steady state.
///
///   StreamConverter converter(upstream, client, plan, options);
///   for (event : upstream's events) {
///     verdict = converter.convert(event, out);    // `out`: to be sent on now
///     if (verdict.error) ...                      // `out` ends with the error's frame
///     if (verdict.terminal) break;
///   }
///   if (!terminated) verdict = converter.end(out);  // the upstream has closed its stream
///   converter.finish(usage, out);                   // what ends the client's stream
class StreamConverter {
 public:
  /// Clients do not speak Gemini's dialect. `plan` outlives the converter.
  StreamConverter(Endpoint upstream, Endpoint client, const AnswerPlan& plan,
                  const StreamOptions& options);
  /// Writes something else than a client's stream.
  StreamConverter(Endpoint upstream, std::unique_ptr<StreamWriter> writer, const AnswerPlan& plan,
                  const StreamOptions& options);
  StreamConverter(const StreamConverter&) = delete;
  StreamConverter& operator=(const StreamConverter&) = delete;

  /// Appends what the client gets for the event. The verdict is about the upstream's event, as
  /// StreamInspector's, but for these: `terminal` also when a stop sequence has been found, and
  /// `error` also when the answer turns out to be unfit or ends without a finish reason. `terminal`
  /// leaves the end of the client's stream to finish(). After either, nothing is converted.
  EventVerdict convert(const http::SseEvent& event, std::string& out);

  /// The upstream has closed its stream without its terminal event. The verdict is `terminal` or,
  /// with the frame appended, `error`.
  EventVerdict end(std::string& out);

  /// Appends the frames that end the client's stream. To be called once, after a `terminal`
  /// verdict. `usage` is what the client is told of it: usage(), or what was counted where the
  /// upstream tells nothing.
  void finish(const Usage& usage, std::string& out);

  /// Instead of finish(), when finish_reason() is kPause: what comes next is another stream, in
  /// which the upstream goes on with its answer. Its usage is added to that of the first.
  void resume();

  /// With keep_turn: the blocks of the answer so far as JSON separated by commas, for the upstream
  /// to go on with; empty where that cannot be. After a `terminal` verdict.
  std::string_view turn() { return turn_ ? turn_->blocks() : std::string_view{}; }

  /// An event that shows a client that the stream lives; may be sent before any of convert()'s.
  std::string_view keep_alive() const { return writer_->keep_alive(); }

  /// The frame that ends the client's stream when the answer cannot be finished, whatever has been
  /// converted before.
  void fail(const Error& error, std::string& out);

  /// As StreamInspector's.
  const Usage& usage() const { return usage_; }
  FinishReason finish_reason() const;
  const std::string& model() const { return inspector_.model(); }
  bool finished() const;
  bool terminated() const { return state_ == State::kTerminated; }
  /// A stop sequence was found that the upstream knows nothing of: it goes on for nobody.
  bool stopped_early() const { return gate_ && gate_->matched() != nullptr; }
  const UpstreamFailure& failure() const { return failure_ ? *failure_ : inspector_.failure(); }

 private:
  enum class State : uint8_t { kOpen, kTerminated, kFailed };

  EventSink& sink() {
    if (gate_) return *gate_;
    if (reasoning_) return *reasoning_;
    return *writer_;
  }
  EventVerdict terminate(EventVerdict verdict, std::string& out);
  EventVerdict failed(EventVerdict verdict, std::string& out);
  void fail_with(ErrorCode code, std::string message);
  void take_usage();

  StreamOptions options_;
  Endpoint upstream_;
  State state_ = State::kOpen;
  FinishReason finish_ = FinishReason::kNone;  // as the upstream told
  StreamInspector inspector_;
  Usage usage_;
  std::unique_ptr<Usage> earlier_;  // of the streams before resume()
  std::unique_ptr<UpstreamFailure> failure_;
  std::unique_ptr<anthropic::TurnKeeper> turn_;
  std::unique_ptr<StreamReader> reader_;
  std::unique_ptr<StreamWriter> writer_;
  // From the reader to the writer, where they are needed.
  std::unique_ptr<ReasoningGate> reasoning_;  // the last
  std::unique_ptr<TextGate> gate_;
};

}  // namespace sluice::dialect::chat
