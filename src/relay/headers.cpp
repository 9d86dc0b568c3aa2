#include "relay/headers.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "http/content_coding.hpp"

namespace sluice::relay {

namespace {

using namespace std::string_view_literals;

// Never passed on: credentials and cookies are the client's affair with the gateway; the rest
// is said anew for the next hop.
constexpr std::array kWithheld = {
    "host"sv,    "content-length"sv, "authorization"sv, "x-api-key"sv,
    "api-key"sv, "x-goog-api-key"sv, "cookie"sv,        "accept-encoding"sv,
    "expect"sv,  "x-request-id"sv,   "traceparent"sv,   "proxy-authorization"sv,
};

bool withheld(std::string_view name, const UpstreamRequest& request) {
  for (const std::string_view each : kWithheld) {
    if (iequals(name, each)) return true;
  }
  if (istarts_with(name, "x-sluice-")) return true;
  // A tracestate belongs to its traceparent.
  if (!request.trace_continued && iequals(name, "tracestate")) return true;
  for (const auto& [own, value] : request.upstream.provider->headers) {
    if (iequals(name, own)) return true;
  }
  return http::is_hop_by_hop(name, request.client.fields);
}

}  // namespace

std::string_view client_credential(const http::Fields& fields) {
  const std::string_view authorization = fields.get("authorization");
  if (istarts_with(authorization, "bearer ")) {
    const std::string_view token = trim(authorization.substr(7));
    if (!token.empty()) return token;
  }
  return fields.get("x-api-key");
}

accounts::IpAddress client_of(const net::HttpCall& call,
                              std::span<const accounts::Cidr> trusted_proxies) {
  const auto peer = accounts::IpAddress::parse(call.peer()).value_or(accounts::IpAddress{});
  if (trusted_proxies.empty()) return peer;
  std::string forwarded;
  for (const auto& [name, value] : call.head().fields) {
    if (!iequals(name, "x-forwarded-for")) continue;
    forwarded.append(forwarded.empty() ? "" : ",").append(value);
  }
  return accounts::client_address(peer, forwarded, trusted_proxies);
}

std::string upstream_query(std::string_view query) {
  std::string kept;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::string_view name = pair.substr(0, pair.find('='));
    if (!iequals(name, "key") && !iequals(name, "api_key") && !iequals(name, "api-key")) {
      kept.append(kept.empty() ? "?" : "&").append(pair);
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return kept;
}

std::string upstream_head(const UpstreamRequest& request) {
  const Upstream& upstream = request.upstream;
  const http::Fields& fields = request.client.fields;
  std::string head;
  head.reserve(1024);
  head.append("POST ")
      .append(upstream.target_prefix)
      .append(dialect::upstream_path(request.endpoint, upstream.base_path))
      .append(upstream_query(request.client.query()))
      .append(" HTTP/1.1\r\n");
  const auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  add("host", upstream.host_header);
  for (const auto& [name, value] : fields) {
    if (!withheld(name, request)) add(name, value);
  }
  for (const auto& [name, value] : upstream.provider->headers) add(name, value);
  if (!fields.has("content-type")) add("content-type", "application/json");
  // Events are read as they pass, so streams come plain. A whole answer may come compressed
  // where the client takes it so; a coding that is unknown here is not offered.
  const bool gzip =
      !request.stream && http::accepts(fields.get("accept-encoding"), http::Coding::kGzip);
  add("accept-encoding", gzip ? "gzip" : "identity");
  const bool anthropic = upstream.dialect == dialect::Dialect::kAnthropic;
  if (anthropic && !fields.has("anthropic-version")) add("anthropic-version", "2023-06-01");
  if (request.credential != nullptr) {
    if (anthropic) {
      add("x-api-key", request.credential->expose());
    } else {
      head.append("authorization: Bearer ").append(request.credential->expose()).append("\r\n");
    }
  }
  add("x-request-id", request.request_id);
  add("traceparent", request.traceparent);
  fmt::format_to(std::back_inserter(head), "content-length: {}\r\n\r\n", request.body_size);
  return head;
}

void pass_response_headers(const http::Fields& upstream, net::HeaderList& headers) {
  for (const auto& [name, value] : upstream) {
    if (iequals(name, "content-type") || iequals(name, "retry-after") ||
        istarts_with(name, "anthropic-") || istarts_with(name, "openai-") ||
        istarts_with(name, "x-ratelimit-")) {
      headers.emplace_back(name, value);
    }
  }
}

}  // namespace sluice::relay
