// What the HTTP routes of all loops share.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "accounts/logins.hpp"
#include "admin/principal.hpp"
#include "net/blocking_pool.hpp"
#include "net/loop.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "quota/registry.hpp"
#include "relay/learned_models.hpp"
#include "store/database.hpp"
#include "tokens/calibration.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::api {

struct Administration;

/// A loop and the requests on it.
struct LoopRequests {
  net::Loop* loop = nullptr;
  observe::LiveShard* live = nullptr;
};

enum class Phase : uint8_t { kStarting, kServing, kDraining };

/// Owned by the process, outlives every loop. Thread-safe as its members are.
struct Service {
  observe::Metrics& metrics;
  observe::LiveBoard& live;
  net::BlockingPool& blocking;
  net::BlockingPool& foreign_lookups;  // of hosts that clients name
  quota::Registry& registry;
  tokens::Calibration& calibration;
  relay::LearnedModels& learned;
  workers::Fleet& fleet;
  workers::Dispatcher& dispatcher;
  /// Set before the first loop starts.
  store::Database* database = nullptr;
  Administration* administration = nullptr;
  /// Of users who have logged in; null: there are none.
  admin::Authenticator* authenticator = nullptr;
  accounts::Logins* logins = nullptr;  // the same, as callers of the inference routes
  /// All loops; they live as long as any of them runs.
  std::vector<LoopRequests> loops = {};
  std::atomic<Phase> phase{Phase::kStarting};
};

}  // namespace sluice::api
