#include "load/worker.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "http/sse.hpp"
#include "load/answer.hpp"
#include "load/arrivals.hpp"

namespace sluice::load {

using net::BodyPiece;
using net::Outcome;
using net::Scope;
using net::Sleep;
using net::Task;

/// Wakes at the arrivals' own times. The loop's timers round to a millisecond, which would be
/// measured as the target's.
class Worker::Pacer final : private net::DescriptorWatch {
 public:
  Pacer(Worker& worker, Arrivals arrivals)
      : worker_(worker), timer_(worker.loop_, make_timer()), arrivals_(std::move(arrivals)) {
    timer_.watch(this);
    arm();
  }

  Arrivals& arrivals() { return arrivals_; }

  void arm() {
    const auto at = arrivals_.next().time_since_epoch();
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(at);
    itimerspec when{};
    when.it_value = {.tv_sec = whole.count(), .tv_nsec = (at - whole).count()};
    timerfd_settime(timer_.fd(), TFD_TIMER_ABSTIME, &when, nullptr);
  }

 private:
  static int make_timer() {
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "timer");
    return fd;
  }
  void on_hangup() override {}
  void on_readable() override {
    uint64_t expirations = 0;
    [[maybe_unused]] const ssize_t got = read(timer_.fd(), &expirations, sizeof expirations);
    worker_.start_due();
  }

  Worker& worker_;
  net::Descriptor timer_;
  Arrivals arrivals_;
};

/// One answer while it arrives.
struct Worker::Answer {
  TimePoint due;
  http::SseReader events;
  TimePoint last_content{};
  uint32_t contents = 0;
  Abort abort;
  bool terminal = false;
  bool error = false;
  bool abort_now = false;
};

Worker::Worker(const Options& options, const Request& request, net::BlockingPool& pool, Share share,
               Window window)
    : options_(options),
      request_(request),
      share_(share),
      window_(window),
      loop_(share.index),
      client_(loop_, pool),
      random_(options.seed + static_cast<uint64_t>(share.index)) {}

Worker::~Worker() = default;

void Worker::run(const std::function<void(bool at_begin)>& at_edge) {
  net::TaskGroup root;
  root.spawn(main(at_edge));
  loop_.run();
}

void Worker::interrupt() {
  loop_.post([this] {
    interrupted_ = true;
    pacer_.reset();
    backlog_.clear();
    for (Scope* scope : running_) scope->cancel(net::CancelReason::kRequested);
    all_started_.set();
  });
}

Task<void> Worker::main(const std::function<void(bool)>& at_edge) {
  Scope scope(loop_);
  Scope edge_scope(loop_);
  net::TaskGroup edge_group;
  if (share_.index == 0) edge_group.spawn(edges(at_edge, edge_scope));
  if (share_.rate > 0) {
    const auto seed = random_();
    pacer_ = std::make_unique<Pacer>(*this,
                                     Arrivals(options_.spacing, share_.rate, window_.start, seed));
    co_await all_started_.wait(scope);
  } else {
    for (uint32_t place = 0; place < share_.concurrency; ++place) group_.spawn(closed_loop(place));
  }
  co_await group_.empty(scope);
  pacer_.reset();
  edge_scope.cancel(net::CancelReason::kRequested);
  co_await edge_group.empty(scope);
  loop_.stop();
}

Task<void> Worker::edges(const std::function<void(bool)>& at_edge, Scope& scope) {
  if (co_await Sleep(scope, window_.begin) != Outcome::kTimeout) co_return;
  at_edge(true);
  co_await Sleep(scope, window_.end);
  at_edge(false);
}

bool Worker::may_start(TimePoint due) const {
  return !interrupted_ && (share_.requests == 0 || planned_ < share_.requests) && due < window_.end;
}

Task<void> Worker::closed_loop(uint32_t place) {
  Scope scope(loop_);
  running_.insert(&scope);
  co_await Sleep(scope, window_.start + options_.ramp * place / share_.concurrency);
  while (may_start(sluice::now())) {
    ++planned_;
    if (co_await exchange(sluice::now())) continue;
    // What refuses connections does so at once: without a pause this would be a busy loop.
    co_await Sleep(scope, loop_.now() + std::chrono::milliseconds(10));
  }
  running_.erase(&scope);
}

void Worker::start_due() {
  // A few at a time, so that answers are read in between where the load is more than we can make.
  constexpr int kMostAtOnce = 64;
  const TimePoint now = sluice::now();
  for (int i = 0; i < kMostAtOnce && !all_due_; ++i) {
    const TimePoint due = pacer_->arrivals().next();
    if (!may_start(due)) {
      all_due_ = true;
      break;
    }
    if (due > now) break;
    ++planned_;
    pacer_->arrivals().advance();
    if (in_flight_ < share_.concurrency) {
      group_.spawn(open_request(due));
    } else {
      backlog_.push_back(due);
    }
  }
  if (!all_due_) {
    pacer_->arm();
  } else if (backlog_.empty()) {
    all_started_.set();
  }
}

Task<void> Worker::open_request(TimePoint due) {
  for (;;) {
    co_await exchange(due);
    if (backlog_.empty()) break;
    due = backlog_.front();
    backlog_.pop_front();
  }
  if (all_due_) all_started_.set();
}

Task<bool> Worker::exchange(TimePoint due) {
  Scope scope(loop_);
  scope.set_deadline(sluice::now() + options_.timeout);
  running_.insert(&scope);
  ++tally_.started;
  ++in_flight_;
  tally_.peak_in_flight = std::max<uint64_t>(tally_.peak_in_flight, in_flight_);
  const Abort abort = choose_abort();
  Attempt attempted = co_await attempt(scope, due, false, abort);
  // A kept connection may be closed by the other side at any time: that is nobody's failure.
  if (attempted == Attempt::kStale) attempted = co_await attempt(scope, due, true, abort);
  --in_flight_;
  running_.erase(&scope);
  co_return attempted != Attempt::kNoConnection;
}

Task<Worker::Attempt> Worker::attempt(Scope& scope, TimePoint due, bool fresh, Abort abort) {
  auto acquired = co_await client_.acquire(request_.origin, fresh, scope);
  if (!acquired) {
    const ErrorCode code = acquired.error().code;
    if (code != ErrorCode::kClientGone) {
      failed(code == ErrorCode::kTimeout ? Failure::kTimeout : Failure::kConnect);
    }
    co_return Attempt::kNoConnection;
  }
  auto connection = std::move(*acquired);
  const bool reused = connection->reused();
  if (!reused) ++tally_.connections;

  auto status = co_await connection->send(request_.head, request_.body, scope);
  if (abort.at_time) scope.set_deadline(sluice::now() + options_.abort_at);
  if (status) status = co_await connection->read_head("POST", scope);
  if (!status) {
    switch (status.error().code) {
      case ErrorCode::kClientGone:
        break;
      case ErrorCode::kTimeout:
        if (abort.at_time) {
          reset(std::move(connection), due);
        } else {
          failed(Failure::kTimeout);
        }
        break;
      case ErrorCode::kConnectionClosed:
        if (reused && !fresh) co_return Attempt::kStale;
        failed(Failure::kLost);
        break;
      default:
        failed(Failure::kMalformed);
    }
    co_return Attempt::kDone;
  }
  const auto& head = connection->head();
  if (head.status / 100 != 2) {
    failed(Failure::kStatus);
    ++tally_.statuses[head.status];
    co_await drain(std::move(connection), scope);
    co_return Attempt::kDone;
  }
  if (options_.stream && !head.fields.get("content-type").starts_with("text/event-stream")) {
    failed(Failure::kMalformed);
    co_return Attempt::kDone;
  }
  connection->release_head();
  co_await read_answer(std::move(connection), scope, due, abort);
  co_return Attempt::kDone;
}

Task<void> Worker::drain(std::unique_ptr<net::UpstreamConnection> connection, Scope& scope) {
  BodyPiece piece;
  do {
    piece = co_await connection->next(scope);
  } while (piece.kind == BodyPiece::kData);
  if (piece.kind == BodyPiece::kEnd) client_.release(request_.origin, std::move(connection));
}

Task<void> Worker::read_answer(std::unique_ptr<net::UpstreamConnection> connection, Scope& scope,
                               TimePoint due, Abort abort) {
  Answer answer;
  answer.due = due;
  answer.abort = abort;
  for (;;) {
    BodyPiece piece = co_await connection->next(scope);
    const TimePoint now = sluice::now();
    while (piece.kind == BodyPiece::kData) {
      take(answer, piece.data, now);
      if (answer.abort_now) break;
      piece = connection->ready();
    }
    if (answer.abort_now || (abort.at_time && piece.kind == BodyPiece::kTimeout)) {
      reset(std::move(connection), due);
      co_return;
    }
    if (piece.kind == BodyPiece::kNone) continue;
    if (piece.kind == BodyPiece::kEnd) client_.release(request_.origin, std::move(connection));
    finish(answer, piece.kind);
    co_return;
  }
}

Worker::Abort Worker::choose_abort() {
  if (options_.abort <= 0 || !std::bernoulli_distribution(options_.abort)(random_)) return {};
  if (options_.abort_at > Duration::zero()) return {.at_time = true};
  return {.after_events =
              std::uniform_int_distribution<uint32_t>(1, options_.abort_within)(random_)};
}

void Worker::reset(std::unique_ptr<net::UpstreamConnection> connection, TimePoint due) {
  if (tally_.resets.size() < kMaxResets) {
    tally_.resets.push_back(sluice::now().time_since_epoch().count());
  }
  connection.reset();
  if (due >= window_.begin) {
    ++tally_.aborted;
  } else {
    ++tally_.warmed_up;
  }
}

void Worker::take(Answer& answer, std::string_view bytes, TimePoint now) {
  if (measured(now)) tally_.bytes += bytes.size();
  if (!options_.stream) return;
  answer.events.feed(bytes);
  while (const auto event = answer.events.next()) {
    if (!event->has_data) continue;
    if (measured(now)) ++tally_.events;
    switch (classify(options_.dialect, *event)) {
      case EventKind::kContent:
        take_content(answer, event->data, now);
        if (answer.abort_now) return;
        break;
      case EventKind::kTerminal:
        answer.terminal = true;
        break;
      case EventKind::kError:
        answer.error = true;
        break;
      case EventKind::kOther:
        break;
    }
  }
}

void Worker::take_content(Answer& answer, std::string_view data, TimePoint now) {
  const bool first = answer.contents++ == 0;
  if (first && answer.due >= window_.begin) tally_.first_token.record(now - answer.due);
  if (measured(now)) {
    ++tally_.content_events;
    if (!first) tally_.gap.record(now - answer.last_content);
    if (options_.stamps) {
      if (const auto stamp = stamp_of(data)) {
        tally_.relay.record(now.time_since_epoch() - Duration(*stamp));
      }
    }
  }
  answer.last_content = now;
  answer.abort_now = answer.contents == answer.abort.after_events;
}

void Worker::finish(const Answer& answer, BodyPiece::Kind how) {
  if (how == BodyPiece::kCancelled) return;
  if (answer.error) return failed(Failure::kErrorEvent);
  if (answer.events.overflowed()) return failed(Failure::kMalformed);
  if (how == BodyPiece::kTimeout) return failed(Failure::kTimeout);
  if (how != BodyPiece::kEnd) return failed(Failure::kLost);
  if (options_.stream && !answer.terminal) return failed(Failure::kTruncated);
  if (answer.due < window_.begin) {
    ++tally_.warmed_up;
    return;
  }
  ++tally_.ok;
  tally_.total.record(sluice::now() - answer.due);
}

}  // namespace sluice::load
