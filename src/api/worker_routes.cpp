#include "api/worker_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "api/admin_routes.hpp"
#include "api/answer.hpp"
#include "api/operation.hpp"
#include "api/worker_view.hpp"
#include "base/cidr.hpp"
#include "base/clock.hpp"
#include "net/offload.hpp"
#include "observe/log.hpp"
#include "relay/caller.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

using dialect::Dialect;
using workers::Sender;

constexpr auto kPatience = std::chrono::seconds(10);

/// Who may see what of the workers. Lives as long as its snapshot.
struct Viewer {
  bool admin = false;
  const accounts::KeyRecord* key = nullptr;  // null: all models

  bool sees(std::string_view model) const { return key == nullptr || key->allows_model(model); }
};

/// Outlives the call that it is made for.
struct Wanted {
  relay::SnapshotPtr snapshot;
  Viewer viewer;
  std::string id;  // empty: all
};

std::string render_all(const workers::Fleet& fleet, const Wanted& wanted) {
  std::string body;
  json::Writer json(body);
  const bool list = wanted.id.empty();
  if (list) json.begin_object().member("object", "list").key("data").begin_array();
  for (const workers::WorkerView& worker : fleet.list(now())) {
    if (!list && worker.last.worker_id != wanted.id) continue;
    std::vector<std::string> models = models_of(worker.last);
    const bool none = models.empty();
    std::erase_if(models, [&](const std::string& each) { return !wanted.viewer.sees(each); });
    // Of a worker of which a key may use nothing it may know nothing.
    if (models.empty() && !none) continue;
    write_worker(json, worker, models, wanted.viewer.admin);
  }
  if (list) json.end_array().end_object();
  return body;
}

/// Answers in the shape of one of both worlds.
class Shape {
 public:
  Shape(net::HttpCall& call, std::optional<Dialect> dialect) : call_(call), dialect_(dialect) {}

  net::Task<void> error(Error error) {
    if (dialect_) return answer_error(call_, *dialect_, std::move(error));
    return answer_error(call_, std::move(error));
  }
  net::Task<void> wrong_method(std::string_view allowed) {
    if (dialect_) return answer_wrong_method(call_, *dialect_, allowed);
    return answer_wrong_method(call_, allowed);
  }

 private:
  net::HttpCall& call_;
  std::optional<Dialect> dialect_;
};

/// Thousands of workers take longer than a loop has: from the pool.
net::Task<void> answer_list(Service& service, net::HttpCall& call, Shape shape, Wanted wanted) {
  call.scope().set_deadline(call.loop().now() + kPatience);
  const std::string id = wanted.id;
  std::move_only_function<std::string()> render =
      [&fleet = service.fleet, wanted = std::move(wanted)] { return render_all(fleet, wanted); };
  auto body = co_await net::offload<std::string>(service.blocking, std::move(render), call.scope());
  if (!body) {
    if (body.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await shape.error(std::move(body.error()));
  }
  if (body->empty()) {
    co_return co_await shape.error(Error{.code = ErrorCode::kNotFound,
                                         .message = fmt::format("there is no worker \"{}\"", id),
                                         .param = {}});
  }
  co_await answer_json(call, 200, std::move(*body));
}

net::Task<void> drain(Service& service, net::HttpCall& call, Shape shape, Wanted wanted,
                      const admin::Principal& who) {
  if (service.fleet.drain(wanted.id, call.loop().now())) {
    log::info("a worker drains", {{"worker", wanted.id}, {"by", who.actor()}});
    note_change(service, who, "DELETE /api/admin/workers/{id}", wanted.id, R"({"drains":true})");
  }
  co_await answer_list(service, call, shape, std::move(wanted));
}

bool reads(std::string_view method) { return method == "GET" || method == "HEAD"; }

/// Without these the connection's other end is who calls. With them it is known only behind a
/// trusted proxy, and only from X-Forwarded-For.
bool address_is_known(const relay::Snapshot& snapshot, const net::HttpCall& call) {
  const http::Fields& fields = call.head().fields;
  if (fields.has("x-forwarded-for")) {
    const auto peer = IpAddress::parse(call.peer());
    return peer && contains(snapshot.trusted_proxies, *peer);
  }
  return !fields.has("forwarded") && !fields.has("x-real-ip");
}

bool allowed_network(const config::Workers& workers, const IpAddress& address) {
  return std::ranges::any_of(workers.allow, [&](const std::string& each) {
    const auto network = Cidr::parse(each);
    return network && network->contains(address);
  });
}

Error stranger_with_endpoint(const IpAddress& address) {
  return {.code = ErrorCode::kPermissionDenied,
          .message = fmt::format(
              "An endpoint is accepted only with workers.token, or where there is none from the "
              "gateway's own machine and from workers.allow, since whoever registers one receives "
              "prompts. This request came from {}.",
              address.to_string()),
          .param = "endpoint"};
}

}  // namespace

Result<workers::Sender> sender_of(const relay::Snapshot& snapshot, const net::HttpCall& call) {
  const config::Workers& known = snapshot.config->workers;
  if (!known.token.empty()) {
    if (known.token.equals(relay::client_credential(call.head().fields))) return Sender::kTrusted;
    return fail(ErrorCode::kInvalidApiKey, "Heartbeats need workers.token as a bearer token.");
  }
  // A browser says where its page comes from, and the page is not the machine it runs on.
  if (call.head().fields.has("origin")) return Sender::kStranger;
  if (!address_is_known(snapshot, call)) return Sender::kStranger;
  if (is_local(snapshot, call)) {
    return could_be_a_web_page(call.head().fields) ? Sender::kStranger : Sender::kTrusted;
  }
  const IpAddress address = relay::client_of(call, snapshot.trusted_proxies);
  return allowed_network(known, address) ? Sender::kTrusted : Sender::kStranger;
}

net::Task<void> handle_heartbeat(Service& service, relay::LoopContext& context,
                                 net::HttpCall& call) {
  const relay::SnapshotPtr snapshot = context.snapshot;
  const auto sender = sender_of(*snapshot, call);
  if (!sender) co_return co_await answer_error(call, Dialect::kOpenAi, sender.error());
  const IpAddress address = relay::client_of(call, snapshot->trusted_proxies);
  auto body = co_await call.read_body(workers::kMaxHeartbeat);
  if (!body) {
    if (body.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await answer_error(call, Dialect::kOpenAi, std::move(body.error()));
  }
  auto heartbeat = workers::parse_heartbeat(*body);
  if (!heartbeat) {
    co_return co_await answer_error(call, Dialect::kOpenAi, std::move(heartbeat.error()));
  }
  if (*sender == Sender::kStranger && !heartbeat->endpoint.empty()) {
    co_return co_await answer_error(call, Dialect::kOpenAi, stranger_with_endpoint(address));
  }
  const std::string id = heartbeat->worker_id;
  const std::string endpoint = heartbeat->endpoint;
  const double gw_time = static_cast<double>(wall_nanos()) * 1e-9;
  const auto reply =
      service.fleet.heartbeat(std::move(*heartbeat), call.loop().now(), gw_time, *sender);
  if (!reply) co_return co_await answer_error(call, Dialect::kOpenAi, reply.error());
  if (!reply->known && *sender == Sender::kTrusted) {
    log::info("a worker is there",
              {{"worker", id}, {"endpoint", endpoint}, {"client", address.to_string()}});
  }
  co_await answer_json(call, 200, workers::to_json(*reply));
}

net::Task<void> handle_workers(Service& service, relay::LoopContext& context, net::HttpCall& call,
                               std::string id) {
  const relay::SnapshotPtr snapshot = context.snapshot;
  Shape shape(call, Dialect::kOpenAi);
  const std::string_view method = call.head().method;
  if (!id.empty() && method == "DELETE") {
    const auto who = principal_of(service, *snapshot, call);
    if (!who) co_return co_await shape.error(who.error());
    if (auto refused = refuse_unless_administrator(*who, *snapshot, call)) {
      co_return co_await shape.error(std::move(*refused));
    }
    co_return co_await drain(service, call, shape,
                             {.snapshot = snapshot, .viewer = {.admin = true}, .id = std::move(id)},
                             *who);
  }
  if (!reads(method)) {
    co_return co_await shape.wrong_method(id.empty() ? "GET, HEAD" : "GET, HEAD, DELETE");
  }
  const auto who = principal_of(service, *snapshot, call);
  Viewer viewer{.admin = who && who->administrator};
  if (!viewer.admin) {
    const auto key = relay::authenticate(context, *snapshot, call);
    if (!key) co_return co_await shape.error(key.error());
    viewer.key = *key;
  }
  co_await answer_list(service, call, shape,
                       {.snapshot = snapshot, .viewer = viewer, .id = std::move(id)});
}

net::Task<void> handle_admin_workers(Service& service, net::HttpCall& call, std::string id,
                                     admin::Principal who) {
  Shape shape(call, std::nullopt);
  const std::string_view method = call.head().method;
  const bool drains = !id.empty() && method == "DELETE";
  if (!drains && !reads(method)) {
    co_return co_await shape.wrong_method(id.empty() ? "GET, HEAD" : "GET, HEAD, DELETE");
  }
  Wanted wanted{.snapshot = nullptr, .viewer = {.admin = true}, .id = std::move(id)};
  if (drains) co_return co_await drain(service, call, shape, std::move(wanted), who);
  co_await answer_list(service, call, shape, std::move(wanted));
}

}  // namespace sluice::api
