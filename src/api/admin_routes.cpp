#include "api/admin_routes.hpp"

#include <fmt/format.h>

#include "api/answer.hpp"
#include "api/dry_run.hpp"
#include "api/operation.hpp"
#include "api/worker_routes.hpp"
#include "base/cidr.hpp"
#include "base/text.hpp"
#include "http/url.hpp"
#include "net/offload.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

constexpr std::string_view kRoot = "/api/admin/";
constexpr std::string_view kWorkers = "workers/";
constexpr auto kShort = std::chrono::seconds(60);
constexpr auto kLong = std::chrono::minutes(15);

/// Hands the request to the services on the administration's own threads.
net::Task<void> serve(Administration& administration, net::HttpCall& call, admin::Request request) {
  const std::string path(call.head().path());
  request.method = call.head().method == "HEAD" ? "GET" : call.head().method;
  request.target = call.head().target;
  auto body = co_await call.read_body(admin::kMaxBody);
  if (!body) {
    if (body.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await answer_error(call, std::move(body.error()));
  }
  request.body = std::move(*body);
  call.scope().set_deadline(call.loop().now() +
                            (admin::Service::takes_long(path) ? Duration(kLong) : kShort));
  std::move_only_function<Result<admin::Answer>()> work = [&service = administration.service,
                                                           request = std::move(request)] {
    return service.handle(request);
  };
  auto answer = co_await net::offload<Result<admin::Answer>>(administration.pool, std::move(work),
                                                             call.scope());
  if (!answer) {
    if (answer.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await answer_error(call, std::move(answer.error()));
  }
  if (*answer) {
    co_return co_await answer_json(call, (*answer)->status, std::move((*answer)->body));
  }
  if (answer->error().code == ErrorCode::kMethodNotAllowed) {
    const std::string methods = admin::Service::methods_of(path);
    co_return co_await answer_wrong_method(call, methods);
  }
  co_await answer_error(call, std::move(answer->error()));
}

/// A request of an administrator.
net::Task<void> route(Service& service, relay::LoopContext& context, net::HttpCall& call,
                      admin::Request request) {
  std::string_view below = call.head().path().substr(kRoot.size());
  if (below == "workers") co_return co_await handle_admin_workers(service, call, {});
  if (below.starts_with(kWorkers)) {
    auto id = http::percent_decode(below.substr(kWorkers.size()));
    co_return co_await handle_admin_workers(service, call, std::move(id).value_or("?"));
  }
  if (below == "routing/dry-run") co_return co_await handle_dry_run(service, context, call);
  if (service.administration == nullptr) {
    co_return co_await answer_error(call, Error{.code = ErrorCode::kNotFound,
                                                .message = "this gateway has no database",
                                                .param = {}});
  }
  co_await serve(*service.administration, call, std::move(request));
}

}  // namespace

bool could_be_a_web_page(const http::Fields& fields) {
  if (fields.has("origin")) return true;
  const std::string_view host = fields.get("host");
  const std::string_view name = host.substr(0, host.rfind(':'));
  return !iequals(name, "localhost") && !IpAddress::parse(host) &&
         !IpAddress::parse_with_port(host);
}

std::optional<Error> refuse_admin(const relay::Snapshot& snapshot, const net::HttpCall& call) {
  if (!is_admin(snapshot, call)) return not_admin(snapshot);
  if (snapshot.config->auth.admin_token.empty() && could_be_a_web_page(call.head().fields)) {
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = "web pages need auth.admin_token, which is not set",
                 .param = {}};
  }
  return std::nullopt;
}

net::Task<void> handle_admin(Service& service, relay::LoopContext& context, net::HttpCall& call) {
  const relay::Snapshot& snapshot = *context.snapshot;
  if (auto refused = refuse_admin(snapshot, call)) {
    co_return co_await answer_error(call, std::move(*refused));
  }
  const std::string client = relay::client_of(call, snapshot.trusted_proxies).to_string();
  co_await route(service, context, call,
                 {.method = {}, .target = {}, .body = {}, .actor = "admin@" + client});
}

net::Task<void> AdminSocketHandler::handle(net::HttpCall& call) {
  if (!call.head().path().starts_with(kRoot)) {
    co_return co_await answer_error(call, Error{.code = ErrorCode::kNotFound,
                                                .message = "only the administration is here",
                                                .param = {}});
  }
  // "unix:UID", as the kernel says.
  std::string actor(call.peer());
  if (actor.starts_with("unix:")) actor.replace(0, 5, "shell:");
  co_await route(
      service_, context_, call,
      {.method = {}, .target = {}, .body = {}, .actor = std::move(actor), .local = true});
}

std::string AdminSocketHandler::render_refusal(int, std::string_view reason) {
  return std::string(reason);
}

}  // namespace sluice::api
