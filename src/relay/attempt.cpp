#include "relay/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/content_coding.hpp"
#include "relay/headers.hpp"

namespace sluice::relay {

namespace {

using net::BodyPiece;

constexpr size_t kMaxErrorBody = 256 * 1024;

/// Retry-After in seconds; the date form is not used by any provider and is ignored.
std::optional<Duration> parse_retry_after(const http::Fields& fields) {
  if (const auto millis = parse_u64(fields.get("retry-after-ms")); millis && *millis < 86'400'000) {
    return std::chrono::milliseconds(*millis);
  }
  const auto value = parse_u64(fields.get("retry-after"));
  if (!value || *value > 86'400) return std::nullopt;
  return std::chrono::seconds(*value);
}

}  // namespace

void note_failure(Attempted& done) {
  const dialect::UpstreamFailure& failure = *done.upstream;
  done.error = failure.error;
  done.failure = route::Failure::kStatus;
  if (!done.retry_after) done.retry_after = failure.retry_after;
  int usual = 500;
  switch (failure.kind) {
    case dialect::FailureKind::kRateLimited:
    case dialect::FailureKind::kQuotaExhausted:
      usual = 429;
      break;
    case dialect::FailureKind::kAuth:
      usual = 401;
      break;
    case dialect::FailureKind::kOverloaded:
      usual = 503;
      break;
    case dialect::FailureKind::kServerError:
      usual = 500;
      break;
    case dialect::FailureKind::kModelNotFound:
      usual = 404;
      break;
    case dialect::FailureKind::kRequest:
      usual = 400;
      break;
    case dialect::FailureKind::kContextLength:
      usual = 400;
      done.failure = route::Failure::kContextLength;
      break;
    case dialect::FailureKind::kContentPolicy:
      usual = 400;
      done.failure = route::Failure::kContentPolicy;
      break;
  }
  // What the gateway's own account is refused for, whatever number an upstream gives it.
  const bool account = usual == 429 || usual == 401;
  if (done.status == 0 || account) done.status = usual;
}

net::Task<AttemptedPtr> Attempt::run() {
  in_.live.state(observe::LiveState::kConnecting);
  if (const Status prepared = co_await prepare(); !prepared) {
    auto done = std::make_unique<Attempted>();
    done->kind = in_.call.scope().cancelled() ? Attempted::kCancelled : Attempted::kRefused;
    done->error = prepared.error();
    co_return done;
  }
  total_until_ = in_.call.loop().now() + in_.upstream.provider->timeouts.total;
  if (translation_ && translation_->empty_answer) co_return co_await empty_answer();
  const Status status = co_await send_request();
  if (!status) co_return failed(status.error());
  const http::ResponseHead& head = connection_->head();
  if (head.status >= 300) co_return co_await refused();
  if (in_.request.stream && is_event_stream(head.fields)) co_return co_await stream();
  co_return co_await whole();
}

net::Task<Status> Attempt::prepare() {
  in_.keep_alive.note_unchanged();
  TranslationTerms terms{.upstream = in_.upstream,
                         .model = in_.upstream_model,
                         .output_limit = in_.charge.output_limit(),
                         .config = in_.config,
                         .strict = in_.strict,
                         .moved = in_.moved,
                         .fields = in_.call.head().fields,
                         .remote = in_.remote,
                         .blocking = in_.context.blocking,
                         .learned = in_.context.learned};
  if (resumes() && in_.resume->joins()) {
    auto rest = in_.resume->ask_on(in_.request, continues_messages(in_.request, terms));
    if (!rest) co_return std::unexpected(std::move(rest.error()));
    rest_ = std::make_unique<dialect::InferenceRequest>(std::move(*rest));
    terms.output_limit = output_limit();
  }
  if (passes_unchanged(asked(), terms)) {
    if (resumes()) {
      translation_ = translate_rest(asked(), terms);
    } else {
      translation_ = translate_answer(asked(), terms);
    }
    co_return Status{};
  }
  auto translated = co_await translate(asked(), terms, in_.call.scope());
  if (!translated) co_return std::unexpected(std::move(translated.error()));
  translation_ = std::move(*translated);
  std::string dropped = dropped_header(translation_->dropped);
  in_.charge.note_dropped(dropped);
  in_.keep_alive.note_converted(std::move(dropped));
  if (translation_->empty_answer && in_.request.stream) {
    co_return fail(ErrorCode::kInvalidRequest, "An answer of no tokens cannot be streamed.",
                   "max_tokens");
  }
  co_return Status{};
}

std::optional<int64_t> Attempt::output_limit() const {
  std::optional<int64_t> limit = in_.charge.output_limit();
  if (!rest_) return limit;
  // The rest may be as long as the whole answer might have been, less what there is of it.
  if (rest_->max_tokens) limit = std::min(limit.value_or(INT64_MAX), *rest_->max_tokens);
  if (!limit) return limit;
  return std::max(rest_->least_output_limit(), *limit - in_.charge.output_tokens());
}

net::Task<Status> Attempt::send_request() {
  net::Scope& scope = in_.call.scope();
  std::string storage;
  const dialect::UpstreamTerms terms{.model = in_.upstream_model,
                                     .output_limit = output_limit(),
                                     .provider = in_.upstream.provider->type};
  const bool translated = translation_ && !translation_->answer_only;
  const std::string_view body = translated ? std::string_view(translation_->body)
                                           : dialect::upstream_body(asked(), terms, storage);
  const std::string traceparent = in_.trace.header();
  const UpstreamRequest request{
      .client = in_.call.head(),
      .upstream = in_.upstream,
      .endpoint = translation_ ? translation_->upstream : in_.request.endpoint,
      .model = in_.upstream_model,
      .translated = translated,
      .stream = in_.request.stream,
      .body_size = body.size(),
      .credential = in_.credential,
      .request_id = in_.request_id,
      .traceparent = traceparent,
      .trace_continued = in_.trace.continued,
  };
  const std::string head = upstream_head(request);
  const config::Timeouts& timeouts = in_.upstream.provider->timeouts;
  for (bool fresh = false;; fresh = true) {
    in_.charge.note_asked(false);
    scope.set_deadline(total_until_);
    auto connection = co_await in_.context.client.acquire(in_.upstream.origin, fresh, scope);
    if (!connection) co_return std::unexpected(std::move(connection.error()));
    connection_ = std::move(*connection);
    in_.live.state(observe::LiveState::kWaiting);
    const Duration patience = timeouts.first_answer(in_.request.stream);
    scope.set_deadline(std::min(total_until_, sluice::now() + patience));
    auto status = co_await connection_->send(head, body, scope);
    // The clock itself: the loop's is from before the request was even read.
    sent_at_ = sluice::now();
    if (status) {
      in_.charge.note_asked(true);
      scope.set_deadline(std::min(total_until_, sent_at_ + patience));
      status = co_await connection_->read_head("POST", scope);
    }
    if (status) {
      if (translation_) {
        const std::string sent = std::exchange(translation_->body, {});
        if (translation_->may_pause) continuation_.keep(sent);
      }
      co_return Status{};
    }
    // An idle connection may have been closed just as it was taken. It never saw the request
    // through, so this was no attempt.
    const bool stale =
        connection_->reused() && !fresh && status.error().code == ErrorCode::kConnectionClosed;
    if (!stale) {
      if (status.error().code == ErrorCode::kTimeout) {
        status.error().code = ErrorCode::kUpstreamTimeout;
      }
      co_return status;
    }
  }
}

net::Task<AttemptedPtr> Attempt::stream() {
  net::HeaderList headers = std::move(in_.own_headers);
  pass_headers(headers);
  if (translation_) {
    add_dropped(headers);
    headers.emplace_back("content-type", "text/event-stream; charset=utf-8");
  }
  add_stream_headers(headers);
  const observe::GaugeHold active(in_.context.metrics.active_streams);
  Pump pump({.call = in_.call,
             .upstream = connection_.get(),
             .request = in_.request,
             .remote = in_.remote,
             .timeouts = in_.upstream.provider->timeouts,
             .sent_at = sent_at_,
             .total_until = total_until_,
             .headers = headers,
             .translation = translation_ ? &*translation_ : nullptr,
             .slot = in_.slot,
             .visit = in_.visit,
             .continuation = continuation_,
             .resume = in_.resume,
             .request_id = in_.request_id,
             .charge = in_.charge,
             .keep_alive = in_.keep_alive,
             .settler = in_.settler,
             .live = in_.live,
             .metrics = in_.context.metrics,
             .series = in_.series});
  PumpEnd end = co_await pump.run();
  while (end.kind == PumpEnd::kPaused) {
    give_back_connection();
    if (!in_.charge.go_on(in_.charge.output_tokens())) {
      end = co_await pump.give_up();
    } else if (co_await go_on(pump.turn()) && is_event_stream(connection_->head().fields)) {
      pump.resume(*connection_, sent_at_);
      end = co_await pump.run();
    } else {
      end = co_await pump.interrupt();
    }
  }
  if (end.kind != PumpEnd::kBeforeContent) in_.charge.report(pump.usage());
  auto done = std::make_unique<Attempted>();
  done->finish = pump.finish_reason();
  done->first_content = pump.first_content();
  // Of a turn that went on, the last request is not the one that was waited for.
  if (pump.first_arrival() && !continuation_.went_on()) {
    done->upstream_wait = *pump.first_arrival() - sent_at_;
  }
  done->error = std::move(end.error);
  done->out_of_time = end.out_of_time;
  done->failure = end.failure;
  switch (end.kind) {
    case PumpEnd::kComplete:
      give_back_connection();
      done->kind = Attempted::kAnswered;
      break;
    case PumpEnd::kBeforeContent:
      done->kind = Attempted::kFailed;
      if (end.failure == route::Failure::kStatus) {
        // An error event instead of content is what an error answer would have been.
        done->upstream = pump.failure();
        note_failure(*done);
      }
      break;
    case PumpEnd::kRefused:
      done->kind = Attempted::kRefused;
      break;
    case PumpEnd::kAfterContent:
      done->kind = Attempted::kCutShort;
      break;
    case PumpEnd::kBroken:
      done->kind = Attempted::kBroken;
      done->differs = in_.resume->diverged();
      break;
    case PumpEnd::kPaused:
    case PumpEnd::kCancelled:
      done->kind = Attempted::kCancelled;
      break;
  }
  co_return done;
}

net::Task<bool> Attempt::go_on(std::string_view blocks) {
  translation_->body = continuation_.next(blocks);
  const Status sent = co_await send_request();
  if (sent && connection_->head().status == 200) co_return true;
  connection_.reset();
  co_return false;
}

net::Task<AttemptedPtr> Attempt::refused() {
  in_.charge.note_asked(false);
  const http::ResponseHead& head = connection_->head();
  auto done = std::make_unique<Attempted>();
  done->kind = Attempted::kFailed;
  done->failure = route::Failure::kStatus;
  done->status = head.status;
  done->retry_after = parse_retry_after(head.fields);
  pass_headers(done->passed_headers);
  const http::Coding coding = http::parse_coding(head.fields.get("content-encoding"));
  auto body = co_await read_body(kMaxErrorBody, sent_at_);
  if (in_.call.scope().cancelled()) {
    done->kind = Attempted::kCancelled;
    co_return done;
  }
  // The status alone says enough when the body breaks off.
  if (body) {
    give_back_connection();
    if (coding == http::Coding::kGzip || coding == http::Coding::kDeflate) {
      std::string plain;
      http::Inflater inflater(coding, kMaxErrorBody);
      if (!inflater.feed(*body, plain)) plain.clear();
      body = std::move(plain);
    }
    done->body = std::move(*body);
  }
  if (done->status < 400) {
    done->error = {.code = ErrorCode::kUpstreamError,
                   .message = fmt::format("the upstream answered with status {}", done->status),
                   .param = {}};
    co_return done;
  }
  done->upstream = dialect::classify_upstream_error(in_.upstream.dialect, done->status, done->body);
  note_failure(*done);
  co_return done;
}

net::Task<Result<std::string>> Attempt::read_body(size_t limit, TimePoint first_until) {
  net::Scope& scope = in_.call.scope();
  const Duration pause = in_.upstream.provider->timeouts.between_tokens;
  std::string body;
  for (;;) {
    const TimePoint until = in_.call.loop().now() + pause;
    scope.set_deadline(std::min(total_until_, body.empty() ? std::max(first_until, until) : until));
    BodyPiece piece = co_await connection_->next(scope);
    for (; piece.kind == BodyPiece::kData; piece = connection_->ready()) {
      if (body.size() + piece.data.size() > limit) {
        co_return fail(ErrorCode::kUpstreamError, "the upstream's answer is too large");
      }
      body.append(piece.data);
    }
    switch (piece.kind) {
      case BodyPiece::kEnd:
        co_return body;
      case BodyPiece::kBroken:
        co_return fail(ErrorCode::kUpstreamError, "the upstream's answer broke off");
      case BodyPiece::kTimeout:
        co_return fail(ErrorCode::kUpstreamStalled, "the upstream stopped sending");
      case BodyPiece::kCancelled:
        co_return fail(ErrorCode::kClientGone, "cancelled");
      case BodyPiece::kData:
      case BodyPiece::kNone:
        break;
    }
  }
}

void Attempt::pass_headers(net::HeaderList& headers) const {
  const http::Fields& fields = connection_->head().fields;
  if (!translation_ || translation_->answer_only) {
    pass_response_headers(fields, in_.charge.limited(), headers);
    // What is written anew says itself what it is.
    if (translation_) {
      std::erase_if(headers, [](const auto& each) { return each.first == "content-type"; });
    }
    return;
  }
  // What else it says is for clients of its own dialect.
  if (fields.has("retry-after")) headers.emplace_back("retry-after", fields.get("retry-after"));
}

void Attempt::add_dropped(net::HeaderList& headers) const {
  if (translation_->dropped.empty()) return;
  std::string names = dropped_header(translation_->dropped);
  in_.charge.note_dropped(names);
  headers.emplace_back("x-sluice-dropped", std::move(names));
}

void Attempt::give_back_connection() {
  if (!connection_) return;
  in_.context.client.release(in_.upstream.origin, std::move(connection_));
}

AttemptedPtr Attempt::failed(route::Failure failure, ErrorCode code, std::string message) const {
  auto done = std::make_unique<Attempted>();
  done->kind = in_.call.scope().cancelled() ? Attempted::kCancelled : Attempted::kFailed;
  done->failure = failure;
  done->error = {.code = code, .message = std::move(message), .param = {}};
  done->out_of_time = in_.call.loop().now() >= total_until_;
  return done;
}

// What went wrong below HTTP, in the words of the retry table.
AttemptedPtr Attempt::failed(const Error& error) const {
  switch (error.code) {
    case ErrorCode::kUpstreamTimeout:
      return failed(route::Failure::kSilent, ErrorCode::kUpstreamTimeout,
                    "the upstream did not answer in time");
    case ErrorCode::kUpstreamStalled:
      return failed(route::Failure::kStalled, ErrorCode::kUpstreamTimeout, error.message);
    case ErrorCode::kUpstreamError:
      return failed(route::Failure::kCut, ErrorCode::kUpstreamError, error.message);
    case ErrorCode::kConnectionClosed:
      return failed(route::Failure::kReset, ErrorCode::kUpstreamError,
                    "the upstream closed the connection without an answer");
    case ErrorCode::kProtocol:
      return failed(route::Failure::kReset, ErrorCode::kUpstreamError,
                    "the upstream's answer is not valid HTTP");
    default:
      return failed(route::Failure::kUnreachable, ErrorCode::kUpstreamUnreachable,
                    "the upstream cannot be reached");
  }
}

}  // namespace sluice::relay
