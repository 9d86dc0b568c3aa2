// All that a request needs of the configuration, made once per load and never changed: a request
// keeps the snapshot it began with, a reload swaps in a new one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cidr.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/dialect.hpp"
#include "net/origin.hpp"
#include "net/public_fetch.hpp"
#include "quota/arrivals.hpp"
#include "relay/clients.hpp"
#include "route/balancer.hpp"
#include "route/provider_state.hpp"
#include "route/retry.hpp"
#include "route/retry_budget.hpp"
#include "route/table.hpp"

namespace sluice::relay {

/// A provider, or a worker, as the relay sees it.
struct Upstream {
  const config::Provider* provider = nullptr;
  dialect::Dialect dialect = dialect::Dialect::kOpenAi;
  bool responses = false;  // it has OpenAI's Responses too
  net::Origin origin;
  std::string base_path;    // of base_url, without a slash at its end
  std::string host_header;  // of base_url
  /// Before the path of a request line: empty, or scheme and authority towards a plain proxy.
  std::string target_prefix;
  /// Under which thinking is signed that clients of another dialect send back; empty: it is not.
  std::string signature_key;
  /// Shared by all loops and snapshots; null for a worker, of which the fleet knows.
  std::shared_ptr<route::ProviderState> state;
};

struct Snapshot {
  config::ConfigPtr config;
  route::RoutingTable routes;
  Clients clients;
  std::vector<Cidr> trusted_proxies;
  net::FetchPolicy fetch;                                  // of URLs that clients send
  std::vector<std::shared_ptr<const Upstream>> upstreams;  // as Config::providers
  std::vector<std::shared_ptr<route::Balancer>> groups;    // as Routing::groups
  std::shared_ptr<route::RetryBudget> retries;             // never null
  std::shared_ptr<quota::Arrivals> arrivals;               // never null

  const Upstream& upstream(const route::Target& target) const {
    return *upstreams[target.provider_index];
  }
  /// Longest answer of a model as configured, in tokens; 0 where nothing is.
  int64_t max_output(std::string_view model) const;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// `loops` divides the pool limits, which are per process. kConfig when a trust store cannot be
/// read, a provider's headers would break the framing of its requests, or the like. What is known
/// of the targets is in `states`, and so outlives the snapshot.
Result<SnapshotPtr> make_snapshot(const config::ConfigPtr& config, Clients clients, int loops,
                                  route::TargetStates& states);

/// The same with other clients: some microseconds of work.
SnapshotPtr with_clients(const Snapshot& snapshot, Clients clients);

/// A key of the provider that does not rest, for what is no inference; null where it has none.
const Secret* any_credential(const Upstream& upstream, TimePoint now);

/// `provider` outlives it.
Result<std::unique_ptr<const Upstream>> make_upstream(const config::Provider& provider, int loops,
                                                      std::shared_ptr<route::ProviderState> state);

}  // namespace sluice::relay
