// What the fleet tells people, gauges and queues of its workers.
#include <algorithm>

#include "workers/fleet_state.hpp"

namespace sluice::workers {
namespace {

/// From where on a cache is as good as full: what is left goes before the running requests end.
constexpr double kFullCache = 0.8;
/// Requests that wait in a worker that has more than enough.
constexpr double kManyWaiting = 5;
/// What one worker's load counts at most, so that one that is swamped does not speak for all.
constexpr double kMostLoad = 1.25;

std::string_view state_of(const Worker& worker, TimePoint now, Duration ttl) {
  if (worker.expired(now, ttl)) return "expired";
  if (!worker.healthy) return "unhealthy";
  if (worker.drained) return "draining";
  switch (worker.last->state) {
    case WorkerState::kStarting:
      return "starting";
    case WorkerState::kDraining:
      return "draining";
    case WorkerState::kReady:
      break;
  }
  return worker.missed_beats(now) > 0 ? "stale" : "ready";
}

std::string_view name_of(route::Breaker::State state) {
  switch (state) {
    case route::Breaker::State::kClosed:
      return "closed";
    case route::Breaker::State::kOpen:
      return "open";
    case route::Breaker::State::kHalfOpen:
      return "half_open";
  }
  return "closed";
}

}  // namespace

bool Fleet::serves(std::string_view model) const {
  const State& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto found = s.models.find(model);
  if (found == s.models.end()) return false;
  for (const auto& tier : found->second) {
    for (const std::shared_ptr<Serving>& serving : tier) {
      if (serving->worker->routable(s.latest, s.options.ttl) == Out::kNo) return true;
    }
  }
  return false;
}

std::vector<std::string> Fleet::models() const {
  const State& s = *state_;
  std::vector<std::string> all;
  {
    const std::lock_guard lock(s.mutex);
    for (const auto& [model, tiers] : s.models) {
      const auto routable = [&](const std::shared_ptr<Serving>& serving) {
        return serving->worker->routable(s.latest, s.options.ttl) == Out::kNo;
      };
      if (std::ranges::any_of(tiers[0], routable) || std::ranges::any_of(tiers[1], routable)) {
        all.push_back(model);
      }
    }
  }
  std::ranges::sort(all);
  return all;
}

std::vector<WorkerView> Fleet::list(TimePoint now) const {
  const State& s = *state_;
  std::vector<WorkerView> all;
  std::vector<std::shared_ptr<const Heartbeat>> last;
  {
    const std::lock_guard lock(s.mutex);
    all.reserve(s.workers.size());
    last.reserve(s.workers.size());
    for (const auto& [id, worker] : s.workers) {
      const Standing standing = s.standing(*worker, now);
      last.push_back(worker->last);
      WorkerView& view = all.emplace_back();
      view.state = state_of(*worker, now, s.options.ttl);
      Out out = worker->routable(now, s.options.ttl);
      if (out == Out::kNo && !worker->breaker.lets_through(now)) out = Out::kFailed;
      bool serves = worker->servings.empty();
      for (const std::shared_ptr<Serving>& serving : worker->servings) {
        const Declines* const declines = serving->declines.get();
        if (declines != nullptr && declines->any(now)) view.declines.push_back(serving->id);
        serves = serves || declines == nullptr || !declines->all(now);
      }
      if (out == Out::kNo && !serves) out = Out::kDeclines;
      view.reason = reason_of(out);
      view.age = std::max(now - worker->seen, Duration(0));
      view.discovered = worker->discovered;
      view.active = standing.active;
      view.in_flight = worker->ledger.in_flight();
      if (worker->kv_total > 0) view.kv_free = standing.memory_free * worker->kv_unit;
      view.vram_free = worker->vram_free;
      view.score = score(standing, config::Strategy::kVram, s.options.weights).total;
      view.breaker = name_of(worker->breaker.state(now));
      view.drift = worker->ledger.drift();
      if (!worker->servings.empty()) {
        const TtftModel& speed = worker->servings.front()->speed;
        view.prefill_tps = speed.speed().prefill_tps;
        view.decode_step = speed.speed().step;
        view.ttft_error = speed.error();
      }
    }
  }
  for (size_t i = 0; i < all.size(); ++i) all[i].last = *last[i];
  return all;
}

Fleet::Load Fleet::load(std::string_view model, TimePoint now) const {
  const State& s = *state_;
  Load load;
  const std::lock_guard lock(s.mutex);
  const auto found = s.models.find(model);
  if (found == s.models.end()) return load;
  double weights = 0;
  double sum = 0;
  for (const std::shared_ptr<Serving>& serving : found->second[0]) {
    const Worker& worker = *serving->worker;
    if (worker.routable(now, s.options.ttl) != Out::kNo) continue;
    ++load.workers;
    // Who rests after a failure has nothing to give and nothing to do.
    if (!worker.breaker.lets_through(now)) continue;
    if (serving->declines && serving->declines->all(now)) continue;
    const Standing standing = s.standing(worker, now);
    load.slots += worker.max_tasks;
    load.active += standing.active;
    double most = worker.ledger.waiting(s.k()) / kManyWaiting;
    if (worker.limited) {
      most = std::max(most, worker.max_tasks > 0 ? standing.active / worker.max_tasks : 1);
    }
    if (worker.kv_total > 0) {
      most = std::max(most, (1 - standing.memory_free / standing.memory_total) / kFullCache);
    }
    const double weight = worker.limited ? worker.max_tasks : 1;
    weights += weight;
    sum += weight * std::min(most, kMostLoad);
  }
  if (weights > 0) {
    load.saturation = sum / weights;
  } else if (load.workers > 0) {
    load.saturation = 1;
  }
  return load;
}

uint64_t Fleet::heartbeats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->heartbeats;
}

}  // namespace sluice::workers
