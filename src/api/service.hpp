// What the HTTP routes of all loops share.
#pragma once

#include <atomic>
#include <cstdint>

#include "net/blocking_pool.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "quota/registry.hpp"
#include "store/database.hpp"
#include "tokens/calibration.hpp"

namespace sluice::api {

struct Administration;

enum class Phase : uint8_t { kStarting, kServing, kDraining };

/// Owned by the process, outlives every loop. Thread-safe as its members are.
struct Service {
  observe::Metrics& metrics;
  observe::LiveBoard& live;
  net::BlockingPool& blocking;
  quota::Registry& registry;
  tokens::Calibration& calibration;
  /// Set before the first loop starts.
  store::Database* database = nullptr;
  Administration* administration = nullptr;
  std::atomic<Phase> phase{Phase::kStarting};
};

}  // namespace sluice::api
