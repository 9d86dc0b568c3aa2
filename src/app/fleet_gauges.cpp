#include "app/fleet_gauges.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace sluice::app {

namespace {

using observe::BreakerState;

BreakerState state_of(route::Breaker::State state) {
  switch (state) {
    case route::Breaker::State::kClosed:
      return BreakerState::kClosed;
    case route::Breaker::State::kOpen:
      return BreakerState::kOpen;
    case route::Breaker::State::kHalfOpen:
      return BreakerState::kHalfOpen;
  }
  return BreakerState::kClosed;
}

BreakerState state_of(std::string_view breaker) {
  if (breaker == "open") return BreakerState::kOpen;
  return breaker == "half_open" ? BreakerState::kHalfOpen : BreakerState::kClosed;
}

BreakerState worse(BreakerState a, BreakerState b) {
  if (a == BreakerState::kOpen || b == BreakerState::kOpen) return BreakerState::kOpen;
  return std::max(a, b);
}

}  // namespace

observe::FleetFigures fleet_figures(workers::Dispatcher& dispatcher,
                                    const route::TargetStates& targets, TimePoint now) {
  observe::FleetFigures figures;
  for (workers::QueueFigures& each : dispatcher.figures(now)) {
    figures.queues.push_back({.model = std::move(each.model),
                              .depth = each.depth,
                              .oldest = each.oldest,
                              .saturation = each.saturation,
                              .desired_workers = each.desired_workers});
  }
  for (workers::WorkerView& each : dispatcher.fleet().list(now)) {
    figures.workers.push_back({.worker = std::move(each.last.worker_id),
                               .state = std::string(each.state),
                               .score = each.score,
                               .free_vram = each.vram_free,
                               .active = each.active,
                               .drift = each.drift,
                               .breaker = state_of(each.breaker)});
  }
  std::map<std::string, BreakerState> providers;
  for (const auto& [name, state] : targets.providers()) {
    BreakerState& worst = providers[name];
    for (const auto& trouble : state->troubles(now)) worst = worse(worst, state_of(trouble.state));
  }
  figures.providers.assign(providers.begin(), providers.end());
  figures.heartbeats = dispatcher.fleet().heartbeats();
  return figures;
}

}  // namespace sluice::app
