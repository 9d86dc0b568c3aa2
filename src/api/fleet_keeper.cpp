#include "api/fleet_keeper.hpp"

namespace sluice::api {

net::Task<void> FleetKeeper::run(std::function<config::ConfigPtr()> config, net::Scope& scope) {
  net::Loop& loop = scope.loop();
  TimePoint swept = loop.now();
  TimePoint looked{};
  while (co_await net::Sleep(scope, loop.now() + kTick) == net::Outcome::kTimeout) {
    const TimePoint now = loop.now();
    const config::ConfigPtr current = config();
    if (now - swept >= current->workers.cleanup_interval) {
      dispatcher_.fleet().sweep(now);
      swept = now;
    }
    const bool look = now - looked >= kLook;
    if (look || dispatcher_.waiting() > 0) dispatcher_.tick(now);
    if (!look) continue;
    looked = now;
    const std::string& url = current->routing.scale_webhook;
    webhook_.look(url.empty() ? std::vector<workers::QueueFigures>() : dispatcher_.figures(now),
                  url, loop);
  }
  co_await webhook_.end();
}

}  // namespace sluice::api
