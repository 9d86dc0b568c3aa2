#include "discovery/source.hpp"

namespace sluice::discovery {

net::Task<Result<std::vector<config::Service>>> StaticSource::services(net::Scope&) {
  co_return services_;
}

Result<std::unique_ptr<Source>> make_source(const config::Discovery& discovery) {
  if (!discovery.enabled) return std::make_unique<StaticSource>(std::vector<config::Service>());
  switch (discovery.type) {
    case config::DiscoveryType::kStatic:
      return std::make_unique<StaticSource>(discovery.services);
    case config::DiscoveryType::kConsul:
      return fail(ErrorCode::kConfig, "discovery.type: consul is not spoken yet");
    case config::DiscoveryType::kKubernetes:
      return fail(ErrorCode::kConfig, "discovery.type: kubernetes is not spoken yet");
  }
  return fail(ErrorCode::kConfig, "discovery.type: unknown");
}

}  // namespace sluice::discovery
