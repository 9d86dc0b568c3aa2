#include "discovery/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "http/url.hpp"
#include "json/slices.hpp"
#include "workers/heartbeat.hpp"

namespace sluice::discovery {

namespace {

constexpr size_t kMaxBody = 4 * 1024 * 1024;
constexpr size_t kMaxModelName = 256;
constexpr auto kNoLimit = std::chrono::hours(1);  // of its own: the scope has a deadline

/// The system's trust store, read once: that takes milliseconds.
Result<net::TlsContextPtr> web_tls() {
  static const Result<net::TlsContextPtr> made = net::TlsContext::client("");
  return made;
}

struct Answer {
  int status = 0;
  std::string body;
};

net::Task<Result<Answer>> get(net::HttpClient& client, const Place& place, std::string path,
                              std::string credential, net::Scope& scope) {
  auto connection = co_await client.acquire(place.origin, true, scope);
  if (!connection) co_return std::unexpected(std::move(connection.error()));
  const std::string head = fmt::format(
      "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: sluice\r\naccept-encoding: identity\r\n{}"
      "connection: close\r\n\r\n",
      path, place.host, credential);
  auto status = co_await (*connection)->send(head, {}, scope);
  if (status) status = co_await (*connection)->read_head("GET", scope);
  if (!status) co_return std::unexpected(std::move(status.error()));
  Answer answer{.status = (*connection)->head().status, .body = {}};
  for (;;) {
    net::BodyPiece piece = co_await (*connection)->next(scope);
    for (; piece.kind == net::BodyPiece::kData; piece = (*connection)->ready()) {
      answer.body.append(piece.data);
      if (answer.body.size() > kMaxBody) {
        co_return fail(ErrorCode::kProtocol, "the answer is too long");
      }
    }
    if (piece.kind == net::BodyPiece::kNone) continue;
    if (piece.kind == net::BodyPiece::kTimeout) co_return fail(ErrorCode::kTimeout, "timed out");
    if (piece.kind != net::BodyPiece::kEnd) {
      co_return fail(ErrorCode::kConnectionClosed, "the answer broke off");
    }
    co_return answer;
  }
}

bool is_name(std::string_view id) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !id.empty() && id.size() <= kMaxModelName && std::ranges::none_of(id, control);
}

bool good(int status) { return status >= 200 && status < 300; }

}  // namespace

std::string Place::endpoint() const {
  return fmt::format("{}://{}", origin.tls ? "https" : "http", host);
}

Result<Place> place_of(const config::Service& service) {
  if (service.protocol == "grpc") {
    return fail(ErrorCode::kConfig, "grpc is not spoken yet; give the port of its HTTP interface");
  }
  const bool v6 = service.host.contains(':') && !service.host.starts_with('[');
  const auto url = http::parse_url(fmt::format("{}://{}{}{}:{}", service.protocol, v6 ? "[" : "",
                                               service.host, v6 ? "]" : "", service.port));
  if (!url) return fail(ErrorCode::kConfig, url.error().message);
  if (!url->path.empty()) return fail(ErrorCode::kConfig, "the host must be a name alone");
  const bool printable = std::ranges::all_of(service.health_check, [](char c) {
    return c > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!service.health_check.starts_with('/') || !printable) {
    return fail(ErrorCode::kConfig, "health_check must be a path, such as /health");
  }
  Place place{.origin = {}, .host = url->host_header(), .health = service.health_check};
  place.origin.host = url->host;
  place.origin.port = url->port;
  place.origin.connect_timeout = kNoLimit;
  if (url->tls) {
    auto tls = web_tls();
    if (!tls) return std::unexpected(std::move(tls.error()));
    place.origin.tls = std::move(*tls);
  }
  place.origin.pool_key = fmt::format("discovery {}", place.endpoint());
  return place;
}

net::Task<Status> ask_health(net::HttpClient& client, const Place& place, net::Scope& scope) {
  const auto answer = co_await get(client, place, place.health, {}, scope);
  if (!answer) co_return std::unexpected(answer.error());
  if (!good(answer->status)) {
    co_return fail(ErrorCode::kUpstreamError,
                   fmt::format("{} answered {}", place.health, answer->status));
  }
  co_return Status{};
}

net::Task<Result<std::vector<std::string>>> ask_models(net::HttpClient& client, const Place& place,
                                                       const Secret& api_key, net::Scope& scope) {
  const std::string credential =
      api_key.empty() ? std::string()
                      : fmt::format("authorization: Bearer {}\r\n", api_key.expose());
  auto answer = co_await get(client, place, "/v1/models", credential, scope);
  if (answer && answer->status == 404) {
    answer = co_await get(client, place, "/models", credential, scope);
  }
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  if (!good(answer->status)) {
    co_return fail(ErrorCode::kUpstreamError,
                   fmt::format("its list of models answered {}", answer->status));
  }
  co_return read_model_ids(answer->body);
}

std::vector<std::string> read_model_ids(std::string_view body) {
  std::vector<std::string> ids;
  if (!json::valid(body)) return ids;
  const json::Value whole(body);
  const bool named = whole["models"].exists() && !whole["data"].exists();
  json::Elements list(whole[named ? "models" : "data"]);
  json::Value each;
  std::unordered_set<std::string> seen;
  while (list.next(each) && ids.size() < workers::kMaxModels) {
    auto id = each[named ? "name" : "id"].as_string();
    if (!id || !is_name(*id) || !seen.insert(*id).second) continue;
    ids.push_back(std::move(*id));
  }
  return ids;
}

}  // namespace sluice::discovery
