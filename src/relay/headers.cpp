#include "relay/headers.hpp"

#include <algorithm>
#include <array>

#include "accounts/client_address.hpp"
#include "base/text.hpp"
#include "http/content_coding.hpp"
#include "quota/headers.hpp"

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

bool configured(std::string_view name, const Upstream& upstream) {
  for (const auto& [own, value] : upstream.provider->headers) {
    if (iequals(name, own)) return true;
  }
  return false;
}

bool withheld(std::string_view name, const UpstreamRequest& request) {
  for (const std::string_view each : kWithheld) {
    if (iequals(name, each)) return true;
  }
  if (istarts_with(name, "x-sluice-")) return true;
  if (request.translated && (istarts_with(name, "anthropic-") || istarts_with(name, "openai-"))) {
    return true;
  }
  // A tracestate belongs to its traceparent.
  if (!request.trace_continued && iequals(name, "tracestate")) return true;
  return configured(name, request.upstream) || http::is_hop_by_hop(name, request.client.fields);
}

/// Writes a head towards an upstream. Where the provider's configuration has a field, it stands
/// there once, with the configured value.
class HeadWriter {
 public:
  HeadWriter(const Upstream& upstream, std::string_view method, std::string_view path)
      : upstream_(upstream) {
    head_.reserve(1024);
    head_.append(method).append(" ").append(upstream.target_prefix).append(path);
    head_.append(" HTTP/1.1\r\n");
  }
  void add(std::string_view name, std::string_view value, std::string_view more = {}) {
    if (!configured(name, upstream_)) put(name, value, more);
  }
  void add_configured() {
    for (const auto& [name, value] : upstream_.provider->headers) put(name, value, {});
  }
  void add_credential(const Secret* credential) {
    if (credential == nullptr) return;
    switch (upstream_.dialect) {
      case dialect::Dialect::kAnthropic:
        return add("x-api-key", credential->expose());
      case dialect::Dialect::kGemini:
        return add("x-goog-api-key", credential->expose());
      case dialect::Dialect::kOpenAi:
      case dialect::Dialect::kResponses:
        return add("authorization", "Bearer ", credential->expose());
    }
  }
  std::string take() {
    head_.append("\r\n");
    return std::move(head_);
  }

 private:
  void put(std::string_view name, std::string_view value, std::string_view more) {
    head_.append(name).append(": ").append(value).append(more).append("\r\n");
  }

  const Upstream& upstream_;
  std::string head_;
};

constexpr std::string_view kAnthropicVersion = "2023-06-01";

// Of OpenAI, of Anthropic ("anthropic-ratelimit-", "anthropic-priority-", "anthropic-fast-"), and
// of the draft standard.
bool is_rate_limit(std::string_view name) {
  return istarts_with(name, "x-ratelimit-") || istarts_with(name, "ratelimit") ||
         istarts_with(name, "anthropic-ratelimit-") || istarts_with(name, "anthropic-priority-") ||
         istarts_with(name, "anthropic-fast-");
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

IpAddress client_of(const net::HttpCall& call, std::span<const Cidr> trusted_proxies) {
  const auto peer = IpAddress::parse(call.peer()).value_or(IpAddress{});
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
  std::string path =
      dialect::upstream_path(request.endpoint, upstream.base_path, request.model, request.stream);
  if (request.below.starts_with(':')) path.resize(path.rfind(':'));
  path.append(request.below);
  if (!request.translated) path.append(upstream_query(request.client.query()));
  HeadWriter head(upstream, "POST", path);
  head.add("host", upstream.host_header);
  for (const auto& [name, value] : fields) {
    if (!withheld(name, request)) head.add(name, value);
  }
  head.add_configured();
  if (!fields.has("content-type")) head.add("content-type", "application/json");
  // Events are read as they pass, so streams come plain. A whole answer may come compressed
  // where the client takes it so; a coding that is unknown here is not offered.
  const bool gzip =
      !request.stream && http::accepts(fields.get("accept-encoding"), http::Coding::kGzip);
  head.add("accept-encoding", gzip ? "gzip" : "identity");
  if (upstream.dialect == dialect::Dialect::kAnthropic &&
      (request.translated || !fields.has("anthropic-version"))) {
    head.add("anthropic-version", kAnthropicVersion);
  }
  head.add_credential(request.credential);
  head.add("x-request-id", request.request_id);
  head.add("traceparent", request.traceparent);
  head.add("content-length", std::to_string(request.body_size));
  return head.take();
}

std::string model_list_head(const Upstream& upstream, const Secret* credential) {
  const bool anthropic = upstream.dialect == dialect::Dialect::kAnthropic;
  const bool gemini = upstream.dialect == dialect::Dialect::kGemini;
  // The list lies beside the endpoints of its dialect.
  std::string path = dialect::upstream_path(anthropic ? dialect::Endpoint::kMessages
                                            : gemini  ? dialect::Endpoint::kGenerateContent
                                                      : dialect::Endpoint::kEmbeddings,
                                            upstream.base_path);
  path.erase(path.rfind(gemini ? "/models/" : "/"));
  path.append(anthropic ? "/models?limit=1000" : gemini ? "/models?pageSize=1000" : "/models");
  HeadWriter head(upstream, "GET", path);
  head.add("host", upstream.host_header);
  head.add_configured();
  head.add("accept-encoding", "identity");
  if (anthropic) head.add("anthropic-version", kAnthropicVersion);
  head.add_credential(credential);
  return head.take();
}

void pass_response_headers(const http::Fields& upstream, bool hide_limits,
                           net::HeaderList& headers) {
  const size_t own = headers.size();
  for (const auto& [name, value] : upstream) {
    if (hide_limits && is_rate_limit(name)) continue;
    if (iequals(name, "content-type") || iequals(name, "retry-after") ||
        istarts_with(name, "anthropic-") || istarts_with(name, "openai-") ||
        istarts_with(name, "x-ratelimit-") || istarts_with(name, "ratelimit")) {
      std::string lower = to_lower(name);
      const bool ours =
          std::ranges::any_of(headers.begin(), headers.begin() + static_cast<ptrdiff_t>(own),
                              [&](const auto& each) { return each.first == lower; });
      if (!ours) headers.emplace_back(std::move(lower), value);
    }
  }
}

void add_limits(const quota::LimitState& limits, net::HeaderList& headers) {
  for (auto& limit : quota::limit_headers(limits)) {
    std::erase_if(headers, [&](const auto& each) { return each.first == limit.first; });
    headers.push_back(std::move(limit));
  }
}

bool is_event_stream(const http::Fields& fields) {
  return istarts_with(fields.get("content-type"), "text/event-stream");
}

void add_stream_headers(net::HeaderList& headers) {
  headers.emplace_back("cache-control", "no-cache");
  // Asks proxies such as nginx in front of the gateway to pass events on at once.
  headers.emplace_back("x-accel-buffering", "no");
}

}  // namespace sluice::relay
