#include "mock/player.hpp"

#include <chrono>
#include <utility>

namespace sluice::mock {

namespace {

using net::Outcome;
using net::Sleep;
using net::Task;
using std::chrono::milliseconds;

/// How long a client may leave a full socket unread.
constexpr auto kUnread = std::chrono::minutes(5);
/// Events without a pause after which the loop turns to others.
constexpr uint32_t kBurst = 64;

class Player {
 public:
  Player(net::HttpCall& call, const Reply& reply, Ticket& ticket)
      : call_(call),
        reply_(reply),
        script_(reply.script),
        ticket_(ticket),
        start_(call.loop().now()),
        pace_(ticket.pace()) {}

  Task<void> respond();
  Task<void> play_body();
  Task<void> play_stream();
  Task<void> reset_before_headers();

 private:
  /// When events of a step are due.
  TimePoint due(uint32_t step) const {
    if (step == 0) return start_;
    const auto events = milliseconds(uint64_t{script_.interval_ms} * (step - 1));
    return start_ + pace_ * (milliseconds(script_.first_ms) + events);
  }
  net::HeaderList headers(bool events) const {
    const int64_t retry_after =
        reply_.status >= 400 && script_.retry_after ? int64_t{*script_.retry_after} : -1;
    return answer_headers(reply_.dialect, reply_.status, events, ticket_.id(), retry_after);
  }

  /// False: the client is gone.
  Task<bool> wait_until(TimePoint at);
  Task<bool> flush();
  Task<bool> push_split(std::string bytes, bool last);
  Task<void> stay_silent();
  bool breaks_off() const {
    return script_.reset_after == ticket_.events_sent() ||
           script_.silent_after == ticket_.events_sent();
  }
  Task<void> break_off();
  void finish(const Frame& whole) {
    ticket_.sent(whole.tokens);
    ticket_.ended(Stats::Ending::kFinished);
  }

  net::HttpCall& call_;
  const Reply& reply_;
  const Script& script_;
  Ticket& ticket_;
  TimePoint start_;
  uint32_t pace_;
  uint64_t body_sent_ = 0;  // kept up only where the body is split
};

Task<bool> Player::wait_until(TimePoint at) {
  const Outcome outcome = co_await Sleep(call_.scope(), at);
  call_.scope().clear_deadline();
  co_return outcome != Outcome::kCancelled;
}

Task<bool> Player::flush() {
  call_.scope().set_deadline(call_.loop().now() + kUnread);
  const Status flushed = co_await call_.flush();
  call_.scope().clear_deadline();
  // A write may learn of a reset before the loop does: it is an abort like any other.
  if (!flushed && flushed.error().code == ErrorCode::kClientGone) {
    call_.scope().cancel(net::CancelReason::kClientGone);
  }
  co_return flushed.has_value();
}

// Cuts at every multiple of the script's size, counted from the start of the body. The loop turns
// once after each piece, so that pieces leave as segments of their own.
Task<bool> Player::push_split(std::string bytes, bool last) {
  std::string_view left = bytes;
  while (!left.empty()) {
    const auto size = std::min<uint64_t>(left.size(), script_.split - body_sent_ % script_.split);
    const std::string_view piece = left.substr(0, size);
    left.remove_prefix(size);
    body_sent_ += size;
    const bool ends = last && left.empty();
    if (!call_.push(piece, ends) && !co_await flush()) co_return false;
    // Whoever has all of it may leave at once.
    if (ends) break;
    if (!co_await wait_until(call_.loop().now() + std::chrono::nanoseconds(1))) co_return false;
  }
  co_return true;
}

Task<void> Player::stay_silent() { co_await Sleep(call_.scope(), TimePoint::max()); }

// Leaving a response unfinished resets its connection.
Task<void> Player::break_off() {
  if (script_.reset_after == ticket_.events_sent()) {
    ticket_.ended(Stats::Ending::kReset);
    co_return;
  }
  co_await stay_silent();
}

Task<void> Player::reset_before_headers() {
  if (!co_await wait_until(due(1))) co_return;
  call_.begin_stream(reply_.status, {});
  ticket_.ended(Stats::Ending::kReset);
}

Task<void> Player::respond() {
  if (!co_await wait_until(due(1))) co_return;
  const net::HeaderList fields = headers(false);
  const Status sent = co_await call_.respond(reply_.status, fields, reply_.body);
  if (sent) ticket_.ended(Stats::Ending::kFinished);
}

Task<void> Player::play_body() {
  const Frame& frame = reply_.answer->frames.front();
  if (!co_await wait_until(due(frame.step))) co_return;
  std::string scratch;
  std::string_view body = fill(*reply_.answer, frame, reply_.particulars, scratch);
  const net::HeaderList fields = headers(false);
  if (!script_.reset_after && !script_.silent_after && script_.split == 0) {
    const Status sent = co_await call_.respond(reply_.status, fields, body);
    if (sent) finish(frame);
    co_return;
  }
  call_.begin_stream(reply_.status, fields);
  const bool cut = script_.reset_after || script_.silent_after;
  if (script_.silent_after == 0) {
    body = {};
  } else if (cut) {
    body = body.substr(0, body.size() / 2);
  }
  if (script_.split > 0) {
    if (!co_await push_split(std::string(body), !cut)) co_return;
  } else if (!call_.push(body, false) && !co_await flush()) {
    co_return;
  }
  if (!cut) {
    finish(frame);
  } else if (script_.reset_after) {
    ticket_.ended(Stats::Ending::kReset);
  } else {
    co_await stay_silent();
  }
}

Task<void> Player::play_stream() {
  const Answer& answer = *reply_.answer;
  call_.begin_stream(reply_.status, headers(true));
  if (script_.silent_after == 0) {
    call_.push({});
    co_return co_await stay_silent();
  }
  uint32_t step = 0;
  uint32_t burst = 0;
  for (const Frame& frame : answer.frames) {
    TimePoint at = start_;
    if (frame.step != step) at = due(step = frame.step);
    if (at > call_.loop().now()) {
      burst = 0;
    } else if (++burst == kBurst) {
      burst = 0;
      at = call_.loop().now() + std::chrono::nanoseconds(1);
    }
    if (burst == 0) {
      // Awaited here and not in wait_until(): no coroutine is made for an event.
      const Outcome outcome = co_await Sleep(call_.scope(), at);
      if (outcome == Outcome::kCancelled) co_return;
      call_.scope().clear_deadline();
    }
    const bool last = &frame == &answer.frames.back();
    const std::string_view bytes = fill(answer, frame, reply_.particulars, call_.loop().output());
    if (script_.split > 0) {
      if (!co_await push_split(std::string(bytes), last)) co_return;
    } else if (!call_.push(bytes, last) && !co_await flush()) {
      co_return;
    }
    ticket_.sent(frame.tokens);
    if (!frame.content) continue;
    ticket_.event_sent();
    if (breaks_off()) co_return co_await break_off();
  }
  ticket_.ended(Stats::Ending::kFinished);
}

}  // namespace

Ticket::Ticket(Stats& stats, net::Scope& scope, std::string id)
    : stats_(stats), scope_(scope), generation_(stats.begin()) {
  told_.id = std::move(id);
}

Ticket::~Ticket() {
  if (ending_ != Stats::Ending::kDropped || scope_.reason() != net::CancelReason::kClientGone) {
    stats_.end(std::move(told_), ending_, generation_);
    return;
  }
  stats_.abort(std::move(told_), sluice::now(), wall_nanos(), generation_);
}

uint64_t Ticket::name(std::string model) {
  told_.model = std::move(model);
  return stats_.name(told_.model);
}

Task<void> play(net::HttpCall& call, const Reply& reply, Ticket& ticket) {
  Player player(call, reply, ticket);
  if (!reply.answer) {
    co_await player.respond();
  } else if (reply.script.reset_after == 0) {
    co_await player.reset_before_headers();
  } else if (reply.answer->streamed) {
    co_await player.play_stream();
  } else {
    co_await player.play_body();
  }
}

}  // namespace sluice::mock
