#include "relay/count_tokens.hpp"

#include <algorithm>

#include "dialect/models.hpp"
#include "dialect/upstream_error.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"
#include "net/offload.hpp"
#include "observe/log.hpp"
#include "relay/caller.hpp"
#include "relay/headers.hpp"
#include "relay/selection.hpp"
#include "relay/translation.hpp"

namespace sluice::relay {

namespace {

// Larger prompts are counted off the loop.
constexpr size_t kCountedInline = 16 * 1024;
constexpr size_t kMaxAnswer = 256 * 1024;
// An upstream that has not counted by then is not waited for: the gateway can do it itself.
constexpr auto kUpstreamPatience = std::chrono::seconds(10);
constexpr auto kCountPatience = std::chrono::seconds(60);
constexpr auto kSendTime = std::chrono::seconds(30);
/// Of Gemini's models (ai.google.dev, "models.countTokens").
constexpr std::string_view kGeminiCount = ":countTokens";

/// The request is at fault, so that no other counter would take it. Who has no counter says 404
/// or 405.
bool is_for_the_client(int status, dialect::FailureKind kind) {
  if (status != 400 && status != 413 && status != 422) return false;
  return kind == dialect::FailureKind::kRequest || kind == dialect::FailureKind::kContextLength ||
         kind == dialect::FailureKind::kContentPolicy;
}

}  // namespace

CountTokens::CountTokens(LoopContext& context, net::HttpCall& call, dialect::CountEndpoint endpoint,
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
      remote_(*snapshot_, context.foreign_hosts) {
  live_ = context.live.begin({.id = request_id_,
                              .route = route_,
                              .dialect = dialect::to_string(dialect_),
                              .client = client_address_});
}

net::Task<void> CountTokens::run() {
  Status status = authenticate();
  if (status) status = co_await understand();
  if (!status) {
    co_await answer_error(status.error());
  } else if (co_await admit()) {
    choose();
    co_await answer();
  }
  tell();
}

Status CountTokens::authenticate() {
  auto key = relay::authenticate(context_, *snapshot_, call_);
  if (!key) return std::unexpected(std::move(key.error()));
  key_ = *key;
  live_.key(key_->name, key_->user_id);
  return {};
}

net::Task<Status> CountTokens::understand() {
  auto body = co_await read_body(context_, *snapshot_, call_);
  if (!body) co_return std::unexpected(std::move(body.error()));
  auto request = dialect::understand_count(endpoint_, std::move(*body));
  if (!request) co_return std::unexpected(std::move(request.error()));
  request_ = std::move(*request);
  live_.model(request_.model);
  co_return accounts::KeyRing::check_model(*key_, request_.model);
}

net::Task<bool> CountTokens::admit() {
  quota::Account& account = snapshot_->clients.account(key_->key_id);
  const TimePoint now = call_.loop().now();
  if (const auto wait = snapshot_->arrivals->enter(now)) {
    context_.metrics.limited(observe::LimitReason::kRequests);
    co_await answer_error(too_many_arrivals(), wait);
    co_return false;
  }
  const auto entered = quota::enter_for_nothing(account, now);
  limited_ = quota::is_limited(account);
  // It takes no tokens, and says nothing of those that are left.
  limits_.requests = quota::limit_state(account, now).requests;
  if (entered) co_return true;
  snapshot_->arrivals->give_back(now);
  context_.metrics.limited(entered.error().limit);
  co_await answer_error(entered.error().error, entered.error().retry_after);
  co_return false;
}

void CountTokens::choose() {
  // Where the request itself would go, Gemini's models are counted by who knows them.
  const auto endpoint = endpoint_ == dialect::CountEndpoint::kMessages
                            ? dialect::Endpoint::kMessages
                            : dialect::Endpoint::kResponses;
  auto meant = plan_of(*snapshot_, context_.dispatcher.fleet(), endpoint, request_.model);
  if (meant) {
    route::Target& first = meant->tiers.front().targets.front();
    if (!first.workers() && first.provider->type == config::ProviderType::kGemini) {
      target_ = std::move(first);
      return;
    }
  }
  if (endpoint_ != dialect::CountEndpoint::kMessages) return;
  auto plan =
      snapshot_->routes.plan(request_.model, {route::kAnthropicSpeakers, route::kAnthropicSpeakers},
                             dialect::detect_provider(request_.model));
  // A model that goes to no upstream of this dialect can be counted all the same.
  if (!plan) return;
  route::Target& first = plan->tiers.front().targets.front();
  if (!first.workers()) target_ = std::move(first);
}

net::Task<void> CountTokens::answer() {
  if (target_) {
    auto reply = co_await ask_upstream();
    if (reply) co_return co_await answer_reply(std::move(*reply));
  }
  auto counted = co_await count();
  if (!counted) co_return co_await answer_error(counted.error());
  net::HeaderList headers;
  headers.emplace_back("content-type", "application/json");
  const std::string body = dialect::render_count(endpoint_, *counted);
  co_await respond(200, std::move(headers), body);
}

net::Task<std::optional<CountTokens::Reply>> CountTokens::ask_upstream() {
  const Upstream& upstream = snapshot_->upstream(*target_);
  const Secret* credential = any_credential(upstream, call_.loop().now());
  live_.attempt(target_->provider->name, target_->model);
  auto asked = co_await question(upstream);
  Result<Reply> reply;
  if (asked) {
    reply = co_await exchange(*asked, upstream, credential);
  } else {
    reply = std::unexpected(std::move(asked.error()));
  }
  int status = 0;
  if (reply && asked->converted) {
    // What is wrong with it may be the conversion's fault, and the gateway can count by itself.
    if (auto count = converted(*reply)) co_return count;
    status = reply->status;
  } else if (reply) {
    if (reply->status == 200) co_return std::move(*reply);
    const auto failure =
        dialect::classify_upstream_error(upstream.dialect, reply->status, reply->body);
    if (is_for_the_client(reply->status, failure.kind)) {
      error_ = failure.error.code;
      auto mapped =
          dialect::map_upstream_error(dialect_, reply->status, reply->body, failure, request_id_);
      reply->status = mapped.status;
      reply->body = std::move(mapped.body);
      co_return std::move(*reply);
    }
    status = reply->status;
  }
  log::debug("tokens are counted here, not upstream",
             {{"request_id", request_id_},
              {"provider", target_->provider->name},
              {"error", reply ? std::string_view() : to_string(reply.error().code)},
              {"status", status}});
  co_return std::nullopt;
}

net::Task<Result<CountTokens::Question>> CountTokens::question(const Upstream& upstream) {
  if (upstream.dialect != dialect::Dialect::kGemini) {
    std::string storage;
    const dialect::UpstreamTerms terms{.model = target_->model,
                                       .provider = upstream.provider->type};
    const std::string_view body = dialect::upstream_body(request_, terms, storage);
    co_return Question{
        .endpoint = request_.endpoint, .body = std::string(body), .below = dialect::kCountPath};
  }
  const TranslationTerms terms{.upstream = upstream,
                               .model = target_->model,
                               .output_limit = {},
                               .config = *snapshot_->config,
                               .strict = false,
                               .fields = call_.head().fields,
                               .remote = remote_,
                               .blocking = context_.blocking,
                               .learned = context_.learned};
  auto translated = co_await translate(request_, terms, call_.scope());
  if (!translated) co_return std::unexpected(std::move(translated.error()));
  // An object with something in it.
  if (translated->body.size() <= 2) co_return fail(ErrorCode::kInternal, "nothing to ask");
  std::string body = R"({"generateContentRequest":{"model":)";
  json::append_string(body, "models/" + target_->model);
  body += ',';
  body.append(std::string_view(translated->body).substr(1));
  body += '}';
  co_return Question{.endpoint = translated->upstream,
                     .body = std::move(body),
                     .converted = true,
                     .below = kGeminiCount};
}

std::optional<CountTokens::Reply> CountTokens::converted(const Reply& reply) const {
  if (reply.status != 200 || !json::valid(reply.body)) return std::nullopt;
  const auto total = json::Value(reply.body)["totalTokens"].as_int();
  if (!total || *total < 0) return std::nullopt;
  Reply count{.status = 200, .headers = {}, .body = dialect::render_count(endpoint_, *total)};
  count.headers.emplace_back("content-type", "application/json");
  return count;
}

net::Task<Result<CountTokens::Reply>> CountTokens::exchange(const Question& question,
                                                            const Upstream& upstream,
                                                            const Secret* credential) {
  net::Scope& scope = call_.scope();
  scope.set_deadline(call_.loop().now() + kUpstreamPatience);
  std::unique_ptr<net::UpstreamConnection> connection;
  for (bool fresh = false;; fresh = true) {
    auto acquired = co_await context_.client.acquire(upstream.origin, fresh, scope);
    if (!acquired) co_return std::unexpected(std::move(acquired.error()));
    connection = std::move(*acquired);
    Status sent = co_await send(*connection, question, upstream, credential);
    if (sent) break;
    // An idle connection may have been closed just as it was taken.
    const bool stale =
        connection->reused() && !fresh && sent.error().code == ErrorCode::kConnectionClosed;
    if (!stale) co_return std::unexpected(std::move(sent.error()));
  }
  Reply reply{.status = connection->head().status, .headers = {}, .body = {}};
  pass_response_headers(connection->head().fields, limited_, reply.headers);
  for (;;) {
    net::BodyPiece piece = co_await connection->next(scope);
    for (; piece.kind == net::BodyPiece::kData; piece = connection->ready()) {
      reply.body.append(piece.data);
      if (reply.body.size() > kMaxAnswer) {
        co_return fail(ErrorCode::kUpstreamError, "the answer is too large");
      }
    }
    if (piece.kind == net::BodyPiece::kEnd) break;
    if (piece.kind != net::BodyPiece::kNone) {
      co_return fail(ErrorCode::kUpstreamError, "the answer broke off");
    }
  }
  context_.client.release(upstream.origin, std::move(connection));
  co_return reply;
}

net::Task<Status> CountTokens::send(net::UpstreamConnection& connection, const Question& question,
                                    const Upstream& upstream, const Secret* credential) {
  const std::string traceparent = trace_.header();
  const UpstreamRequest request{
      .client = call_.head(),
      .upstream = upstream,
      .endpoint = question.endpoint,
      .model = target_->model,
      .translated = question.converted,
      .below = question.below,
      .stream = true,  // so that the answer is not compressed
      .body_size = question.body.size(),
      .credential = credential,
      .request_id = request_id_,
      .traceparent = traceparent,
      .trace_continued = trace_.continued,
  };
  const std::string head = upstream_head(request);
  Status status = co_await connection.send(head, question.body, call_.scope());
  if (status) status = co_await connection.read_head("POST", call_.scope());
  co_return status;
}

net::Task<Result<int64_t>> CountTokens::count() {
  if (call_.scope().cancelled()) co_return fail(ErrorCode::kClientGone, "cancelled");
  const tokens::ModelFacts model = tokens::facts_of(request_.model);
  const double factor = context_.calibration.factor(request_.model, model.factor);
  if (request_.body.size() <= kCountedInline) {
    co_return dialect::count_tokens(endpoint_, request_.body, model, factor);
  }
  call_.scope().set_deadline(call_.loop().now() + kCountPatience);
  std::move_only_function<int64_t()> work = [endpoint = endpoint_, model, factor,
                                             body = std::move(request_.body)] {
    return dialect::count_tokens(endpoint, body, model, factor);
  };
  co_return co_await net::offload<int64_t>(context_.blocking, std::move(work), call_.scope());
}

net::Task<void> CountTokens::answer_reply(Reply reply) {
  upstream_answered_ = true;
  if (reply.status != 200) {
    // The body may be another one than the upstream's.
    std::erase_if(reply.headers, [](const auto& each) { return each.first == "content-type"; });
    reply.headers.emplace_back("content-type", "application/json");
  }
  co_await respond(reply.status, std::move(reply.headers), reply.body);
}

net::Task<void> CountTokens::answer_error(const Error& error, std::optional<Duration> retry_after) {
  net::Scope& scope = call_.scope();
  Error told = error;
  if (scope.cancelled()) {
    if (scope.reason() == net::CancelReason::kClientGone) {
      error_ = ErrorCode::kClientGone;
      co_return;
    }
    scope.forgive();
    call_.forbid_reuse();
    told = {.code = ErrorCode::kServerDraining, .message = {}, .param = {}};
  }
  error_ = told.code;
  dialect::ErrorAnswer answer = dialect::render_error(dialect_, told, request_id_);
  net::HeaderList headers;
  headers.emplace_back("content-type", "application/json");
  if (retry_after) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(*retry_after).count();
    headers.emplace_back("retry-after", std::to_string(whole));
  } else if (answer.wants_retry_after) {
    headers.emplace_back("retry-after", "1");
  }
  if (answer.should_retry) {
    headers.emplace_back("x-should-retry", *answer.should_retry ? "true" : "false");
  }
  co_await respond(answer.status, std::move(headers), answer.body);
}

net::Task<void> CountTokens::respond(int status, net::HeaderList headers, std::string_view body) {
  headers.emplace_back("x-request-id", request_id_);
  add_limits(limits_, headers);
  if (dialect_ == dialect::Dialect::kAnthropic) headers.emplace_back("request-id", request_id_);
  if (upstream_answered_) {
    headers.emplace_back("x-sluice-provider", target_->provider->name);
    headers.emplace_back("x-sluice-model", target_->model);
  }
  call_.scope().set_deadline(call_.loop().now() + kSendTime);
  co_await call_.respond(status, headers, body);
}

// Everybody who watches is told once, at the end.
void CountTokens::tell() {
  const TimePoint now = sluice::now();
  const Duration took = now - call_.started();
  // 499: gone before it had an answer.
  const int status = call_.status() != 0 ? call_.status() : 499;
  const std::string_view provider =
      upstream_answered_ ? std::string_view(target_->provider->name) : std::string_view();
  observe::RequestSeries& series =
      *context_.metrics.series({.route = route_,
                                .dialect = dialect::to_string(dialect_),
                                .provider = provider,
                                .model = snapshot_->routes.model_label(request_.model)});
  context_.metrics.bytes_out.add(call_.bytes_sent());
  context_.metrics.finished(series, status, took, now);
  live_.status(status);
  if (error_) live_.error(*error_);
  live_.finish();
  log::info("request", {{"request_id", request_id_},
                        {"trace_id", trace_.trace_id},
                        {"client", client_address_},
                        {"route", route_},
                        {"key", key_ != nullptr ? std::string_view(key_->name) : ""},
                        {"model", request_.model},
                        {"provider", provider},
                        {"upstream_model", upstream_answered_ ? target_->model : std::string()},
                        {"status", status},
                        {"error", error_ ? to_string(*error_) : ""},
                        {"took_ms", took}});
}

}  // namespace sluice::relay
