#include "api/probe_verdict.hpp"

#include <fmt/format.h>

#include "api/model_catalog.hpp"
#include "dialect/upstream_error.hpp"
#include "json/reader.hpp"
#include "json/slices.hpp"

namespace sluice::api {

namespace {

using admin::ProbeVerdict;

constexpr size_t kMaxSaid = 200;         // bytes
constexpr size_t kMaxLooked = 8 * 1024;  // bytes
constexpr size_t kShortestSecret = 4;    // what is shorter stands in any text

ProbeVerdict problem(std::string what, std::string message, int status = 0) {
  return {.status = status, .problem = std::move(what), .message = std::move(message), .said = {}};
}

std::string host_of(const relay::Upstream& upstream) {
  const net::Origin& origin = upstream.origin;
  if (origin.proxy) return fmt::format("the proxy {}:{}", origin.proxy->host, origin.proxy->port);
  return fmt::format("{}:{}", origin.host, origin.port);
}

ProbeVerdict timed_out(const relay::Upstream& upstream, const net::ConnectSteps& steps, bool sent) {
  const auto late = [](std::string message) { return problem("timeout", std::move(message)); };
  const std::string host = host_of(upstream);
  if (sent) return late(fmt::format("{} took the request and did not answer in time", host));
  if (steps.resolved == TimePoint{}) {
    return late(fmt::format("looking up {} took too long", host));
  }
  if (steps.connected == TimePoint{}) {
    return late(fmt::format("{} did not take the connection in time", host));
  }
  if (upstream.origin.proxy && upstream.origin.tls && steps.tunnelled == TimePoint{}) {
    return late(fmt::format("{} did not say in time whether it connects to {}", host,
                            upstream.origin.host));
  }
  return late(fmt::format("{} did not end the TLS handshake in time", host));
}

ProbeVerdict tls_failed(const relay::Upstream& upstream, const std::string& why) {
  const std::string& host = upstream.origin.host;
  const auto told = [&](std::string what, std::string_view meaning) {
    return problem(std::move(what), fmt::format("{} {} ({})", host, meaning, why));
  };
  if (why.contains("hostname mismatch") || why.contains("IP address mismatch")) {
    return told("certificate_name", "shows a certificate for another name");
  }
  if (why.contains("has expired")) return told("certificate_expired", "shows an old certificate");
  if (why.contains("not yet valid")) {
    return told("certificate_expired", "shows a certificate that is not valid yet");
  }
  if (why.starts_with("certificate not trusted")) {
    return told("certificate_untrusted",
                upstream.provider->ca_file.empty()
                    ? "shows a certificate that the system does not trust; ca_file can name others"
                    : "shows a certificate that is not from one of ca_file");
  }
  if (why.contains("wrong version number") || why.contains("packet length too long")) {
    return told("tls", "does not speak TLS at this port");
  }
  return told("tls", "did not agree on TLS");
}

/// Of the provider's own words, those that a person is meant to read.
std::string words_of(const ProbeAnswer& answer, const relay::Upstream& upstream) {
  if (answer.status >= 400) {
    return presentable(
        dialect::classify_upstream_error(upstream.dialect, answer.status, answer.body).detail,
        *upstream.provider);
  }
  return presentable(answer.body, *upstream.provider);
}

ProbeVerdict refused(const ProbeAnswer& answer, const relay::Upstream& upstream) {
  const int status = answer.status;
  if (status < 400) {
    return problem("redirected",
                   fmt::format("it answers {} and leads to \"{}\"; redirections are not followed",
                               status, presentable(answer.location, *upstream.provider)),
                   status);
  }
  using Kind = dialect::FailureKind;
  const auto failure = dialect::classify_upstream_error(upstream.dialect, status, answer.body);
  if (status == 401) {
    return problem("unauthorized",
                   answer.with_key ? "the provider refuses this key"
                                   : "the provider wants a key, and none is configured",
                   status);
  }
  if (failure.kind == Kind::kQuotaExhausted) {
    return problem("quota_exhausted", "the account behind this key has no money or quota left",
                   status);
  }
  if (status == 403 || failure.kind == Kind::kAuth) {
    return problem("forbidden", "the provider does not let this key do that", status);
  }
  if (failure.kind == Kind::kModelNotFound && !answer.model.empty()) {
    return problem("model_not_found",
                   fmt::format("the provider does not have the model {}", answer.model), status);
  }
  if (status == 404 || status == 405) {
    return problem("not_found",
                   answer.model.empty()
                       ? "there is no list of models: is base_url the one of the API?"
                       : "there is no such address: is base_url the one of the API?",
                   status);
  }
  if (status == 429) {
    return problem("rate_limited", "the provider wants fewer requests with this key", status);
  }
  if (status >= 500) {
    return problem("upstream_error", fmt::format("the provider answers {}", status), status);
  }
  return problem("refused", fmt::format("the provider refuses the request with {}", status),
                 status);
}

/// The member that an answer of this dialect has.
std::string_view content_member(dialect::Dialect dialect) {
  if (dialect == dialect::Dialect::kAnthropic) return "content";
  return dialect == dialect::Dialect::kGemini ? "candidates" : "choices";
}

}  // namespace

std::optional<size_t> models_in(std::string_view body) {
  if (!json::valid(body)) return std::nullopt;
  const json::Value whole(body);
  for (const std::string_view name : {"models", "data"}) {
    if (whole[name].kind() == json::Kind::kArray) return parse_model_list(body, {}).size();
  }
  return std::nullopt;
}

ProbeVerdict verdict_of(const Error& error, const relay::Upstream& upstream,
                        const net::ConnectSteps& steps, bool sent) {
  const std::string host = host_of(upstream);
  const std::string& why = error.message;
  switch (error.code) {
    case ErrorCode::kResolve:
      return problem("unknown_host", fmt::format("the host has no address: {}", why));
    case ErrorCode::kTimeout:
    case ErrorCode::kUpstreamTimeout:
      return timed_out(upstream, steps, sent);
    case ErrorCode::kTls:
      return tls_failed(upstream, why);
    case ErrorCode::kUpstreamUnreachable:
      if (steps.connected != TimePoint{}) return problem("proxy", why);
      return problem("unreachable", fmt::format("{} takes no connection ({})", host, why));
    case ErrorCode::kConnectionClosed:
      return problem("closed",
                     fmt::format("{} closed the connection before it had answered", host));
    case ErrorCode::kProtocol:
      return problem("garbage", fmt::format("what {} answers is not HTTP ({})", host, why));
    default:
      return problem("failed", why);
  }
}

ProbeVerdict verdict_of(const ProbeAnswer& answer, const relay::Upstream& upstream) {
  if (answer.status >= 300) {
    ProbeVerdict verdict = refused(answer, upstream);
    verdict.said = words_of(answer, upstream);
    return verdict;
  }
  const bool good = answer.model.empty()
                        ? models_in(answer.body).has_value()
                        : json::valid(answer.body) &&
                              json::Value(answer.body)[content_member(upstream.dialect)].exists();
  if (good) return {.status = answer.status, .problem = {}, .message = {}, .said = {}};
  ProbeVerdict verdict = problem(
      "garbage",
      answer.model.empty() ? "what it answers is no list of models: is base_url the one of the API?"
                           : "what it answers is not what its type would: is the type right?",
      answer.status);
  verdict.said = words_of(answer, upstream);
  return verdict;
}

std::string presentable(std::string_view text, const config::Provider& provider) {
  std::string line(text.substr(0, kMaxLooked));
  const auto strike = [&](std::string_view secret) {
    if (secret.size() < kShortestSecret) return;
    for (size_t at = 0; (at = line.find(secret, at)) != std::string::npos; at += 3) {
      line.replace(at, secret.size(), "***");
    }
    // The text may be cut inside of it.
    for (size_t left = secret.size() - 1; left >= kShortestSecret; --left) {
      if (!line.ends_with(secret.substr(0, left))) continue;
      line.replace(line.size() - left, left, "***");
      break;
    }
  };
  for (const Secret& each : provider.api_keys) strike(each.expose());
  for (const auto& [name, value] : provider.headers) {
    strike(value);
    // "Bearer sk-...": what follows the scheme is the secret.
    if (const size_t blank = value.find(' '); blank != std::string::npos) {
      strike(std::string_view(value).substr(blank + 1));
    }
  }
  std::string out;
  for (const char c : line) {
    const bool blank = static_cast<unsigned char>(c) <= 32 || c == 127;
    if (!blank) {
      out += c;
    } else if (!out.empty() && !out.ends_with(' ')) {
      out += ' ';
    }
  }
  if (out.size() > kMaxSaid) {
    size_t end = kMaxSaid;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
  }
  while (out.ends_with(' ')) out.pop_back();
  return json::valid_utf8(out) ? out : std::string("(no readable text)");
}

}  // namespace sluice::api
