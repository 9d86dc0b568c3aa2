#include "relay/worker_upstreams.hpp"

namespace sluice::relay {

namespace {

/// With the provider that it is described by.
struct WorkerUpstream {
  config::Provider provider;
  std::unique_ptr<const Upstream> upstream;
};

config::Provider describe(std::string_view endpoint, const config::Workers& workers) {
  config::Provider provider;
  provider.name = config::kWorkersTarget;
  provider.type = config::ProviderType::kOpenAiCompatible;
  provider.base_url = endpoint;
  // Servers that check no key may still insist on one.
  provider.api_keys.push_back(workers.api_key.empty() ? Secret("none") : workers.api_key);
  provider.timeouts = workers.timeouts;
  return provider;
}

}  // namespace

Result<std::shared_ptr<const Upstream>> WorkerUpstreams::get(std::string_view endpoint,
                                                             const config::ConfigPtr& config) {
  if (config_ != config || kept_.size() >= kMost) {
    kept_.clear();
    config_ = config;
  }
  std::string key(endpoint);
  if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
  auto made = std::make_shared<WorkerUpstream>();
  made->provider = describe(endpoint, config->workers);
  auto upstream = make_upstream(made->provider, 1, nullptr);
  if (!upstream) return std::unexpected(std::move(upstream.error()));
  made->upstream = std::move(*upstream);
  std::shared_ptr<const Upstream> shared(made, made->upstream.get());
  kept_.emplace(std::move(key), shared);
  return shared;
}

}  // namespace sluice::relay
