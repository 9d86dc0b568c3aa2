#include "observe/fleet_figures.hpp"

#include <algorithm>

#include "observe/prometheus_text.hpp"

namespace sluice::observe {
namespace {

constexpr std::string_view kOther = "other";

/// Those that have a series of their own, and the others.
template <typename Each>
struct Cut {
  std::vector<const Each*> shown;
  std::vector<const Each*> rest;
};

template <typename Each>
Cut<Each> cut(const std::vector<Each>& all, std::string Each::* name) {
  Cut<Each> cut;
  for (const Each& each : all) {
    const bool own = each.*name != kOther && cut.shown.size() < FleetFigures::kMostSeries;
    (own ? cut.shown : cut.rest).push_back(&each);
  }
  return cut;
}

QueueFigures sum(const std::vector<const QueueFigures*>& queues) {
  QueueFigures sum;
  sum.model = kOther;
  for (const QueueFigures* each : queues) {
    for (size_t i = 0; i < sum.depth.size(); ++i) sum.depth[i] += each->depth[i];
    sum.oldest = std::max(sum.oldest, each->oldest);
    sum.saturation = std::max(sum.saturation, each->saturation);
    sum.desired_workers += each->desired_workers;
  }
  return sum;
}

void queues(PrometheusText& text, const FleetFigures& fleet) {
  const Cut<QueueFigures> parts = cut(fleet.queues, &QueueFigures::model);
  std::vector<QueueFigures> shown;
  for (const QueueFigures* each : parts.shown) shown.push_back(*each);
  if (!parts.rest.empty()) shown.push_back(sum(parts.rest));
  const auto model = [](const QueueFigures& each) {
    return fmt::format("model=\"{}\"", label_value(each.model));
  };
  text.family("gateway_queue_depth", "gauge", "Requests that wait for a worker, by class.");
  for (const QueueFigures& each : shown) {
    for (size_t i = 0; i < kClassNames.size(); ++i) {
      text.sample(fmt::format("{},class=\"{}\"", model(each), kClassNames[i]), each.depth[i]);
    }
  }
  text.family("gateway_queue_oldest_wait_seconds", "gauge",
              "How long the request has waited that waits longest for a worker.");
  for (const QueueFigures& each : shown) text.sample(model(each), seconds(each.oldest));
  text.family("gateway_saturation", "gauge", "How full the workers of a model are; 1 is full.");
  for (const QueueFigures& each : shown) text.sample(model(each), each.saturation);
  text.family("gateway_desired_workers", "gauge",
              "Workers that the present demand needs, at 80 % of what one can do.");
  for (const QueueFigures& each : shown) text.sample(model(each), each.desired_workers);
}

void workers(PrometheusText& text, const FleetFigures& fleet) {
  const Cut<WorkerFigures> parts = cut(fleet.workers, &WorkerFigures::worker);
  const auto gauge = [&](std::string_view name, std::string_view help,
                         double WorkerFigures::* value, bool adds_up) {
    text.family(name, "gauge", help);
    for (const WorkerFigures* each : parts.shown) {
      text.sample(fmt::format("worker=\"{}\"", label_value(each->worker)), each->*value);
    }
    if (parts.rest.empty() || !adds_up) return;
    double sum = 0;
    for (const WorkerFigures* each : parts.rest) sum += each->*value;
    text.sample("worker=\"other\"", sum);
  };
  gauge("gateway_worker_score",
        "Score of a worker for a request of average kind; higher is better.", &WorkerFigures::score,
        false);
  gauge("gateway_worker_free_vram_bytes", "VRAM that a worker said is free.",
        &WorkerFigures::free_vram, true);
  gauge("gateway_worker_active", "Requests on a worker: what it said, and what came after.",
        &WorkerFigures::active, true);
  gauge("gateway_worker_ledger_drift",
        "Requests by which the gateway's own count was off at the worker's last heartbeat.",
        &WorkerFigures::drift, false);

  text.family("gateway_workers", "gauge", "Workers by state.");
  for (const std::string_view state : kWorkerStates) {
    text.sample(fmt::format("state=\"{}\"", state),
                std::ranges::count(fleet.workers, state, &WorkerFigures::state));
  }
}

void breakers(PrometheusText& text, const FleetFigures& fleet) {
  text.family("gateway_circuit_breaker_state", "gauge",
              "0: closed, 1: open, 2: half open; of a provider the worst of its keys and models.");
  for (const auto& [provider, state] : fleet.providers) {
    text.sample(fmt::format("provider=\"{}\"", label_value(provider)), static_cast<int>(state));
  }
  for (const WorkerFigures* each : cut(fleet.workers, &WorkerFigures::worker).shown) {
    text.sample(fmt::format("worker=\"{}\"", label_value(each->worker)),
                static_cast<int>(each->breaker));
  }
}

}  // namespace

void render_prometheus(PrometheusText& text, const FleetFigures& fleet) {
  queues(text, fleet);
  workers(text, fleet);
  breakers(text, fleet);
  text.single("gateway_heartbeats_total", "counter", "Heartbeats of workers that were understood.",
              fleet.heartbeats);
}

void render_json(json::Writer& json, const FleetFigures& fleet) {
  int64_t depth = 0;
  double saturation = 0;
  for (const QueueFigures& each : fleet.queues) {
    for (const int64_t waiting : each.depth) depth += waiting;
    saturation = std::max(saturation, each.saturation);
  }
  json.member("queue_depth", depth).member("saturation", saturation);
  json.key("workers").begin_object();
  for (const std::string_view state : kWorkerStates) {
    json.member(state, std::ranges::count(fleet.workers, state, &WorkerFigures::state));
  }
  json.end_object();
}

}  // namespace sluice::observe
