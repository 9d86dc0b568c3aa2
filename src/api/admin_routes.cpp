#include "api/admin_routes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "admin/audit.hpp"
#include "api/answer.hpp"
#include "api/dry_run.hpp"
#include "api/live_routes.hpp"
#include "api/operation.hpp"
#include "api/worker_routes.hpp"
#include "base/cidr.hpp"
#include "base/text.hpp"
#include "http/url.hpp"
#include "net/offload.hpp"
#include "observe/log.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

constexpr std::string_view kAdmin = "/api/admin/";
constexpr std::string_view kWorkers = "workers/";
constexpr auto kShort = std::chrono::seconds(60);
constexpr auto kLong = std::chrono::minutes(15);

admin::Request request_of(const net::HttpCall& call, admin::Principal who) {
  admin::Request request{.method = std::string(call.head().method),
                         .target = std::string(call.head().target),
                         .body = {},
                         .who = std::move(who)};
  if (request.method == "HEAD") request.method = "GET";
  for (const std::string_view name : admin::kHeaders) {
    const std::string_view value = call.head().fields.get(name);
    if (!value.empty()) request.headers.emplace_back(name, value);
  }
  return request;
}

net::Task<void> send(net::HttpCall& call, admin::Answer answer) {
  if (answer.refused) {
    // Its own Retry-After stands before the usual one.
    const Error error = std::move(*answer.refused);
    co_return co_await answer_error(call, error, answer.headers);
  }
  for (const auto& [name, value] : answer.headers) {
    if (name != "content-type") call.add_header(name, value);
  }
  for (const auto& [name, value] : answer.headers) {
    if (name != "content-type") continue;
    const std::string type = value;
    co_return co_await answer_text(call, answer.status, type, std::move(answer.body));
  }
  co_await answer_json(call, answer.status, std::move(answer.body));
}

/// A page of another site may have had the browser send this, cookie and all. That matters where
/// cookies are read or set. Browsers say whose page it was; older ones, and those over plain HTTP,
/// only its address, and a page of another address cannot send JSON unasked.
bool is_of_another_site(const config::Cors& cors, const net::HttpCall& call) {
  constexpr std::string_view kCookieRoutes[] = {"/api/auth/login", "/api/auth/refresh",
                                                "/api/auth/logout"};
  if (std::ranges::find(kCookieRoutes, call.head().path()) == std::end(kCookieRoutes)) return false;
  const http::Fields& fields = call.head().fields;
  const std::string_view origin = fields.get("origin");
  const auto allowed = [&](const std::string& each) { return each == "*" || each == origin; };
  if (cors.enabled && !origin.empty() && std::ranges::any_of(cors.allowed_origins, allowed)) {
    return false;
  }
  const std::string_view site = fields.get("sec-fetch-site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  const size_t scheme = origin.find("://");
  if (origin.empty() || istarts_with(fields.get("content-type"), "application/json")) return false;
  return scheme == std::string_view::npos || origin.substr(scheme + 3) != fields.get("host");
}

/// By the gateway's own listener, or by what a trusted proxy says of its client.
bool is_encrypted(const relay::Snapshot& snapshot, const net::HttpCall& call) {
  if (snapshot.config->server.tls.enabled) return true;
  const auto peer = IpAddress::parse(call.peer());
  return peer && contains(snapshot.trusted_proxies, *peer) &&
         iequals(call.head().fields.get("x-forwarded-proto"), "https");
}

/// Hands the request to the services on the administration's own threads.
net::Task<void> serve(Administration& administration, net::HttpCall& call, admin::Principal who) {
  const std::string path(call.head().path());
  admin::Request request = request_of(call, std::move(who));
  const bool asking = admin::Service::asks_upstream(request.method, path);
  const bool patient = asking || admin::Service::takes_long(request.method, path);
  auto body = co_await call.read_body(admin::kMaxBody);
  if (!body) {
    if (body.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await answer_error(call, std::move(body.error()));
  }
  request.body = std::move(*body);
  call.scope().set_deadline(call.loop().now() + (patient ? Duration(kLong) : kShort));
  std::move_only_function<Result<admin::Answer>()> work = [&service = administration.service,
                                                           request = std::move(request)] {
    return service.handle(request);
  };
  net::BlockingPool& pool = asking ? administration.asking : administration.pool;
  auto answer = co_await net::offload<Result<admin::Answer>>(pool, std::move(work), call.scope());
  if (!answer) {
    if (answer.error().code == ErrorCode::kClientGone) co_return;
    if (asking && answer.error().code == ErrorCode::kInternal) {
      answer.error() = {.code = ErrorCode::kRateLimitExceeded,
                        .message = "many providers are being tested: try again in a moment",
                        .param = {}};
    }
    co_return co_await answer_error(call, std::move(answer.error()));
  }
  if (*answer) co_return co_await send(call, std::move(**answer));
  if (answer->error().code == ErrorCode::kMethodNotAllowed) {
    const std::string methods = admin::Service::methods_of(path);
    co_return co_await answer_wrong_method(call, methods);
  }
  co_await answer_error(call, std::move(answer->error()));
}

/// To what answers a path whose caller is known.
net::Task<void> route(Service& service, relay::LoopContext& context, net::HttpCall& call,
                      admin::Principal who) {
  std::string_view below = call.head().path();
  if (who.administrator && below.starts_with(kAdmin)) {
    below.remove_prefix(kAdmin.size());
    if (below == "workers") co_return co_await handle_admin_workers(service, call, {}, who);
    if (below.starts_with(kWorkers)) {
      auto id = http::percent_decode(below.substr(kWorkers.size()));
      co_return co_await handle_admin_workers(service, call, std::move(id).value_or("?"), who);
    }
    if (below == "routing/dry-run") co_return co_await handle_dry_run(service, context, call);
  }
  if (service.administration == nullptr) {
    co_return co_await answer_error(call, Error{.code = ErrorCode::kNotFound,
                                                .message = "this gateway has no database",
                                                .param = {}});
  }
  co_await serve(*service.administration, call, std::move(who));
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

Result<admin::Principal> principal_of(Service& service, const relay::Snapshot& snapshot,
                                      const net::HttpCall& call) {
  std::string address = relay::client_of(call, snapshot.trusted_proxies).to_string();
  const std::string_view credential = relay::client_credential(call.head().fields);
  if (!refuse_admin(snapshot, call)) {
    // Where no token is set this machine is trusted; who has logged in there is himself.
    const bool logged_in = snapshot.config->auth.admin_token.empty() && credential.contains('.');
    if (!logged_in || service.authenticator == nullptr) {
      return admin::Principal::token(std::move(address));
    }
  }
  if (credential.contains('.') && service.authenticator != nullptr) {
    return service.authenticator->authenticate(credential, std::move(address));
  }
  admin::Principal nobody;
  nobody.address = std::move(address);
  return nobody;
}

std::optional<Error> refuse_unless_administrator(const admin::Principal& who,
                                                 const relay::Snapshot& snapshot,
                                                 const net::HttpCall& call) {
  if (who.administrator) return std::nullopt;
  if (who.kind != admin::Principal::Kind::kUser) return refuse_admin(snapshot, call);
  return Error{
      .code = ErrorCode::kPermissionDenied, .message = "this is for administrators", .param = {}};
}

void note_change(Service& service, const admin::Principal& who, std::string action,
                 std::string_view subject, std::string_view after) {
  if (service.administration == nullptr) return;
  const auto missed = [](std::string_view why) {
    log::error("the audit log misses a change", {{"reason", why}});
  };
  const bool taken = service.administration->pool.submit(
      [missed, &audit = service.administration->service.database().audit(),
       entry = admin::audit_entry(who, std::move(action), subject, after)] {
        if (const Status noted = audit.note(entry); !noted) missed(noted.error().message);
      });
  if (!taken) missed("too much waits for the database");
}

net::Task<void> handle_management(Service& service, relay::LoopContext& context,
                                  net::HttpCall& call) {
  const relay::Snapshot& snapshot = *context.snapshot;
  if (is_of_another_site(snapshot.config->server.cors, call)) {
    co_return co_await answer_error(call,
                                    Error{.code = ErrorCode::kPermissionDenied,
                                          .message = "this came from a page of another site, which "
                                                     "server.cors.allowed_origins does not name",
                                          .param = {}});
  }
  auto who = principal_of(service, snapshot, call);
  if (!who) co_return co_await answer_error(call, std::move(who.error()));
  who->encrypted = is_encrypted(snapshot, call);
  who->here = is_local(snapshot, call) && !could_be_a_web_page(call.head().fields);
  const std::string_view path = call.head().path();
  const bool administration =
      path.starts_with(kAdmin) ||
      admin::Service::access_of(call.head().method, path) == admin::Access::kAdministrator;
  if (administration) {
    auto refused = refuse_unless_administrator(*who, snapshot, call);
    if (refused) co_return co_await answer_error(call, std::move(*refused));
  }
  co_await route(service, context, call, std::move(*who));
}

net::Task<void> AdminSocketHandler::handle(net::HttpCall& call) {
  if (!call.head().path().starts_with("/api/")) {
    co_return co_await answer_error(call, Error{.code = ErrorCode::kNotFound,
                                                .message = "only the administration is here",
                                                .param = {}});
  }
  if (call.head().path() == "/api/live") co_return co_await handle_live(service_, context_, call);
  if (call.head().path().starts_with("/api/live/")) {
    co_return co_await handle_end_live(service_, context_, call);
  }
  // "unix:UID", as the kernel says.
  std::string name(call.peer());
  if (name.starts_with("unix:")) name.replace(0, 5, "shell:");
  co_await route(service_, context_, call, admin::Principal::shell(std::move(name)));
}

std::string AdminSocketHandler::render_refusal(int, std::string_view reason) {
  return std::string(reason);
}

}  // namespace sluice::api
