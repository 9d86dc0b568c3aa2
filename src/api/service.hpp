// What the HTTP routes of all loops share.
#pragma once

#include <atomic>
#include <cstdint>

#include "net/blocking_pool.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"

namespace sluice::api {

enum class Phase : uint8_t { kStarting, kServing, kDraining };

/// Owned by the process, outlives every loop. Thread-safe as its members are.
struct Service {
  observe::Metrics& metrics;
  observe::LiveBoard& live;
  net::BlockingPool& blocking;
  std::atomic<Phase> phase{Phase::kStarting};
};

}  // namespace sluice::api
