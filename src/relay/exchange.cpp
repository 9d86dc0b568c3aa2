#include "relay/exchange.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "observe/log.hpp"
#include "relay/caller.hpp"
#include "relay/headers.hpp"

namespace sluice::relay {

namespace {

// For an answer of the gateway's own.
constexpr auto kSendTime = std::chrono::seconds(30);

observe::CancelReason label_of(net::CancelReason reason) {
  if (reason == net::CancelReason::kDraining) return observe::CancelReason::kDraining;
  if (reason == net::CancelReason::kRequested) return observe::CancelReason::kOther;
  return observe::CancelReason::kClientGone;
}

}  // namespace

Exchange::Exchange(LoopContext& context, net::HttpCall& call, dialect::Endpoint endpoint,
                   std::string_view route)
    : context_(context),
      snapshot_(context.snapshot),
      call_(call),
      endpoint_(endpoint),
      dialect_(dialect::dialect_of(endpoint)),
      route_(route),
      request_id_(observe::request_id(call.head().fields.get("x-request-id"))),
      trace_(observe::continue_trace(call.head().fields.get("traceparent"))),
      live_gauge_(context.metrics.live_requests),
      client_address_(client_of(call, snapshot_->trusted_proxies).to_string()),
      remote_(*snapshot_, context.foreign_hosts),
      selection_(context, *snapshot_),
      charge_(context),
      keep_alive_(call, *this, dialect_) {
  live_ = context.live.begin({.id = request_id_,
                              .route = route_,
                              .dialect = dialect::to_string(dialect_),
                              .model = {},
                              .key_name = {},
                              .client = client_address_,
                              .stream = false,
                              .owner = this});
}

Exchange::~Exchange() = default;

net::Task<void> Exchange::run() {
  Status status = authenticate();
  if (status) status = co_await understand();
  if (status) status = plan();
  if (!status) {
    if (call_.scope().cancelled()) {
      co_await answer_cancelled();
    } else {
      co_await answer_error(status.error());
    }
  } else if (co_await admit()) {
    snapshot_->retries->on_request(call_.loop().now());
    co_await attempt_all();
    co_await settle_rest();
  }
  tell();
}

Status Exchange::authenticate() {
  auto key = relay::authenticate(context_, *snapshot_, call_);
  if (!key) return std::unexpected(std::move(key.error()));
  key_ = *key;
  live_.key(key_->name, key_->user_id);
  return {};
}

net::Task<Status> Exchange::understand() {
  auto body = co_await read_body(context_, *snapshot_, call_);
  if (!body) co_return std::unexpected(std::move(body.error()));
  auto request = dialect::understand(endpoint_, std::move(*body));
  if (!request) co_return std::unexpected(std::move(request.error()));
  request_ = std::move(*request);
  live_.model(request_.model);
  live_.stream(request_.stream);
  co_return accounts::KeyRing::check_model(*key_, request_.model);
}

Status Exchange::plan() {
  auto plan = plan_of(*snapshot_, context_.dispatcher.fleet(), endpoint_, request_.model);
  if (!plan) return std::unexpected(std::move(plan.error()));
  selection_.start(std::move(*plan));
  const std::string& header = snapshot_->config->routing.queue.class_header;
  const auto urgency = parse_class(header, call_.head().fields.get(header));
  if (!urgency) return std::unexpected(urgency.error());
  urgency_ = *urgency;
  return {};
}

net::Task<bool> Exchange::admit() {
  const route::Target& target = selection_.target();
  const accounts::Price* price =
      snapshot_->clients.prices.find(key_->user_id, request_.model, target.model);
  if (price == nullptr && snapshot_->config->billing.refuse_unpriced) {
    co_await answer_error({.code = ErrorCode::kModelNotAllowed,
                           .message = "The model has no price, and unpriced models are refused.",
                           .param = "model"});
    co_return false;
  }
  if (const auto wait = snapshot_->arrivals->enter(call_.loop().now())) {
    context_.metrics.limited(observe::LimitReason::kRequests);
    co_await answer_error(too_many_arrivals(), wait);
    co_return false;
  }
  quota::Account& account = snapshot_->clients.account(key_->key_id);
  auto admitted = co_await charge_.admit({.account = account,
                                          .request_id = request_id_,
                                          .provider = target.name(),
                                          .price = price,
                                          .model = target.model,
                                          .max_output = snapshot_->max_output(request_.model)},
                                         request_, call_.scope());
  limits_ = quota::limit_state(account, call_.loop().now());
  if (admitted) {
    if (snapshot_->config->routing.drain_on_disconnect) call_.outlive_client();
    co_return true;
  }
  // What a key may not send takes nothing from the others.
  snapshot_->arrivals->give_back(call_.loop().now());
  if (call_.scope().cancelled()) {
    co_await answer_cancelled();
    co_return false;
  }
  const quota::Refusal& refusal = admitted.error();
  if (refusal.error.code != ErrorCode::kLedgerUnavailable) {
    context_.metrics.limited(refusal.limit);
  }
  co_await answer_error(refusal.error, refusal.retry_after);
  co_return false;
}

net::Task<void> Exchange::attempt_all() {
  if (request_.stream) keep_alive_.start(snapshot_->config->routing.keep_alive);
  const std::string session(call_.head().fields.get("x-claude-code-session-id"));
  const SelectionTerms terms{.request = request_,
                             .session_header = session,
                             .prompt_tokens = charge_.prompt_tokens(),
                             .urgency = urgency_,
                             .key = key_->key_id};
  AttemptedPtr ended;
  for (;;) {
    const auto chosen = co_await selection_.choose(terms, call_.scope(), live_);
    if (!chosen) co_return co_await answer_unavailable(chosen.error(), ended);
    charge_.begin_attempt(selection_.model());
    prepare_resume();
    ++attempts_;
    live_.attempt(selection_.provider(), selection_.model());
    net::HeaderList headers;
    add_own_headers(headers);
    // Gone once it has run: no connection stays open while the next step is awaited.
    std::optional<Attempt> attempt(std::in_place,
                                   AttemptInput{.context = context_,
                                                .call = call_,
                                                .request = request_,
                                                .remote = remote_,
                                                .upstream = selection_.upstream(),
                                                .upstream_model = selection_.model(),
                                                .credential = selection_.credential(),
                                                .slot = selection_.slot(),
                                                .visit = selection_.visit(),
                                                .moved = selection_.moved(),
                                                .strict = key_->strict,
                                                .request_id = request_id_,
                                                .trace = trace_,
                                                .own_headers = std::move(headers),
                                                .config = *snapshot_->config,
                                                .charge = charge_,
                                                .keep_alive = keep_alive_,
                                                .settler = *this,
                                                .live = live_,
                                                .series = *series(),
                                                .resume = resume_.get()});
    ended = co_await attempt->run();
    attempt.reset();
    const Attempted& result = *ended;
    if (!endings_.empty()) closed_at_ = sluice::now();
    if (workers::Slot* slot = selection_.slot()) slot->generated(charge_.output_tokens());
    selection_.note(result, !endings_.empty());
    finish_ = result.finish;
    if (result.first_content && !first_token_) {
      first_token_ = *result.first_content - call_.started();
    }
    switch (result.kind) {
      case Attempted::kAnswered:
        if (attempts_ == 1 && result.upstream_wait && first_token_ && !remote_.used()) {
          overhead_ = *first_token_ - *result.upstream_wait;
        }
        co_return;
      case Attempted::kRefused:
        co_return co_await answer_error(result.error);
      case Attempted::kCutShort:
        cut_short_ = true;
        error_ = result.error.code;
        note_cancel(result);
        co_return;
      case Attempted::kCancelled:
        context_.metrics.cancelled(label_of(call_.scope().reason()));
        if (call_.scope().reason() != net::CancelReason::kDraining) charge_.abandon(request_);
        co_return co_await answer_cancelled();
      case Attempted::kBroken:
        if (!co_await go_on(result)) co_return;
        continue;
      case Attempted::kFailed:
        break;
    }
    if (!co_await may_try_again(result)) co_return;
  }
}

net::Task<void> Exchange::answer_unavailable(const Unavailable& nobody,
                                             const AttemptedPtr& failed) {
  if (call_.scope().cancelled()) {
    context_.metrics.cancelled(label_of(call_.scope().reason()));
    co_return co_await answer_cancelled();
  }
  // What was asked and failed tells more than that there is nobody else.
  if (failed) co_return co_await answer_failure(*failed);
  co_await answer_error(nobody.error, nobody.retry_after);
}

net::Task<bool> Exchange::may_try_again(const Attempted& failed) {
  const TimePoint now = call_.loop().now();
  const route::Attempt attempt{
      .failure = selection_.declined() ? route::Failure::kDeclined : failed.failure,
      .status = failed.status,
      .retry_after = failed.retry_after,
      .tries = selection_.tries(),
      .other_targets = selection_.other_targets(),
      .other_keys = selection_.other_keys(),
  };
  note_cancel(failed);
  const route::Decision decision =
      route::decide(attempt, snapshot_->config->routing.retry, random_u64());
  if (decision.kind == route::Decision::Kind::kGiveUp || !snapshot_->retries->take(now)) {
    co_await answer_failure(failed);
    co_return false;
  }
  context_.metrics.retried(route::retry_reason(attempt));
  failures_.push_back({.provider = std::string(selection_.provider()),
                       .worker = std::string(selection_.worker()),
                       .error = to_string(failed.error.code),
                       .status = failed.status});
  log::debug("trying again", {{"request_id", request_id_},
                              {"provider", selection_.provider()},
                              {"worker", selection_.worker()},
                              {"error", failed.error.code},
                              {"status", failed.status},
                              {"wait_ms", decision.wait}});
  if (decision.kind == route::Decision::Kind::kNext) {
    selection_.next();
    co_return true;
  }
  selection_.again(decision.other_key);
  if (decision.wait > Duration::zero()) {
    const net::Outcome outcome =
        co_await net::Sleep(call_.scope(), call_.loop().now() + decision.wait);
    if (outcome == net::Outcome::kCancelled) {
      co_await answer_cancelled();
      co_return false;
    }
  }
  co_return true;
}

net::Task<void> Exchange::answer_failure(const Attempted& failed) {
  if (gap()) co_return co_await end_broken(resume_->error());
  error_ = failed.error.code;
  if (!failed.upstream || keep_alive_.opened()) {
    co_return co_await answer_error(failed.error, failed.retry_after);
  }
  net::HeaderList headers;
  for (const auto& [name, value] : failed.passed_headers) {
    // The body may be another one than the upstream's.
    if (name == "content-type") continue;
    // A date is passed on as it is, a number rounded to what the header can say.
    if (name == "retry-after" && failed.retry_after) continue;
    headers.emplace_back(name, value);
  }
  const auto answer = dialect::map_upstream_error(dialect_, failed.status, failed.body,
                                                  *failed.upstream, request_id_);
  co_await respond(answer, std::move(headers), failed.retry_after);
}

net::Task<void> Exchange::answer_error(const Error& error, std::optional<Duration> retry_after) {
  if (gap()) co_return co_await end_broken(resume_->error());
  error_ = error.code;
  if (keep_alive_.opened()) co_return co_await end_opened(error);
  co_await respond(dialect::render_error(dialect_, error, request_id_), {}, retry_after);
}

net::Task<void> Exchange::answer_cancelled() {
  net::Scope& scope = call_.scope();
  if (scope.reason() == net::CancelReason::kClientGone || !scope.cancelled()) {
    error_ = ErrorCode::kClientGone;
    co_return;
  }
  if (gap()) co_return co_await end_broken(scope.reason());
  if (call_.begun() && !keep_alive_.opened()) {
    // The client was too slow for the end of its answer; it sees the connection reset.
    error_ = ErrorCode::kServerDraining;
    co_return;
  }
  const bool requested = scope.reason() == net::CancelReason::kRequested;
  scope.forgive();
  call_.forbid_reuse();
  if (requested) {
    // Nothing that a client's library would try again by itself.
    co_return co_await answer_error({.code = ErrorCode::kPermissionDenied,
                                     .message = "The request was cancelled by an operator.",
                                     .param = {}});
  }
  co_await answer_error({.code = ErrorCode::kServerDraining, .message = {}, .param = {}});
}

net::Task<void> Exchange::respond(const dialect::ErrorAnswer& answer, net::HeaderList headers,
                                  std::optional<Duration> retry_after) {
  headers.emplace_back("content-type", "application/json");
  add_own_headers(headers);
  if (retry_after) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(*retry_after).count();
    headers.emplace_back("retry-after", std::to_string(whole));
  } else if (answer.wants_retry_after && std::ranges::none_of(headers, [](const auto& each) {
               return each.first == "retry-after";
             })) {
    headers.emplace_back("retry-after", "1");
  }
  if (answer.should_retry) {
    headers.emplace_back("x-should-retry", *answer.should_retry ? "true" : "false");
  }
  call_.scope().set_deadline(call_.loop().now() + kSendTime);
  co_await call_.respond(answer.status, headers, answer.body);
}

net::Task<void> Exchange::end_opened(const Error& error) {
  call_.forbid_reuse();
  const std::string frame = dialect::render_stream_error(dialect_, error, request_id_);
  call_.scope().set_deadline(call_.loop().now() + kSendTime);
  if (!call_.push(frame, true)) co_await call_.flush();
}

std::optional<net::HeaderList> Exchange::early_head() {
  // Where the upstream's own bytes pass, OpenAI's clients get its status too, however late.
  if (dialect_ != dialect::Dialect::kAnthropic && !keep_alive_.converted()) return std::nullopt;
  net::HeaderList headers;
  // Who answers is not known yet.
  add_request_headers(headers);
  headers.emplace_back("content-type", "text/event-stream; charset=utf-8");
  add_stream_headers(headers);
  return headers;
}

void Exchange::add_request_headers(net::HeaderList& headers) const {
  headers.emplace_back("x-request-id", request_id_);
  add_limits(limits_, headers);
  if (dialect_ == dialect::Dialect::kAnthropic) headers.emplace_back("request-id", request_id_);
}

void Exchange::add_own_headers(net::HeaderList& headers) const {
  add_request_headers(headers);
  if (attempts_ == 0) return;
  headers.emplace_back("x-sluice-provider", selection_.provider());
  if (!selection_.worker().empty()) headers.emplace_back("x-sluice-worker", selection_.worker());
  headers.emplace_back("x-sluice-model", selection_.model());
  headers.emplace_back("x-sluice-attempts", std::to_string(attempts_));
}

observe::RequestSeries* Exchange::series() const {
  const std::string_view provider = attempts_ == 0 ? std::string_view{} : selection_.provider();
  return context_.metrics.series({.route = route_,
                                  .dialect = dialect::to_string(dialect_),
                                  .provider = provider,
                                  .model = snapshot_->routes.model_label(request_.model)});
}

// Everybody who watches is told once, at the end.
void Exchange::tell() {
  const TimePoint now = sluice::now();
  const Duration took = now - call_.started();
  // 499: gone before it had an answer; what a stream was cut at is the answer it had.
  const int status = call_.status() != 0 ? call_.status() : 499;
  observe::RequestSeries& series = *this->series();
  const TokenCounts counts = charge_.counts();
  const Money cost = charge_.cost();
  const auto input = static_cast<uint64_t>(std::max<int64_t>(0, counts.total_input()));
  const auto output = static_cast<uint64_t>(std::max<int64_t>(0, counts.output));
  series.tokens_in.add(input);
  series.tokens_out.add(output);
  if (first_token_ && request_.stream) series.first_token.record(*first_token_);
  if (overhead_) series.overhead.record(*overhead_);
  context_.metrics.bytes_out.add(call_.bytes_sent());
  context_.metrics.finished(series, status, took, now);

  live_.tokens_in(input);
  live_.tokens_out(output);
  live_.cost(cost.nanos);
  live_.status(status);
  if (error_) live_.error(*error_);
  if (first_token_) live_.first_token(*first_token_);
  live_.finish();

  const std::string_view provider = attempts_ == 0 ? std::string_view{} : selection_.provider();
  const std::string_view upstream_model = attempts_ == 0 ? std::string_view{} : selection_.model();
  log::info("request", {{"request_id", request_id_},
                        {"trace_id", trace_.trace_id},
                        {"client", client_address_},
                        {"route", route_},
                        {"key", key_ != nullptr ? std::string_view(key_->name) : ""},
                        {"model", request_.model},
                        {"provider", provider},
                        {"worker", selection_.worker()},
                        {"upstream_model", upstream_model},
                        {"rule", selection_.plan().rule},
                        {"stream", request_.stream},
                        {"status", status},
                        {"error", error_ ? to_string(*error_) : ""},
                        {"attempts", attempts_},
                        {"tokens_in", counts.total_input()},
                        {"tokens_out", counts.output},
                        {"basis", to_string(charge_.basis())},
                        {"cost", to_string(cost)},
                        {"usage_id", charge_.id()},
                        {"finish", dialect::to_string(finish_)},
                        {"ttft_ms", first_token_.value_or(Duration::zero())},
                        {"took_ms", took}});
  for (Ending& each : std::exchange(endings_, {})) {
    each.told({.closed_after = closed_at_.value_or(now) - each.asked,
               .charged = cost.nanos,
               .returned = std::max<int64_t>(0, held_.nanos - cost.nanos)});
  }
}

void Exchange::end(Told told) {
  endings_.push_back({.asked = sluice::now(), .told = std::move(told)});
  call_.scope().cancel(net::CancelReason::kRequested);
}

// Counts an upstream call that the gateway itself ended.
void Exchange::note_cancel(const Attempted& result) {
  if (!endings_.empty()) {
    context_.metrics.cancelled(observe::CancelReason::kOther);
  } else if (result.error.code == ErrorCode::kServerDraining) {
    context_.metrics.cancelled(observe::CancelReason::kDraining);
  } else if (result.out_of_time) {
    context_.metrics.cancelled(observe::CancelReason::kTotal);
  } else if (result.failure == route::Failure::kSilent) {
    context_.metrics.cancelled(observe::CancelReason::kFirstToken);
  } else if (result.failure == route::Failure::kStalled) {
    context_.metrics.cancelled(observe::CancelReason::kStalled);
  }
}

}  // namespace sluice::relay
