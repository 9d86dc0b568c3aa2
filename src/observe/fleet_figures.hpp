// What a scrape tells of GPU workers, of the requests that wait for them, and of what has failed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "json/writer.hpp"

namespace sluice::observe {

class PrometheusText;

/// As gateway_circuit_breaker_state has it.
enum class BreakerState : uint8_t { kClosed = 0, kOpen = 1, kHalfOpen = 2 };

/// The classes of requests, in the order of QueueFigures::depth.
inline constexpr std::array<std::string_view, 3> kClassNames = {"interactive", "default", "bulk"};

/// Of a model that workers serve.
struct QueueFigures {
  std::string model;
  std::array<int64_t, kClassNames.size()> depth{};  // waiting
  Duration oldest{0};
  double saturation = 0;
  int desired_workers = 0;
};

struct WorkerFigures {
  std::string worker;
  std::string state = {};  // one of kWorkerStates
  double score = 0;
  double free_vram = 0;  // bytes
  double active = 0;
  double drift = 0;
  BreakerState breaker = BreakerState::kClosed;
};

inline constexpr std::array<std::string_view, 6> kWorkerStates = {
    "starting", "ready", "draining", "stale", "expired", "unhealthy"};

struct FleetFigures {
  /// More series than this of one kind are added up under "other", as far as they can be.
  static constexpr size_t kMostSeries = 256;

  std::vector<QueueFigures> queues = {};
  std::vector<WorkerFigures> workers = {};
  std::vector<std::pair<std::string, BreakerState>> providers = {};  // by name
  uint64_t heartbeats = 0;                                           // since the start
};

void render_prometheus(PrometheusText& text, const FleetFigures& fleet);
/// Members of an object that is open.
void render_json(json::Writer& json, const FleetFigures& fleet);

}  // namespace sluice::observe
