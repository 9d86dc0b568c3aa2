// One inference request from its first byte to its line in the log.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/errors.hpp"
#include "dialect/request.hpp"
#include "net/http_call.hpp"
#include "net/http_client.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "observe/trace_context.hpp"
#include "relay/attempt.hpp"
#include "relay/charge.hpp"
#include "relay/context.hpp"
#include "relay/keep_alive.hpp"
#include "relay/remote_content.hpp"
#include "relay/selection.hpp"

namespace sluice::relay {

/// Lives in the frame of the connection's coroutine and owns all that the request holds; letting
/// go of it returns everything.
class Exchange final : private Settler, private KeepAlive::Opener, private observe::LiveOwner {
 public:
  Exchange(LoopContext& context, net::HttpCall& call, dialect::Endpoint endpoint,
           std::string_view route);
  ~Exchange() override;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// The whole life: authenticate, understand, plan, admit, attempt and pump, settle.
  net::Task<void> run();

 private:
  Status authenticate();
  net::Task<Status> understand();
  Status plan();
  /// Phase one of the money: limits and lease. False: the client has been told why not.
  net::Task<bool> admit();
  net::Task<void> attempt_all();
  /// What to do after a failed attempt; false: nothing more, `failed` is the answer.
  net::Task<bool> may_try_again(const Attempted& failed);
  net::Task<void> answer_failure(const Attempted& failed);
  net::Task<void> answer_cancelled();
  net::Task<void> answer_unavailable(const Unavailable& nobody, const AttemptedPtr& failed);
  net::Task<void> answer_error(const Error& error, std::optional<Duration> retry_after = {});
  net::Task<void> respond(const dialect::ErrorAnswer& answer, net::HeaderList headers,
                          std::optional<Duration> retry_after);
  /// The end of a stream whose head has gone out before there was an answer.
  net::Task<void> end_opened(const Error& error);
  /// Before an attempt: what is kept for the case that its stream breaks off, or what the client
  /// has got of one that has.
  void prepare_resume();
  /// The client waits for the rest of its answer.
  bool gap() const { return resume_ && resume_->broken(); }
  /// Whether another attempt goes on for a stream that has broken off. False: it has been ended.
  net::Task<bool> go_on(const Attempted& broken);
  net::Task<void> end_broken(const Error& error);
  net::Task<void> end_broken(net::CancelReason reason);
  std::optional<net::HeaderList> early_head() override;
  void add_own_headers(net::HeaderList& headers) const;
  void add_request_headers(net::HeaderList& headers) const;
  observe::RequestSeries* series() const;
  void note_cancel(const Attempted& result);
  /// Phase two, before the client learns that its answer has ended.
  net::Task<Status> settle(Outcome outcome) override;
  /// What an end that did not settle itself was.
  Outcome outcome() const;
  net::Task<void> settle_rest();
  /// An operator does not want it any more.
  void end(Told told) override;
  store::Settlement usage_row(Outcome outcome) const;
  /// Of the provider that answered, where what it charges is known.
  std::optional<accounts::Price> upstream_price() const;
  std::string decision() const;
  void tell();

  LoopContext& context_;
  SnapshotPtr snapshot_;
  net::HttpCall& call_;
  dialect::Endpoint endpoint_;
  dialect::Dialect dialect_;
  std::string_view route_;  // static text
  std::string request_id_;
  observe::TraceContext trace_;
  observe::LiveEntry live_;
  observe::GaugeHold live_gauge_;
  const accounts::KeyRecord* key_ = nullptr;
  std::string client_address_;
  dialect::InferenceRequest request_;
  RemoteContent remote_;
  config::Class urgency_ = config::Class::kDefault;
  Selection selection_;
  int attempts_ = 0;
  Charge charge_;
  std::unique_ptr<Resume> resume_;  // where the present target's streams are gone on with
  KeepAlive keep_alive_;
  quota::LimitState limits_;  // as they stood at the admission
  struct Failure {
    std::string provider;
    std::string worker;
    std::string_view error;  // static text
    int status = 0;
    int64_t delivered = 0;  // output that the client has of it, in tokens
  };
  std::vector<Failure> failures_;  // attempts that were tried again
  struct Ending {
    TimePoint asked;
    Told told;
  };
  std::vector<Ending> endings_;  // by operators who wait to be told
  std::optional<TimePoint> closed_at_;
  Money held_;  // by the lease, before it was settled
  // What the log line and the metrics tell at the end.
  std::optional<ErrorCode> error_;
  std::optional<Duration> first_token_;
  std::optional<Duration> overhead_;
  bool cut_short_ = false;
  dialect::FinishReason finish_ = dialect::FinishReason::kNone;
};

}  // namespace sluice::relay
