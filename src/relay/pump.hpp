// Moves a streamed answer from the upstream to the client, event by event.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/chat/stream_converter.hpp"
#include "dialect/stream.hpp"
#include "http/content_coding.hpp"
#include "http/sse.hpp"
#include "net/http_call.hpp"
#include "net/upstream_connection.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "relay/charge.hpp"
#include "relay/continuation.hpp"
#include "relay/keep_alive.hpp"
#include "relay/resume.hpp"
#include "relay/translation.hpp"
#include "route/provider_state.hpp"
#include "route/retry.hpp"

namespace sluice::relay {

/// How a stream ended.
struct PumpEnd {
  enum Kind : uint8_t {
    kComplete,       // the client has all of it, terminal event included
    kBeforeContent,  // failed while the client had nothing: may be tried elsewhere
    kRefused,        // the money was used up while the client had nothing: not to be tried again
    kAfterContent,   // failed with an error frame to the client
    kCancelled,      // see the scope's reason
    kPaused,         // the upstream waits to be asked to go on: resume(), give_up() or interrupt()
    kBroken,         // failed after content, and the client does not know it yet: see Resume
  };
  Kind kind = kComplete;
  route::Failure failure = route::Failure::kCut;  // for kBeforeContent
  Error error;                                    // for both failures
  bool out_of_time = false;                       // all that the answer may take was used up
};

/// Makes what was relayed durable, before the client is told that the answer has ended.
class Settler {
 public:
  virtual ~Settler() = default;
  /// Once a request; later calls return at once. kLedgerUnavailable.
  virtual net::Task<Status> settle(Outcome outcome) = 0;
};

/// What the pump works on; all of it outlives the pump.
struct PumpContext {
  net::HttpCall& call;
  net::UpstreamConnection* upstream;   // null between a pause and resume()
  dialect::InferenceRequest& request;  // its body is given back with the first content
  RemoteContent& remote;               // likewise
  const config::Timeouts& timeouts;
  TimePoint sent_at;               // when the request had gone to the upstream
  TimePoint total_until;           // the attempt's last moment
  net::HeaderList& headers;        // of the response; sent with the first content, then cleared
  const Translation* translation;  // null where client and upstream speak one dialect
  workers::Slot* slot;             // null where the upstream is no worker
  route::Visit visit;              // at a provider
  const Continuation& continuation;
  Resume* resume;  // null where a stream that breaks off is not gone on with
  std::string_view request_id;
  Charge& charge;
  KeepAlive& keep_alive;
  Settler& settler;
  observe::LiveEntry& live;
  observe::LoopMetrics& metrics;
  observe::RequestSeries& series;
};

/// Content is relayed in the same wake-up in which it arrives. What comes before the first
/// content (a role, a ping, an empty block) is held, so that a silent upstream can still be
/// replaced. Malformed events are dropped and counted. Text is paid from the lease before it goes
/// out, and the settlement is durable before the terminal event does.
class Pump {
 public:
  explicit Pump(const PumpContext& context);

  net::Task<PumpEnd> run();

  // After kPaused.
  /// What the answer says so far, as Continuation::next() takes it.
  std::string_view turn() { return converter_->turn(); }
  /// The upstream has been asked again; to be run once more.
  void resume(net::UpstreamConnection& upstream, TimePoint sent_at);
  /// It is not asked again: the answer ends as one that was cut off by its length.
  net::Task<PumpEnd> give_up() { return complete(); }
  /// It could not be asked again.
  net::Task<PumpEnd> interrupt();

  // As the inspector's.
  const dialect::Usage& usage() const {
    return converter_ ? converter_->usage() : inspector_->usage();
  }
  dialect::FinishReason finish_reason() const {
    return converter_ ? converter_->finish_reason() : inspector_->finish_reason();
  }
  const dialect::UpstreamFailure& failure() const {
    return converter_ ? converter_->failure() : inspector_->failure();
  }
  /// When the first content had come, and when it had been handed to the client's socket.
  std::optional<TimePoint> first_arrival() const { return first_arrival_; }
  std::optional<TimePoint> first_content() const { return first_content_; }

 private:
  void set_deadline();
  /// False: the stream is over for good (terminal event, error event, broken coding).
  bool take(std::string_view bytes);
  bool take_event(const http::SseEvent& event);
  bool convert_event(const http::SseEvent& event);
  /// Makes the verdict one on what the client gets of an event that it may have had before. False:
  /// it differs.
  bool join(dialect::EventVerdict& verdict);
  void note_content(size_t bytes, bool has_text);
  bool decode(std::string_view bytes);
  bool terminated() const {
    return (converter_ ? converter_->terminated() : inspector_->terminated()) && !diverged();
  }
  bool diverged() const { return resumed_ && context_.resume->diverged(); }
  bool paused();
  PumpEnd at_pause();
  void begin();
  /// Pushes what was gathered. False: drain() must be awaited (no coroutine where none waits).
  bool push(bool last);
  /// Settles, and then sends what is held: the terminal event of a whole answer.
  net::Task<PumpEnd> complete();
  Outcome outcome_of(const PumpEnd& end) const;
  /// False when the client is gone, or does not read.
  net::Task<bool> drain();
  net::Task<PumpEnd> at_end();
  net::Task<PumpEnd> at_converted_end();
  net::Task<PumpEnd> at_upstream_error();
  net::Task<PumpEnd> at_exhausted();
  bool may_go_on(const PumpEnd& end) const;
  PumpEnd break_off(PumpEnd end);
  net::Task<PumpEnd> at_timeout();
  net::Task<PumpEnd> at_cancel();
  net::Task<PumpEnd> fail_with(route::Failure failure, ErrorCode code, std::string message);
  net::Task<void> await_upstream_end();

  PumpContext context_;
  http::SseReader reader_;
  // One of both: of a stream that passes as it is, and of one that does not.
  std::unique_ptr<dialect::StreamInspector> inspector_;
  std::unique_ptr<dialect::chat::StreamConverter> converter_;
  std::optional<http::Inflater> inflater_;
  std::string decoded_;  // of a compressed stream
  std::string held_;     // preamble; at the end, what waits for the settlement
  std::optional<TimePoint> first_arrival_;
  std::optional<TimePoint> first_content_;
  TimePoint last_content_;
  TimePoint last_arrival_;
  bool any_byte_ = false;  // of the body
  bool begun_ = false;
  bool finished_ = false;  // every finish reason has come
  bool head_released_ = false;
  bool upstream_error_ = false;
  bool exhausted_ = false;  // the lease is used up
  bool requested_ = false;  // cancelled by an operator
  bool resumed_ = false;    // goes on for a stream that has broken off
  bool flowing_ = false;    // says what the client has already
};

}  // namespace sluice::relay
