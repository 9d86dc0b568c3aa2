// One try at one target: a connection, the request, and the answer to the client if it is good.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "dialect/request.hpp"
#include "dialect/upstream_error.hpp"
#include "net/http_call.hpp"
#include "observe/live.hpp"
#include "observe/trace_context.hpp"
#include "relay/charge.hpp"
#include "relay/context.hpp"
#include "relay/continuation.hpp"
#include "relay/keep_alive.hpp"
#include "relay/pump.hpp"
#include "relay/remote_content.hpp"
#include "relay/resume.hpp"
#include "relay/snapshot.hpp"
#include "relay/translation.hpp"
#include "route/provider_state.hpp"
#include "route/retry.hpp"

namespace sluice::relay {

/// How an attempt ended.
struct Attempted {
  enum Kind : uint8_t {
    kAnswered,   // the client has its answer
    kFailed,     // nothing went to the client; the rest tells what happened
    kRefused,    // nothing went to the client, and nothing may be tried again: see `error`
    kCutShort,   // failed after content; the client was told in the stream
    kBroken,     // failed after content, and the client was not told: see Resume
    kCancelled,  // the client left, or the server ends
  };
  Kind kind = kAnswered;
  route::Failure failure = route::Failure::kReset;
  Error error;
  /// kBroken: the upstream has said something else than what the client has, which is no fault.
  bool differs = false;
  /// The provider's total time was up, and not only a phase's.
  bool out_of_time = false;
  /// Of an error answer, or what an error inside a success would have come with.
  int status = 0;
  std::string body;
  std::optional<dialect::UpstreamFailure> upstream;
  std::optional<Duration> retry_after;
  net::HeaderList passed_headers;

  dialect::FinishReason finish = dialect::FinishReason::kNone;
  std::optional<TimePoint> first_content;  // handed to the client's socket
  /// Time spent waiting for the upstream: until its first content, or all of a whole answer.
  std::optional<Duration> upstream_wait;
};

/// Made when the attempt has ended: a stream that lives has none in any of its frames.
using AttemptedPtr = std::unique_ptr<Attempted>;

/// What `done.upstream` means for the retry table. An error without a status of its own (an event
/// in a stream) gets the one it would have come with.
void note_failure(Attempted& done);

/// What an attempt works with; all of it outlives the attempt.
struct AttemptInput {
  LoopContext& context;
  net::HttpCall& call;
  dialect::InferenceRequest& request;  // its body is given back once nothing is tried again
  RemoteContent& remote;               // likewise
  const Upstream& upstream;
  std::string_view upstream_model;
  const Secret* credential;
  workers::Slot* slot;         // at a worker; null: it is none
  route::Visit visit;          // at a provider
  bool moved;                  // the conversation was elsewhere before
  std::optional<bool> strict;  // what the client's key says of conversion
  std::string_view request_id;
  const observe::TraceContext& trace;
  net::HeaderList own_headers;  // the gateway's part of the response head
  const config::Config& config;
  Charge& charge;
  KeepAlive& keep_alive;
  Settler& settler;
  observe::LiveEntry& live;
  observe::RequestSeries& series;
  Resume* resume = nullptr;  // null: a stream that breaks off is not gone on with
};

class Attempt {
 public:
  explicit Attempt(AttemptInput input)
      : in_(std::move(input)), continuation_(in_.context.kept_turns) {}
  net::Task<AttemptedPtr> run();

 private:
  /// Where client and upstream speak different dialects; an error is the answer to the client.
  net::Task<Status> prepare();
  /// It goes on for a stream that has broken off.
  bool resumes() const { return in_.resume != nullptr && in_.resume->broken(); }
  /// What is asked: the client's request, or one to go on with what it has got.
  const dialect::InferenceRequest& asked() const { return rest_ ? *rest_ : in_.request; }
  std::optional<int64_t> output_limit() const;
  net::Task<Status> send_request();
  net::Task<AttemptedPtr> stream();
  net::Task<AttemptedPtr> whole();
  /// Asks an upstream that has paused its turn to go on after `blocks`. False: it does not, and
  /// there is no connection.
  net::Task<bool> go_on(std::string_view blocks);
  struct Turn {
    std::string body;
    dialect::chat::Answer answer;
  };
  /// Lets an upstream that was not asked to stream finish a turn that it has paused. `body` is what
  /// it has answered; what is added to `answer` is a view of `turns`.
  net::Task<void> finish_turn(dialect::chat::Answer& answer, std::string_view body,
                              std::list<Turn>& turns);
  /// The embeddings in the encoding that the client wants; empty where they are.
  net::Task<std::string> embeddings_as_asked(std::string_view answer);
  /// Counts an event stream that came whole, in answer to who had not asked for one.
  dialect::Usage count_events(dialect::Endpoint endpoint, std::string_view text);
  /// The body's text without its coding; kUpstreamError where it is broken.
  static Result<std::string> decoded(std::string body, http::Coding coding);
  /// Settles a whole answer, durable before the client has the last byte, and sends it.
  net::Task<AttemptedPtr> deliver(AttemptedPtr done, int status, const net::HeaderList& headers,
                                  std::string_view body);
  /// An answer that no upstream was needed for.
  net::Task<AttemptedPtr> empty_answer();
  /// What a client gets of the upstream's head.
  void pass_headers(net::HeaderList& headers) const;
  /// Of a translated request.
  void add_dropped(net::HeaderList& headers) const;
  net::Task<AttemptedPtr> refused();
  /// Reads the rest of the body, at most `limit` bytes of it. `first_until` is how long its first
  /// byte may take.
  net::Task<Result<std::string>> read_body(size_t limit, TimePoint first_until);
  void give_back_connection();
  AttemptedPtr failed(route::Failure failure, ErrorCode code, std::string message) const;
  AttemptedPtr failed(const Error& error) const;

  AttemptInput in_;
  std::unique_ptr<dialect::InferenceRequest> rest_;  // where it is another one than the client's
  std::optional<Translation> translation_;
  Continuation continuation_;
  std::unique_ptr<net::UpstreamConnection> connection_;
  TimePoint sent_at_{};
  TimePoint total_until_{};
};

}  // namespace sluice::relay
