#include "relay/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "dialect/response.hpp"
#include "dialect/stream.hpp"
#include "http/content_coding.hpp"
#include "http/sse.hpp"
#include "relay/headers.hpp"

namespace sluice::relay {

namespace {

using net::BodyPiece;

constexpr size_t kMaxErrorBody = 256 * 1024;
constexpr size_t kMaxWholeBody = 64 * 1024 * 1024;
// A whole answer up to here is counted even though its upstream reports its usage.
constexpr size_t kMaxCounted = 256 * 1024;
// At least so long may a client take to read a whole answer.
constexpr auto kSendTime = std::chrono::seconds(120);

/// Retry-After in seconds; the date form is not used by any provider and is ignored.
std::optional<Duration> parse_retry_after(const http::Fields& fields) {
  if (const auto millis = parse_u64(fields.get("retry-after-ms")); millis && *millis < 86'400'000) {
    return std::chrono::milliseconds(*millis);
  }
  const auto value = parse_u64(fields.get("retry-after"));
  if (!value || *value > 86'400) return std::nullopt;
  return std::chrono::seconds(*value);
}

bool is_event_stream(const http::Fields& fields) {
  return istarts_with(fields.get("content-type"), "text/event-stream");
}

/// What an upstream's own error means for the retry table. An error without a status of its own
/// (an event in a stream) gets the one it would have come with.
void note_failure(Attempted& done) {
  const dialect::UpstreamFailure& failure = *done.upstream;
  done.error = failure.error;
  done.failure = route::Failure::kStatus;
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

}  // namespace

net::Task<Attempted> Attempt::run() {
  in_.live.state(observe::LiveState::kConnecting);
  if (const Status prepared = prepare(); !prepared) {
    Attempted done;
    done.kind = Attempted::kRefused;
    done.error = prepared.error();
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

Status Attempt::prepare() {
  if (upstream_endpoint(in_.request.endpoint, in_.upstream) == in_.request.endpoint) return {};
  auto translated = translate(in_.request, {.upstream = in_.upstream,
                                            .model = in_.upstream_model,
                                            .output_limit = in_.charge.output_limit(),
                                            .config = in_.config,
                                            .fields = in_.call.head().fields});
  if (!translated) return std::unexpected(std::move(translated.error()));
  translation_ = std::move(*translated);
  if (translation_->empty_answer && in_.request.stream) {
    return fail(ErrorCode::kInvalidRequest, "An answer of no tokens cannot be streamed.",
                "max_tokens");
  }
  return {};
}

net::Task<Status> Attempt::send_request() {
  net::Scope& scope = in_.call.scope();
  std::string storage;
  const dialect::UpstreamTerms terms{.model = in_.upstream_model,
                                     .output_limit = in_.charge.output_limit(),
                                     .provider = in_.upstream.provider->type};
  const std::string_view body = translation_ ? std::string_view(translation_->body)
                                             : dialect::upstream_body(in_.request, terms, storage);
  const std::string traceparent = in_.trace.header();
  const UpstreamRequest request{
      .client = in_.call.head(),
      .upstream = in_.upstream,
      .endpoint = translation_ ? translation_->upstream : in_.request.endpoint,
      .model = in_.upstream_model,
      .translated = translation_.has_value(),
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
      scope.set_deadline(std::min(total_until_, sent_at_ + patience));
      status = co_await connection_->read_head("POST", scope);
    }
    if (status) {
      if (translation_) std::string().swap(translation_->body);
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

net::Task<Attempted> Attempt::stream() {
  net::HeaderList headers = std::move(in_.own_headers);
  pass_headers(headers);
  if (translation_) {
    add_dropped(headers);
    headers.emplace_back("content-type", "text/event-stream; charset=utf-8");
  }
  headers.emplace_back("cache-control", "no-cache");
  // Asks proxies such as nginx in front of the gateway to pass events on at once.
  headers.emplace_back("x-accel-buffering", "no");
  const observe::GaugeHold active(in_.context.metrics.active_streams);
  Pump pump({.call = in_.call,
             .upstream = *connection_,
             .request = in_.request,
             .timeouts = in_.upstream.provider->timeouts,
             .sent_at = sent_at_,
             .total_until = total_until_,
             .headers = headers,
             .translation = translation_ ? &*translation_ : nullptr,
             .request_id = in_.request_id,
             .charge = in_.charge,
             .settler = in_.settler,
             .live = in_.live,
             .metrics = in_.context.metrics,
             .series = in_.series});
  PumpEnd end = co_await pump.run();
  if (end.kind != PumpEnd::kBeforeContent) in_.charge.report(pump.usage());
  Attempted done;
  done.finish = pump.finish_reason();
  done.first_content = pump.first_content();
  if (pump.first_arrival()) done.upstream_wait = *pump.first_arrival() - sent_at_;
  done.error = std::move(end.error);
  done.out_of_time = end.out_of_time;
  done.failure = end.failure;
  switch (end.kind) {
    case PumpEnd::kComplete:
      give_back_connection();
      done.kind = Attempted::kAnswered;
      break;
    case PumpEnd::kBeforeContent:
      done.kind = Attempted::kFailed;
      if (end.failure == route::Failure::kStatus) {
        // An error event instead of content is what an error answer would have been.
        done.upstream = pump.failure();
        note_failure(done);
      }
      break;
    case PumpEnd::kRefused:
      done.kind = Attempted::kRefused;
      break;
    case PumpEnd::kAfterContent:
      done.kind = Attempted::kCutShort;
      break;
    case PumpEnd::kCancelled:
      done.kind = Attempted::kCancelled;
      break;
  }
  co_return done;
}

net::Task<Attempted> Attempt::whole() {
  const http::ResponseHead& head = connection_->head();
  net::HeaderList headers = std::move(in_.own_headers);
  pass_headers(headers);
  const std::string_view encoding = head.fields.get("content-encoding");
  const http::Coding coding = http::parse_coding(encoding);
  const bool passes =
      !translation_ && (coding == http::Coding::kUnknown ||
                        http::accepts(in_.call.head().fields.get("accept-encoding"), coding));
  if (coding != http::Coding::kIdentity && passes) {
    headers.emplace_back("content-encoding", std::string(encoding));
  }
  const int status = head.status;
  const bool is_events = is_event_stream(head.fields);
  const bool ends_with_connection = head.framing == http::Framing::kUntilClose;
  // Some send their head at once, and the body when all of it is generated.
  const Duration patience = in_.upstream.provider->timeouts.first_answer(in_.request.stream);
  auto body = co_await read_body(kMaxWholeBody, sent_at_ + patience);
  if (!body) co_return failed(body.error());
  const bool coded = coding == http::Coding::kGzip || coding == http::Coding::kDeflate;
  std::string plain;
  if (coded) {
    http::Inflater inflater(coding, kMaxWholeBody);
    if (!inflater.feed(*body, plain) || !inflater.finished()) {
      co_return failed(route::Failure::kCut, ErrorCode::kUpstreamError,
                       "the upstream's answer could not be decompressed");
    }
  }
  const std::string_view text = coded ? plain : *body;
  const dialect::Endpoint endpoint = translation_ ? translation_->upstream : in_.request.endpoint;
  auto facts = dialect::inspect_response(endpoint, text);
  Attempted done;
  done.upstream_wait = in_.call.loop().now() - sent_at_;
  give_back_connection();
  if (ends_with_connection && text.starts_with('{') && !facts.valid) {
    // Such a body may be cut anywhere, and only its text tells.
    co_return failed(route::Failure::kCut, ErrorCode::kUpstreamError,
                     "the upstream's answer broke off");
  }
  if (facts.is_error) {
    done.kind = Attempted::kFailed;
    done.upstream = std::move(facts.failure);
    done.body = text;
    note_failure(done);
    co_return done;
  }
  std::optional<dialect::chat::Answer> answer;
  if (translation_) {
    auto read = facts.valid ? read_answer(*translation_, text)
                            : fail(ErrorCode::kUpstreamError, "the upstream's answer is no JSON");
    if (!read) {
      co_return failed(route::Failure::kCut, ErrorCode::kUpstreamError,
                       std::move(read.error().message));
    }
    answer = std::move(*read);
  }
  done.finish = facts.finish_reason;
  in_.charge.keep_prompt(in_.request);
  if (is_events) {
    facts.usage = count_events(text);
  } else if (in_.request.stream) {
    // Whole although a stream was asked for, whose lease covers only its beginning.
    if (!in_.charge.count(dialect::output_texts(endpoint, text))) {
      in_.context.metrics.budget_cutoffs.add();
      done.kind = Attempted::kRefused;
      done.error = {.code = ErrorCode::kInsufficientQuota, .message = {}, .param = {}};
      co_return done;
    }
  } else if (!facts.usage.reported || text.size() <= kMaxCounted) {
    in_.charge.count_whole(dialect::output_texts(endpoint, text));
  }
  in_.charge.report(facts.usage);
  in_.charge.note_delivered();
  in_.charge.show(in_.live);
  std::string written;
  if (answer) {
    if (!answer->usage.reported) answer->usage = in_.charge.told_usage();
    written = write_answer(*translation_, *answer);
    std::ranges::move(answer->dropped, std::back_inserter(translation_->dropped));
    add_dropped(headers);
    headers.emplace_back("content-type", "application/json");
  }
  co_return co_await deliver(std::move(done), status, headers,
                             answer   ? written
                             : passes ? std::string_view(*body)
                                      : text);
}

net::Task<Attempted> Attempt::empty_answer() {
  dialect::chat::Answer answer;
  answer.id = answer.arena.text(in_.request_id);
  answer.model = answer.arena.text(in_.upstream_model);
  answer.stop.reason = dialect::FinishReason::kLength;
  answer.usage.input_known = answer.usage.reported = true;
  net::HeaderList headers = std::move(in_.own_headers);
  add_dropped(headers);
  headers.emplace_back("content-type", "application/json");
  const std::string body = write_answer(*translation_, answer);
  co_return co_await deliver({}, 200, headers, body);
}

net::Task<Attempted> Attempt::deliver(Attempted done, int status, const net::HeaderList& headers,
                                      std::string_view body) {
  const bool left = in_.call.client_left();
  const Status settled =
      co_await in_.settler.settle(left ? Outcome::kClientGone : Outcome::kFinished);
  if (!settled) {
    done.kind = Attempted::kRefused;
    done.error = settled.error();
    co_return done;
  }
  if (left) {
    done.kind = Attempted::kCancelled;
    co_return done;
  }
  in_.call.scope().set_deadline(std::max(total_until_, in_.call.loop().now() + kSendTime));
  const auto sent = co_await in_.call.respond(status, headers, body);
  done.first_content = sluice::now();
  if (!sent) done.kind = Attempted::kCancelled;
  co_return done;
}

dialect::Usage Attempt::count_events(std::string_view text) {
  dialect::StreamInspector inspector(in_.request);
  std::string padded;
  padded.reserve(text.size() + http::SseReader::kSlack);
  padded.append(text);
  http::SseReader reader(kMaxWholeBody);
  reader.feed(padded);
  while (const auto event = reader.next()) in_.charge.count_whole(inspector.inspect(*event).texts);
  if (const auto event = reader.finish()) in_.charge.count_whole(inspector.inspect(*event).texts);
  return inspector.usage();
}

net::Task<Attempted> Attempt::refused() {
  const http::ResponseHead& head = connection_->head();
  Attempted done;
  done.kind = Attempted::kFailed;
  done.failure = route::Failure::kStatus;
  done.status = head.status;
  done.retry_after = parse_retry_after(head.fields);
  pass_headers(done.passed_headers);
  const http::Coding coding = http::parse_coding(head.fields.get("content-encoding"));
  auto body = co_await read_body(kMaxErrorBody, sent_at_);
  if (in_.call.scope().cancelled()) {
    done.kind = Attempted::kCancelled;
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
    done.body = std::move(*body);
  }
  if (done.status < 400) {
    done.error = {.code = ErrorCode::kUpstreamError,
                  .message = fmt::format("the upstream answered with status {}", done.status),
                  .param = {}};
    co_return done;
  }
  done.upstream = dialect::classify_upstream_error(in_.upstream.dialect, done.status, done.body);
  note_failure(done);
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
  if (!translation_) return pass_response_headers(fields, headers);
  // What else it says is for clients of its own dialect.
  if (fields.has("retry-after")) headers.emplace_back("retry-after", fields.get("retry-after"));
}

void Attempt::add_dropped(net::HeaderList& headers) const {
  if (translation_->dropped.empty()) return;
  headers.emplace_back("x-sluice-dropped", dropped_header(translation_->dropped));
}

void Attempt::give_back_connection() {
  in_.context.client.release(in_.upstream.origin, std::move(connection_));
}

Attempted Attempt::failed(route::Failure failure, ErrorCode code, std::string message) const {
  Attempted done;
  done.kind = in_.call.scope().cancelled() ? Attempted::kCancelled : Attempted::kFailed;
  done.failure = failure;
  done.error = {.code = code, .message = std::move(message), .param = {}};
  done.out_of_time = in_.call.loop().now() >= total_until_;
  return done;
}

// What went wrong below HTTP, in the words of the retry table.
Attempted Attempt::failed(const Error& error) const {
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
