#include "api/operation.hpp"

#include "api/answer.hpp"
#include "api/live_routes.hpp"
#include "base/cidr.hpp"
#include "base/clock.hpp"
#include "json/writer.hpp"
#include "net/offload.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

constexpr auto kScrapeTime = std::chrono::seconds(10);

bool is_loopback(const IpAddress& address) {
  static const auto v4 = Cidr::parse("127.0.0.0/8");
  static const auto v6 = Cidr::parse("::1");
  return v4->contains(address) || v6->contains(address);
}

/// Runs on the blocking pool: a snapshot of thousands of requests takes longer than a loop has.
net::Task<void> answer_from_pool(Service& service, net::HttpCall& call, std::string_view type,
                                 std::move_only_function<std::string()> render) {
  call.scope().set_deadline(call.loop().now() + kScrapeTime);
  auto body = co_await net::offload<std::string>(service.blocking, std::move(render), call.scope());
  if (body) {
    co_await answer_text(call, 200, type, std::move(*body));
  } else if (body.error().code != ErrorCode::kClientGone) {
    co_await answer_error(call, std::move(body.error()));
  }
}

}  // namespace

bool is_local(const relay::Snapshot& snapshot, const net::HttpCall& call) {
  // Behind a proxy on this machine everybody seems to come from here.
  const http::Fields& fields = call.head().fields;
  const bool forwarded =
      fields.has("forwarded") || fields.has("x-forwarded-for") || fields.has("x-real-ip");
  return !forwarded && is_loopback(relay::client_of(call, snapshot.trusted_proxies));
}

bool is_admin(const relay::Snapshot& snapshot, const net::HttpCall& call) {
  const Secret& token = snapshot.config->auth.admin_token;
  if (token.empty()) return is_local(snapshot, call);
  return token.equals(relay::client_credential(call.head().fields));
}

net::Task<void> handle_health(Service& service, net::HttpCall& call) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("status", "healthy")
      .member("timestamp", rfc3339(wall_nanos()))
      .member("version", service.metrics.version())
      .end_object();
  co_await answer_json(call, 200, std::move(body));
}

net::Task<void> handle_ready(Service& service, net::HttpCall& call) {
  const Phase phase = service.phase.load(std::memory_order_relaxed);
  std::string body;
  json::Writer json(body);
  json.begin_object();
  const bool ledger = service.database == nullptr || service.database->ledger().healthy();
  const bool ready = phase == Phase::kServing && ledger;
  if (ready) {
    json.member("status", "ready");
  } else {
    json.member("status", "not_ready").key("reasons").begin_array();
    if (phase == Phase::kStarting) json.string("starting");
    if (phase == Phase::kDraining) json.string("draining");
    if (!ledger) json.string("the ledger cannot be written");
    json.end_array();
  }
  json.end_object();
  co_await answer_json(call, ready ? 200 : 503, std::move(body));
}

net::Task<void> handle_metrics(Service& service, net::HttpCall& call) {
  const observe::Metrics& metrics = service.metrics;
  if (call.head().fields.has_token("accept", "application/json")) {
    co_await answer_from_pool(service, call, "application/json",
                              [&metrics] { return metrics.json(); });
  } else {
    co_await answer_from_pool(service, call, "text/plain; version=0.0.4; charset=utf-8",
                              [&metrics] { return metrics.prometheus(); });
  }
}

Error not_admin(const relay::Snapshot& snapshot) {
  const bool token_set = !snapshot.config->auth.admin_token.empty();
  return {.code = token_set ? ErrorCode::kInvalidApiKey : ErrorCode::kPermissionDenied,
          .message = token_set ? "this route needs auth.admin_token as a bearer token"
                               : "without auth.admin_token this route answers only callers on the "
                                 "gateway's own machine",
          .param = {}};
}

net::Task<void> handle_live(Service& service, relay::LoopContext& context, net::HttpCall& call) {
  const auto viewer = viewer_of(service, *context.snapshot, call);
  if (!viewer) co_return co_await answer_error(call, viewer.error());
  const observe::LiveBoard& live = service.live;
  co_await answer_from_pool(service, call, "application/json",
                            [&live, user = *viewer] { return live.snapshot_json(user); });
}

net::Task<void> handle_root(Service& service, net::HttpCall& call) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("name", "sluice")
      .member("version", service.metrics.version())
      .key("routes")
      .begin_array()
      .string("/v1/chat/completions")
      .string("/v1/completions")
      .string("/v1/embeddings")
      .string("/v1/messages")
      .string("/v1/messages/count_tokens")
      .string("/v1/responses/input_tokens")
      .string("/v1/models")
      .string("/health")
      .string("/ready")
      .string("/metrics")
      .string("/api/live")
      .end_array()
      .end_object();
  co_await answer_json(call, 200, std::move(body));
}

}  // namespace sluice::api
