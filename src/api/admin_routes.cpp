#include "api/admin_routes.hpp"

#include <fmt/format.h>

#include "api/answer.hpp"
#include "api/operation.hpp"
#include "base/cidr.hpp"
#include "base/text.hpp"
#include "net/offload.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

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

/// A page in somebody's browser on this machine is on this machine, too. It gives itself away by
/// its Origin, or by the name that it has made point here.
bool could_be_a_web_page(const http::Fields& fields) {
  if (fields.has("origin")) return true;
  const std::string_view host = fields.get("host");
  const std::string_view name = host.substr(0, host.rfind(':'));
  return !iequals(name, "localhost") && !IpAddress::parse(host) &&
         !IpAddress::parse_with_port(host);
}

}  // namespace

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
  if (service.administration == nullptr) {
    co_return co_await answer_error(call, Error{.code = ErrorCode::kNotFound,
                                                .message = "this gateway has no database",
                                                .param = {}});
  }
  const std::string client = relay::client_of(call, snapshot.trusted_proxies).to_string();
  co_await serve(*service.administration, call,
                 {.method = {}, .target = {}, .body = {}, .actor = "admin@" + client});
}

net::Task<void> AdminSocketHandler::handle(net::HttpCall& call) {
  // "unix:UID", as the kernel says.
  std::string actor(call.peer());
  if (actor.starts_with("unix:")) actor.replace(0, 5, "shell:");
  co_await serve(
      administration_, call,
      {.method = {}, .target = {}, .body = {}, .actor = std::move(actor), .local = true});
}

std::string AdminSocketHandler::render_refusal(int, std::string_view reason) {
  return std::string(reason);
}

}  // namespace sluice::api
