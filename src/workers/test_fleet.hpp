// Workers and demands for the tests of the fleet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workers/fleet.hpp"

namespace sluice::workers {

inline constexpr TimePoint kStart = TimePoint(std::chrono::seconds(100'000));
inline constexpr double kGatewayTime = 1.8e9;  // at kStart

inline double gateway_time(TimePoint at) { return kGatewayTime + seconds(at - kStart); }

inline Heartbeat worker_of(std::string id, std::string model = "m", int64_t max_tasks = 64) {
  Heartbeat heartbeat;
  heartbeat.endpoint = "http://" + id + ":8000";
  heartbeat.worker_id = std::move(id);
  heartbeat.supported = {std::move(model)};
  heartbeat.active_tasks = 0;
  heartbeat.max_tasks = max_tasks;
  heartbeat.total_vram = int64_t{80} << 30;
  heartbeat.available_vram = int64_t{8} << 30;
  return heartbeat;
}

inline Demand demand_for(std::string_view model = "m",
                         config::Strategy strategy = config::Strategy::kVram) {
  Demand demand;
  demand.model = model;
  demand.prompt_tokens = 1000;
  demand.strategy = strategy;
  return demand;
}

/// Without exploration, so that what a test says of one pick is so each time.
inline Fleet::Options steady() { return {.exploration = 0}; }

/// The seconds are virtual; heartbeats carry no more than the test sets.
inline bool beat(Fleet& fleet, const Heartbeat& heartbeat, TimePoint at) {
  return fleet.heartbeat(heartbeat, at, gateway_time(at)).value().known;
}

inline const WorkerView* view_of(const std::vector<WorkerView>& views, std::string_view id) {
  for (const WorkerView& view : views) {
    if (view.last.worker_id == id) return &view;
  }
  return nullptr;
}

inline WorkerView view(const Fleet& fleet, std::string_view id, TimePoint at) {
  const std::vector<WorkerView> views = fleet.list(at);
  const WorkerView* found = view_of(views, id);
  return found != nullptr ? *found : WorkerView{};
}

}  // namespace sluice::workers
