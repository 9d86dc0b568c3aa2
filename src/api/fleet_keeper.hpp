// What has to be done for the workers and their queues although nobody asks for anything.
#pragma once

#include <functional>

#include "api/scale_webhook.hpp"
#include "config/config.hpp"
#include "net/http_client.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::api {

/// Forgets workers that are silent, wakes requests that wait for one that is well again, and tells
/// the operator's webhook. Loop thread only; one for the process. Outlives run().
class FleetKeeper {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(100);
  static constexpr Duration kLook = std::chrono::seconds(1);  // when nobody waits

  FleetKeeper(net::HttpClient& client, workers::Dispatcher& dispatcher)
      : dispatcher_(dispatcher), webhook_(client) {}

  /// Until `scope` is cancelled. `config` gives what is in force now.
  net::Task<void> run(std::function<config::ConfigPtr()> config, net::Scope& scope);

 private:
  workers::Dispatcher& dispatcher_;
  ScaleWebhook webhook_;
};

}  // namespace sluice::api
