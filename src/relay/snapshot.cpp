#include "relay/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "dialect/models.hpp"
#include "http/head.hpp"
#include "http/url.hpp"
#include "relay/translation.hpp"

namespace sluice::relay {

namespace {

size_t share(int limit, int loops) {
  // A limit of 0 keeps nothing; any other leaves every loop one.
  return static_cast<size_t>((limit + loops - 1) / loops);
}

/// The system's trust store, read once: that takes milliseconds, and every change of a key makes a
/// snapshot.
Result<net::TlsContextPtr> web_tls() {
  static const Result<net::TlsContextPtr> made = net::TlsContext::client("");
  return made;
}

Result<net::FetchPolicy> make_fetch_policy(const config::Fetch& fetch) {
  auto allow = parse_cidrs(fetch.allow);
  if (!allow) return std::unexpected(std::move(allow.error()));
  net::FetchPolicy policy{.allow = std::move(*allow),
                          .max_size = static_cast<size_t>(fetch.max_size),
                          .timeout = fetch.timeout,
                          .tls = nullptr};
  if (!fetch.enabled) return policy;
  auto tls = web_tls();
  if (!tls) return std::unexpected(std::move(tls.error()));
  policy.tls = std::move(*tls);
  return policy;
}

}  // namespace

Result<std::unique_ptr<const Upstream>> make_upstream(const config::Provider& provider, int loops,
                                                      std::shared_ptr<route::ProviderState> state) {
  const auto wrong = [&](std::string_view field, std::string_view what) {
    return fail(ErrorCode::kConfig, fmt::format("provider {}: {}: {}", provider.name, field, what));
  };
  auto upstream = std::make_unique<Upstream>();
  upstream->provider = &provider;
  upstream->state = std::move(state);
  upstream->dialect = dialect::dialect_of(provider.type);
  upstream->responses = provider.responses.value_or(provider.type == config::ProviderType::kOpenAi);

  if (!provider.api_keys.empty()) {
    // The same in every gateway with this configuration, and after a restart.
    upstream->signature_key = crypto::sha256_hex("thinking signatures\n" +
                                                 std::string(provider.api_keys.front().expose()));
  }
  const auto url = http::parse_url(provider.base_url);
  if (!url) return wrong("base_url", url.error().message);
  for (const auto& [name, value] : provider.headers) {
    if (http::is_hop_by_hop(name, {}) || iequals(name, "content-length") ||
        iequals(name, "expect")) {
      return wrong("headers", fmt::format("\"{}\" is the gateway's own to say", name));
    }
  }
  upstream->base_path = url->path;
  upstream->host_header = url->host_header();

  net::Origin& origin = upstream->origin;
  origin.host = url->host;
  origin.port = url->port;
  origin.connect_timeout = provider.timeouts.connect;
  origin.max_idle = share(provider.pool.max_idle, loops);
  origin.max_idle_per_host = share(provider.pool.max_idle_per_host, loops);
  origin.idle_timeout = provider.pool.idle_timeout;
  if (url->tls) {
    auto tls = net::TlsContext::client(provider.ca_file);
    if (!tls) return wrong("ca_file", tls.error().message);
    origin.tls = std::move(*tls);
  }
  if (!provider.proxy.empty()) {
    const auto proxy = http::parse_url(provider.proxy);
    if (!proxy) return wrong("proxy", proxy.error().message);
    if (proxy->tls) return wrong("proxy", "only http:// proxies are supported");
    origin.proxy = net::Origin::Proxy{proxy->host, proxy->port};
    if (!url->tls) upstream->target_prefix = "http://" + upstream->host_header;
  }
  origin.pool_key = fmt::format("{}://{}:{} {} {}", url->tls ? "https" : "http", url->host,
                                url->port, provider.ca_file, provider.proxy);
  return upstream;
}

const Secret* any_credential(const Upstream& upstream, TimePoint now) {
  const std::vector<Secret>& keys = upstream.provider->api_keys;
  if (!upstream.state) return keys.empty() ? nullptr : &keys.front();
  const auto choice = upstream.state->pick({}, now);
  return choice && choice->key ? &keys[*choice->key] : nullptr;
}

namespace {

std::shared_ptr<quota::Arrivals> arrivals_of(const config::Limiter& limiter) {
  if (!limiter.enabled) return std::make_shared<quota::Arrivals>();
  return std::make_shared<quota::Arrivals>(limiter.default_rate, limiter.max_rate);
}

}  // namespace

int64_t Snapshot::max_output(std::string_view model) const {
  const auto found = std::ranges::find(config->models, model, &config::Model::name);
  return found == config->models.end() ? 0 : found->max_output;
}

Result<SnapshotPtr> make_snapshot(const config::ConfigPtr& config, Clients clients, int loops,
                                  route::TargetStates& states) {
  auto proxies = parse_cidrs(config->server.trusted_proxies);
  if (!proxies) return std::unexpected(proxies.error());
  auto fetch = make_fetch_policy(config->fetch);
  if (!fetch) return std::unexpected(fetch.error());
  for (const config::Model& model : config->models) {
    dialect::chat::Capabilities scratch;
    const Status known = override_capabilities(scratch, model);
    if (!known) return std::unexpected(known.error());
  }
  std::vector<std::shared_ptr<const Upstream>> upstreams;
  for (const config::Provider& provider : config->providers) {
    auto upstream = make_upstream(provider, loops, states.provider(provider));
    if (!upstream) return std::unexpected(upstream.error());
    upstreams.push_back(std::move(*upstream));
  }
  std::vector<std::shared_ptr<route::Balancer>> groups;
  for (const config::Group& group : config->routing.groups) groups.push_back(states.group(group));
  return std::shared_ptr<const Snapshot>(new Snapshot{
      .config = config,
      .routes = route::RoutingTable(config),
      .clients = std::move(clients),
      .trusted_proxies = std::move(*proxies),
      .fetch = std::move(*fetch),
      .upstreams = std::move(upstreams),
      .groups = std::move(groups),
      .retries = std::make_shared<route::RetryBudget>(config->routing.retry.budget),
      .arrivals = arrivals_of(config->limiter),
  });
}

SnapshotPtr with_clients(const Snapshot& snapshot, Clients clients) {
  return std::shared_ptr<const Snapshot>(new Snapshot{
      .config = snapshot.config,
      .routes = snapshot.routes,
      .clients = std::move(clients),
      .trusted_proxies = snapshot.trusted_proxies,
      .fetch = snapshot.fetch,
      .upstreams = snapshot.upstreams,
      .groups = snapshot.groups,
      .retries = snapshot.retries,
      .arrivals = snapshot.arrivals,
  });
}

}  // namespace sluice::relay
