#include "api/handler.hpp"

#include <optional>

#include "api/admin_routes.hpp"
#include "api/answer.hpp"
#include "api/live_routes.hpp"
#include "api/operation.hpp"
#include "api/worker_routes.hpp"
#include "base/text.hpp"
#include "dialect/errors.hpp"
#include "http/url.hpp"
#include "json/writer.hpp"
#include "relay/count_tokens.hpp"
#include "relay/exchange.hpp"

namespace sluice::api {

namespace {

struct InferenceRoute {
  std::string_view path;     // below /v1
  std::string_view pattern;  // in metrics and logs
  dialect::Endpoint endpoint;
};

constexpr InferenceRoute kInference[] = {
    {"/chat/completions", "/v1/chat/completions", dialect::Endpoint::kChatCompletions},
    {"/completions", "/v1/completions", dialect::Endpoint::kCompletions},
    {"/embeddings", "/v1/embeddings", dialect::Endpoint::kEmbeddings},
    {"/messages", "/v1/messages", dialect::Endpoint::kMessages},
    {"/responses", "/v1/responses", dialect::Endpoint::kResponses},
};

struct CountRoute {
  std::string_view path;     // below /v1
  std::string_view pattern;  // in metrics and logs
  dialect::CountEndpoint endpoint;
};

constexpr CountRoute kCounting[] = {
    {"/messages/count_tokens", "/v1/messages/count_tokens", dialect::CountEndpoint::kMessages},
    {"/responses/input_tokens", "/v1/responses/input_tokens", dialect::CountEndpoint::kResponses},
};

/// Base addresses with and without /v1 both work, and SDKs that add /v1 to one that has it.
std::string_view below_v1(std::string_view path) {
  while (path.starts_with("/v1/")) path.remove_prefix(3);
  return path;
}

bool reads(std::string_view method) { return method == "GET" || method == "HEAD"; }

std::string_view allowed_origin(const config::Cors& cors, std::string_view origin) {
  for (const std::string& each : cors.allowed_origins) {
    if (each == "*" || each == origin) return origin;
  }
  return {};
}

}  // namespace

std::optional<dialect::Endpoint> inference_endpoint(std::string_view path) {
  const std::string_view below = below_v1(path);
  for (const InferenceRoute& route : kInference) {
    if (below == route.path) return route.endpoint;
  }
  return std::nullopt;
}

net::Task<void> Handler::handle(net::HttpCall& call) {
  if (context_.snapshot->config->server.gzip) call.allow_gzip();
  const config::Cors& cors = context_.snapshot->config->server.cors;
  const std::string_view origin = call.head().fields.get("origin");
  if (cors.enabled) call.add_header("vary", "origin");
  if (cors.enabled && !origin.empty()) {
    const std::string allowed(allowed_origin(cors, origin));
    if (!allowed.empty()) {
      call.add_header("access-control-allow-origin", allowed);
      call.add_header(
          "access-control-expose-headers",
          "x-request-id, request-id, retry-after, x-should-retry, x-sluice-provider, "
          "x-sluice-model, x-sluice-worker, x-sluice-attempts, x-sluice-dropped, "
          "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
          "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
          "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, x-next-cursor, etag");
      if (call.head().method == "OPTIONS" &&
          call.head().fields.has("access-control-request-method")) {
        co_return co_await answer_preflight(call);
      }
    }
  }
  co_await dispatch(call);
}

net::Task<void> Handler::answer_preflight(net::HttpCall& call) {
  net::HeaderList headers;
  headers.emplace_back("access-control-allow-methods", "GET, POST, PATCH, DELETE, OPTIONS");
  const std::string_view asked = call.head().fields.get("access-control-request-headers");
  if (!asked.empty()) headers.emplace_back("access-control-allow-headers", std::string(asked));
  headers.emplace_back("access-control-max-age", "600");
  co_await call.respond(204, headers, {});
}

namespace {

// Each has a frame of its own, so that a stream's holds nothing of the other routes.
net::Task<void> infer(relay::LoopContext& context, net::HttpCall& call,
                      const InferenceRoute& route) {
  relay::Exchange exchange(context, call, route.endpoint, route.pattern);
  co_await exchange.run();
}

net::Task<void> count(relay::LoopContext& context, net::HttpCall& call, const CountRoute& route) {
  relay::CountTokens counting(context, call, route.endpoint, route.pattern);
  co_await counting.run();
}

}  // namespace

net::Task<void> Handler::dispatch(net::HttpCall& call) {
  const std::string_view method = call.head().method;
  const std::string_view below = below_v1(call.head().path());
  for (const InferenceRoute& route : kInference) {
    if (below != route.path) continue;
    if (method != "POST") {
      return answer_wrong_method(call, dialect::dialect_of(route.endpoint), "POST");
    }
    return infer(context_, call, route);
  }
  for (const CountRoute& route : kCounting) {
    if (below != route.path) continue;
    if (method != "POST") {
      return answer_wrong_method(call, dialect::dialect_of(route.endpoint), "POST");
    }
    return count(context_, call, route);
  }
  return answer_other(call);
}

net::Task<void> Handler::answer_workers(net::HttpCall& call, std::string_view below) {
  if (below == "/heartbeat") {
    if (call.head().method != "POST") {
      return answer_wrong_method(call, dialect::Dialect::kOpenAi, "POST");
    }
    return handle_heartbeat(service_, context_, call);
  }
  if (below.starts_with('/')) below.remove_prefix(1);
  auto id = http::percent_decode(below);
  return handle_workers(service_, context_, call, std::move(id).value_or(std::string(below)));
}

net::Task<void> Handler::answer_other(net::HttpCall& call) {
  const std::string_view method = call.head().method;
  const std::string_view path = call.head().path();
  const std::string_view below = below_v1(path);
  const config::Metrics& metrics = context_.snapshot->config->metrics;
  const bool on_main_port = metrics.enabled && metrics.port == 0;
  const bool known = below == "/models" || below.starts_with("/models/") || path == "/health" ||
                     path == "/ready" || path == "/api/live" || path == "/api/hello" ||
                     path == "/" || (on_main_port && path == metrics.path);
  if (known && !reads(method)) co_return co_await answer_wrong_method(call, "GET, HEAD");
  if (below == "/models") co_return co_await catalog_.handle(call, {});
  if (below.starts_with("/models/")) {
    auto id = http::percent_decode(below.substr(8));
    co_return co_await catalog_.handle(call, id.value_or(std::string(below.substr(8))));
  }
  if (below == "/workers" || below.starts_with("/workers/")) {
    co_return co_await answer_workers(call, below.substr(std::string_view("/workers").size()));
  }
  if (path == "/health") co_return co_await handle_health(service_, call);
  if (path == "/ready") co_return co_await handle_ready(service_, call);
  if (path == "/api/live") co_return co_await handle_live(service_, context_, call);
  if (path.starts_with("/api/live/")) {
    co_return co_await handle_end_live(service_, context_, call);
  }
  if (path == "/api/hello") co_return co_await answer_json(call, 200, "{}");
  if (path.starts_with("/api/")) {
    co_return co_await handle_management(service_, context_, call);
  }
  if (path == "/") co_return co_await handle_root(service_, call);
  if (on_main_port && path == metrics.path) co_return co_await handle_metrics(service_, call);
  Error error{.code = ErrorCode::kNotFound,
              .message = "there is no route " + std::string(method) + " " + std::string(path),
              .param = {}};
  if (path.starts_with("/v1/")) {
    co_return co_await answer_error(call, dialect::Dialect::kOpenAi, std::move(error));
  }
  co_await answer_error(call, std::move(error));
}

std::string Handler::render_refusal(int, std::string_view reason) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .key("error")
      .begin_object()
      .member("message", reason)
      .member("type", "invalid_request_error")
      .key("param")
      .null()
      .member("code", "invalid_http")
      .end_object()
      .end_object();
  return body;
}

net::Task<void> MetricsHandler::handle(net::HttpCall& call) {
  if (call.head().path() == context_.snapshot->config->metrics.path && reads(call.head().method)) {
    co_return co_await handle_metrics(service_, call);
  }
  co_await answer_error(
      call, Error{.code = ErrorCode::kNotFound, .message = "only metrics are here", .param = {}});
}

std::string MetricsHandler::render_refusal(int, std::string_view reason) {
  return std::string(reason);
}

}  // namespace sluice::api
