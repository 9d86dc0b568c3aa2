#include "relay/pump.hpp"

#include "dialect/chat/conversions.hpp"
#include "dialect/errors.hpp"

namespace sluice::relay {

namespace {

using dialect::chat::make_stream_writer;
using dialect::chat::StreamConverter;
using net::BodyPiece;

// More preamble than this is not waiting for content, it is a stream of something unknown.
constexpr size_t kMaxHeld = 64 * 1024;
// A client that takes nothing for so long does not read any more.
constexpr auto kClientStall = std::chrono::seconds(120);
// For the last chunk behind a terminal event, so that the connection can be used again.
constexpr auto kUpstreamTail = std::chrono::milliseconds(50);
// How long usage and the terminal event may take after the last finish reason: some servers keep
// the connection open and never send them.
constexpr auto kTerminalGrace = std::chrono::seconds(2);
constexpr uint64_t kMaxDecoded = uint64_t{1} << 30;
// A buffer that one huge event has blown up is given back.
constexpr size_t kKeptBuffer = 512 * 1024;

PumpEnd cancelled() { return {.kind = PumpEnd::kCancelled, .error = {}}; }

}  // namespace

Pump::Pump(const PumpContext& context) : context_(context), last_arrival_(context.sent_at) {
  const auto coding = http::parse_coding(context.upstream->head().fields.get("content-encoding"));
  if (coding != http::Coding::kIdentity) inflater_.emplace(coding, kMaxDecoded);
  Resume* const resume = context.resume;
  resumed_ = resume != nullptr && resume->broken();
  if (const Translation* translation = context.translation) {
    converter_ = std::make_unique<StreamConverter>(
        translation->upstream,
        resume != nullptr ? resume->writer(*translation)
                          : make_stream_writer(translation->client, translation->plan),
        translation->plan,
        dialect::chat::StreamOptions{.request_id = context.request_id,
                                     .input_estimate = context.charge.prompt_tokens(),
                                     .end_without_finish = translation->end_without_finish,
                                     .keep_turn = context.continuation.possible()});
  } else {
    inspector_ = std::make_unique<dialect::StreamInspector>(context.request);
    if (resume != nullptr) resume->watch();
  }
}

net::Task<PumpEnd> Pump::run() {
  net::Scope& scope = context_.call.scope();
  std::string& out = scope.loop().output();
  for (;;) {
    set_deadline();
    BodyPiece piece = co_await context_.upstream->next(scope, context_.charge.hot());
    out.clear();
    bool more = true;
    if (piece.kind == BodyPiece::kData) {
      last_arrival_ = scope.loop().now();
      any_byte_ = true;
      do {
        more = take(piece.data);
        piece = context_.upstream->ready();
      } while (more && piece.kind == BodyPiece::kData);
      if (begun_ && !head_released_) {
        // Not before: the first pieces may lie behind the head, in its memory.
        head_released_ = true;
        context_.upstream->release_head();
      }
    }
    if (terminated()) {
      if (!begun_) begin();
      const bool ended = piece.kind == BodyPiece::kEnd;
      if (!out.empty() && !push(false) && !co_await drain()) co_return co_await at_cancel();
      if (paused()) {
        if (!ended) co_await await_upstream_end();
        co_return at_pause();
      }
      const bool stopped = converter_ && converter_->stopped_early();
      if (stopped) context_.upstream->abort();
      PumpEnd end = co_await complete();
      if (end.kind == PumpEnd::kComplete && !ended && !stopped) co_await await_upstream_end();
      co_return end;
    }
    if (!out.empty() && !push(false) && !co_await drain()) co_return co_await at_cancel();
    if (exhausted_) co_return co_await at_exhausted();
    if (upstream_error_) co_return co_await at_upstream_error();
    if (!more || reader_.overflowed()) {
      co_return co_await fail_with(route::Failure::kCut, ErrorCode::kUpstreamStreamInterrupted,
                                   "the upstream's stream could not be read");
    }
    switch (piece.kind) {
      case BodyPiece::kData:
      case BodyPiece::kNone:
        break;
      case BodyPiece::kEnd:
      case BodyPiece::kBroken:
        co_return co_await at_end();
      case BodyPiece::kCancelled:
        co_return co_await at_cancel();
      case BodyPiece::kTimeout:
        co_return co_await at_timeout();
    }
  }
}

bool Pump::push(bool last) {
  std::string& out = context_.call.loop().output();
  // Nobody reads any more; the upstream is only listened to for what it reports.
  const bool all = context_.call.client_left() || context_.call.push(out, last);
  if (first_arrival_ && !first_content_) {
    first_content_ = sluice::now();
    context_.charge.note_first_content(*first_content_);
    if (!resumed_) context_.live.first_token(*first_content_ - context_.call.started());
  }
  if (out.capacity() > kKeptBuffer) std::string().swap(out);
  if (decoded_.capacity() > kKeptBuffer) std::string().swap(decoded_);
  return all;
}

void Pump::set_deadline() {
  TimePoint phase = context_.sent_at + context_.timeouts.first_token;
  if ((begun_ || flowing_) && any_byte_) {
    phase = last_arrival_ + context_.timeouts.between_tokens;
    if (finished_) phase = std::min(phase, last_arrival_ + kTerminalGrace);
  }
  context_.call.scope().set_deadline(std::min(phase, context_.total_until));
}

bool Pump::take(std::string_view bytes) {
  if (inflater_ && !decode(bytes)) return false;
  reader_.feed(inflater_ ? std::string_view(decoded_) : bytes);
  while (const auto event = reader_.next()) {
    if (!take_event(*event)) return false;
  }
  return true;
}

bool Pump::decode(std::string_view bytes) {
  decoded_.clear();
  if (!inflater_->feed(bytes, decoded_)) return false;
  decoded_.reserve(decoded_.size() + http::SseReader::kSlack);
  return true;
}

bool Pump::take_event(const http::SseEvent& event) {
  if (converter_) return convert_event(event);
  const dialect::EventVerdict verdict = context_.resume != nullptr
                                            ? context_.resume->inspect(*inspector_, event)
                                            : inspector_->inspect(event);
  if (verdict.malformed) {
    context_.metrics.malformed_events.add();
    return true;
  }
  if (verdict.added_usage) return true;
  if (!context_.charge.count(verdict.texts)) {
    exhausted_ = true;
    return false;
  }
  if (verdict.error) {
    upstream_error_ = true;
    if (begun_) held_.assign(event.raw);
    return false;
  }
  if (!begun_ && !verdict.has_content && !verdict.terminal) {
    held_.append(event.raw);
    if (held_.size() > kMaxHeld) begin();
    return true;
  }
  if (!begun_) begin();
  if (verdict.terminal) {
    // Not before the settlement is durable.
    held_.assign(event.raw);
    return false;
  }
  context_.call.loop().output().append(event.raw);
  if (verdict.finish) finished_ = inspector_->finished();
  if (verdict.has_content) note_content(event.raw.size(), !verdict.texts.empty());
  return true;
}

bool Pump::convert_event(const http::SseEvent& event) {
  std::string& out = begun_ ? context_.call.loop().output() : held_;
  const size_t before = out.size();
  dialect::EventVerdict verdict = converter_->convert(event, out);
  if (verdict.malformed) {
    context_.metrics.malformed_events.add();
    return true;
  }
  if (resumed_ && !join(verdict)) {
    out.resize(before);
    return false;
  }
  if (!context_.charge.count(verdict.texts)) {
    out.resize(before);
    exhausted_ = true;
    return false;
  }
  if (verdict.error) {
    upstream_error_ = true;
    if (begun_) {
      held_.assign(out, before);
      out.resize(before);
    }
    return false;
  }
  const size_t bytes = out.size() - before;
  if (!begun_ && (verdict.has_content || verdict.terminal || held_.size() > kMaxHeld)) begin();
  if (verdict.finish) finished_ = converter_->finished();
  if (verdict.has_content) note_content(bytes, !verdict.texts.empty());
  return !verdict.terminal;
}

void Pump::note_content(size_t bytes, bool has_text) {
  const TimePoint now = last_arrival_;
  if (!first_arrival_ && !resumed_) context_.visit.answering(now);
  if (context_.slot != nullptr) {
    if (!first_arrival_ && !resumed_) context_.slot->first_token(now);
    context_.slot->generated(context_.charge.output_tokens());
  }
  if (!first_arrival_) {
    first_arrival_ = now;
  } else if (has_text) {
    // A finish reason alone comes with the last token, not an interval after it.
    context_.series.between_tokens.record(now - last_content_);
  }
  last_content_ = now;
  context_.live.event(bytes);
  context_.charge.note_delivered();
  context_.charge.show(context_.live);
}

void Pump::begin() {
  begun_ = true;
  // The head may have gone out already, with signs of life.
  if (!context_.call.begun()) context_.call.begin_stream(200, context_.headers);
  context_.keep_alive.answer_begins();
  context_.call.loop().output().append(held_);
  net::HeaderList().swap(context_.headers);
  std::string().swap(held_);
  // What it tells of the prompt so far may save keeping it.
  context_.charge.report(usage());
  context_.charge.keep_prompt(context_.request, context_.resume != nullptr);
  if (context_.resume != nullptr) {
    context_.resume->note_begun();
  } else {
    // From here on nothing is tried again, so nothing is kept for it.
    context_.remote.clear();
    context_.call.release_head();
  }
  context_.live.state(observe::LiveState::kStreaming);
}

net::Task<bool> Pump::drain() {
  // The client is slower than the upstream, which is not read meanwhile.
  net::HttpCall& call = context_.call;
  call.scope().set_deadline(std::min(call.loop().now() + kClientStall, context_.total_until));
  const auto sent = co_await call.flush();
  if (sent) co_return true;
  if (call.outlives_client()) {
    call.note_client_left();
    co_return true;
  }
  call.scope().cancel(net::CancelReason::kClientGone);
  co_return false;
}

net::Task<PumpEnd> Pump::complete() {
  net::HttpCall& call = context_.call;
  context_.charge.report(usage());
  const Status settled = co_await context_.settler.settle(call.client_left() ? Outcome::kClientGone
                                                                             : Outcome::kFinished);
  if (!settled) co_return co_await fail_with(route::Failure::kCut, settled.error().code, {});
  if (call.scope().cancelled() || call.client_left()) co_return cancelled();
  if (converter_) {
    held_.clear();
    const bool joined = resumed_ && context_.resume->joins();
    const bool told = usage().reported && !joined;
    converter_->finish(told ? usage() : context_.charge.told_usage(), held_);
  }
  call.loop().output().assign(held_);
  if (!push(true) && !co_await drain()) co_return cancelled();
  co_return PumpEnd{};
}

net::Task<PumpEnd> Pump::at_exhausted() {
  context_.metrics.budget_cutoffs.add();
  context_.metrics.cancelled(observe::CancelReason::kBudget);
  if (resumed_ && !begun_) begin();
  if (!begun_) {
    co_return PumpEnd{.kind = PumpEnd::kRefused,
                      .error = {.code = ErrorCode::kInsufficientQuota, .message = {}, .param = {}}};
  }
  co_return co_await fail_with(route::Failure::kCut, ErrorCode::kBudgetExhausted, {});
}

net::Task<PumpEnd> Pump::at_upstream_error() {
  if (!begun_) {
    co_return PumpEnd{.kind = PumpEnd::kBeforeContent,
                      .failure = route::Failure::kStatus,
                      .error = failure().error};
  }
  PumpEnd end{
      .kind = PumpEnd::kAfterContent, .failure = route::Failure::kStatus, .error = failure().error};
  using dialect::FailureKind;
  const FailureKind kind = failure().kind;
  const bool passing = kind == FailureKind::kOverloaded || kind == FailureKind::kServerError ||
                       kind == FailureKind::kRateLimited;
  if (passing && may_go_on(end)) co_return break_off(std::move(end));
  // The upstream's own frame goes out as it came, or converted; the stream ends with it.
  context_.call.forbid_reuse();
  context_.charge.report(usage());
  co_await context_.settler.settle(Outcome::kUpstreamFailed);
  context_.call.loop().output().assign(held_);
  if (!push(true)) co_await drain();
  co_return end;
}

net::Task<PumpEnd> Pump::at_timeout() {
  if (finished_) {
    context_.upstream->abort();
    co_return co_await at_end();
  }
  if (!begun_) {
    co_return co_await fail_with(any_byte_ ? route::Failure::kStalled : route::Failure::kSilent,
                                 ErrorCode::kUpstreamTimeout,
                                 "the upstream sent no content in time");
  }
  const bool total = context_.call.loop().now() >= context_.total_until;
  co_return co_await fail_with(
      route::Failure::kStalled, ErrorCode::kUpstreamStalled,
      total ? "the answer took longer than it may" : "the upstream stopped sending");
}

net::Task<PumpEnd> Pump::at_cancel() {
  net::Scope& scope = context_.call.scope();
  // Before content there is no stream to end: the answer will be an error like any other.
  if (scope.reason() == net::CancelReason::kClientGone || !begun_) co_return cancelled();
  const bool draining = scope.reason() == net::CancelReason::kDraining;
  requested_ = !draining;
  scope.forgive();
  co_return co_await fail_with(
      route::Failure::kCut,
      draining ? ErrorCode::kServerDraining : ErrorCode::kUpstreamStreamInterrupted,
      draining ? "the gateway is shutting down" : "the request was cancelled by an operator");
}

net::Task<PumpEnd> Pump::at_end() {
  std::string& out = context_.call.loop().output();
  out.clear();
  if (const auto event = reader_.finish()) {
    // The last event lacked its blank line. Relayed, it needs one.
    take_event(*event);
    if (converter_) {
      // Its frames are whole.
    } else if (inspector_->terminated() || upstream_error_) {
      held_.append("\n\n");
    } else if (!out.empty()) {
      out.append("\n\n");
    }
    if (upstream_error_) co_return co_await at_upstream_error();
    if (exhausted_) co_return co_await at_exhausted();
  }
  if (converter_) co_return co_await at_converted_end();
  if (!inspector_->finished() && !inspector_->terminated()) {
    co_return co_await fail_with(route::Failure::kCut, ErrorCode::kUpstreamStreamInterrupted,
                                 "the upstream's stream ended early");
  }
  if (!begun_) begin();
  if (!out.empty() && !push(false) && !co_await drain()) co_return co_await at_cancel();
  if (!inspector_->terminated()) held_.assign(inspector_->synthesize_terminal());
  co_return co_await complete();
}

net::Task<PumpEnd> Pump::at_converted_end() {
  std::string& out = context_.call.loop().output();
  if (!converter_->terminated()) {
    std::string& target = begun_ ? out : held_;
    const size_t before = target.size();
    dialect::EventVerdict verdict = converter_->end(target);
    if (verdict.error) {
      target.resize(before);
      const Error& error = converter_->failure().error;
      co_return co_await fail_with(route::Failure::kCut, error.code, error.message);
    }
    if (resumed_ && !join(verdict)) {
      target.resize(before);
      co_return co_await fail_with(route::Failure::kCut, ErrorCode::kUpstreamStreamInterrupted, {});
    }
    if (resumed_ && !context_.charge.count(verdict.texts)) {
      target.resize(before);
      co_return co_await at_exhausted();
    }
  }
  if (!begun_) begin();
  if (!out.empty() && !push(false) && !co_await drain()) co_return co_await at_cancel();
  if (paused()) co_return at_pause();
  co_return co_await complete();
}

bool Pump::paused() {
  return converter_ && converter_->finish_reason() == dialect::FinishReason::kPause &&
         !context_.call.client_left() && context_.continuation.possible() &&
         !converter_->turn().empty();
}

PumpEnd Pump::at_pause() {
  context_.upstream = nullptr;
  return {.kind = PumpEnd::kPaused, .error = {}};
}

void Pump::resume(net::UpstreamConnection& upstream, TimePoint sent_at) {
  context_.upstream = &upstream;
  context_.sent_at = last_arrival_ = sent_at;
  reader_ = http::SseReader();
  inflater_.reset();
  const auto coding = http::parse_coding(upstream.head().fields.get("content-encoding"));
  if (coding != http::Coding::kIdentity) inflater_.emplace(coding, kMaxDecoded);
  converter_->resume();
  finished_ = head_released_ = any_byte_ = false;
  context_.live.state(observe::LiveState::kStreaming);
}

net::Task<PumpEnd> Pump::interrupt() {
  if (context_.call.scope().cancelled()) co_return co_await at_cancel();
  co_return co_await fail_with(route::Failure::kCut, ErrorCode::kUpstreamStreamInterrupted,
                               "the upstream did not go on with its answer");
}

Outcome Pump::outcome_of(const PumpEnd& end) const {
  if (context_.call.client_left()) return Outcome::kClientGone;
  if (requested_) return Outcome::kCancelled;
  if (end.error.code == ErrorCode::kBudgetExhausted) return Outcome::kCut;
  if (end.error.code == ErrorCode::kServerDraining) return Outcome::kDrained;
  return end.out_of_time ? Outcome::kDeadline : Outcome::kUpstreamFailed;
}

net::Task<PumpEnd> Pump::fail_with(route::Failure failure, ErrorCode code, std::string message) {
  PumpEnd end{.kind = begun_ ? PumpEnd::kAfterContent : PumpEnd::kBeforeContent,
              .failure = failure,
              .error = {.code = code, .message = std::move(message), .param = {}},
              .out_of_time = context_.call.loop().now() >= context_.total_until};
  if (diverged()) {
    end.error.message = "the answer differs from what was sent of it";
    co_return break_off(std::move(end));
  }
  if (!begun_) co_return end;
  const bool broken =
      code == ErrorCode::kUpstreamStreamInterrupted || code == ErrorCode::kUpstreamStalled;
  if (broken && may_go_on(end)) co_return break_off(std::move(end));
  net::HttpCall& call = context_.call;
  context_.charge.report(usage());
  if (context_.upstream != nullptr) context_.upstream->abort();
  // What it says is recorded before it is said; the frame goes out either way.
  co_await context_.settler.settle(outcome_of(end));
  if (call.client_left()) co_return end;
  call.forbid_reuse();
  std::string& out = call.loop().output();
  if (converter_) {
    out.clear();
    converter_->fail(end.error, out);
  } else {
    out = dialect::render_stream_error(dialect::dialect_of(context_.request.endpoint), end.error,
                                       context_.request_id, inspector_->next_sequence());
  }
  if (!push(true)) co_await drain();
  co_return end;
}

net::Task<void> Pump::await_upstream_end() {
  net::Scope& scope = context_.call.scope();
  scope.set_deadline(scope.loop().now() + kUpstreamTail);
  for (;;) {
    const BodyPiece piece = co_await context_.upstream->next(scope);
    if (piece.kind != BodyPiece::kData) break;
  }
}

}  // namespace sluice::relay
