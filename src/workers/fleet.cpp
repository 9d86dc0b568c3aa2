#include "workers/fleet.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace sluice::workers {
namespace {

struct Worker {
  Heartbeat last;
  TimePoint seen{};
  bool discovered = false;
  bool healthy = true;
  bool drained = false;
  int64_t in_flight = 0;

  bool has(std::string_view model) const {
    for (const std::string& id : last.supported) {
      if (id == model) return true;
    }
    for (const LoadedModel& held : last.models) {
      if (!held.loaded) continue;
      if (held.id == model) return true;
      for (const std::string& lora : held.loras) {
        if (lora == model) return true;
      }
    }
    return false;
  }
  std::string_view out() const {
    if (last.endpoint.empty()) return "it has told no endpoint";
    if (!healthy) return "its health check fails";
    if (drained || last.state == WorkerState::kDraining) return "it is draining";
    if (last.state == WorkerState::kStarting) return "it is starting";
    return {};
  }
  Standing standing() const {
    Standing s;
    s.active = static_cast<double>(std::max(last.active_tasks.value_or(0), in_flight));
    s.active_max = static_cast<double>(last.max_tasks.value_or(0));
    s.memory_total = static_cast<double>(last.total_vram.value_or(0));
    s.memory_free = static_cast<double>(last.available_vram.value_or(0));
    s.fallback = last.is_fallback.value_or(false);
    return s;
  }
};

}  // namespace

struct Fleet::State {
  mutable std::mutex mutex;
  Options options;
  std::map<std::string, std::shared_ptr<Worker>, std::less<>> workers;
  std::function<void(TimePoint)> free;
  int64_t outstanding = 0;
};

struct Reservation {
  Fleet::State* fleet = nullptr;
  std::shared_ptr<Worker> worker;
  std::string id;
  std::string endpoint;
  bool fallback = false;

  void release(TimePoint at) {
    {
      const std::lock_guard lock(fleet->mutex);
      --worker->in_flight;
      --fleet->outstanding;
    }
    if (fleet->free) fleet->free(at);
  }
};

Slot::Slot() = default;
Slot::Slot(std::unique_ptr<Reservation> reservation) : reservation_(std::move(reservation)) {}
Slot::~Slot() {
  if (reservation_) abandoned(now());
}
Slot::Slot(Slot&&) noexcept = default;
Slot& Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    if (reservation_) abandoned(now());
    reservation_ = std::move(other.reservation_);
  }
  return *this;
}
std::string_view Slot::worker() const { return reservation_->id; }
std::string_view Slot::endpoint() const { return reservation_->endpoint; }
bool Slot::fallback() const { return reservation_->fallback; }
void Slot::first_token(TimePoint) {}
void Slot::generated(int64_t) {}
void Slot::succeeded(TimePoint at) { abandoned(at); }
void Slot::failed(TimePoint at, bool) { abandoned(at); }
void Slot::pushed_back(TimePoint at, Duration) { abandoned(at); }
void Slot::abandoned(TimePoint at) {
  if (const std::unique_ptr<Reservation> held = std::move(reservation_)) held->release(at);
}

Fleet::Options Fleet::options_of(const config::Config& config) {
  return {.ttl = config.workers.ttl,
          .weights = config.routing.weights,
          .gateways = config.workers.gateways};
}

Fleet::Fleet(Options options) : state_(std::make_unique<State>()) { state_->options = options; }
Fleet::~Fleet() = default;

void Fleet::use(Options options) {
  const std::lock_guard lock(state_->mutex);
  state_->options = options;
}

Result<HeartbeatReply> Fleet::heartbeat(Heartbeat heartbeat, TimePoint now, double gw_time) {
  HeartbeatReply reply{.gw_time = gw_time};
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->workers.find(heartbeat.worker_id);
    if (found == state_->workers.end() && state_->workers.size() >= kMaxWorkers) {
      return fail(ErrorCode::kRateLimitExceeded, "There are too many workers.");
    }
    std::shared_ptr<Worker>& worker =
        found == state_->workers.end() ? state_->workers[heartbeat.worker_id] : found->second;
    if (worker == nullptr || worker->last.boot_id != heartbeat.boot_id) {
      worker = std::make_shared<Worker>();
    } else {
      reply.known = true;
      if (heartbeat.seq && worker->last.seq && *heartbeat.seq <= *worker->last.seq) return reply;
    }
    worker->last = std::move(heartbeat);
    worker->seen = now;
  }
  if (state_->free) state_->free(now);
  return reply;
}

void Fleet::discovered(Heartbeat found, bool healthy, TimePoint now) {
  {
    const std::lock_guard lock(state_->mutex);
    std::shared_ptr<Worker>& worker = state_->workers[found.worker_id];
    if (worker == nullptr) worker = std::make_shared<Worker>();
    worker->last = std::move(found);
    worker->seen = now;
    worker->discovered = true;
    worker->healthy = healthy;
  }
  if (state_->free) state_->free(now);
}

void Fleet::forget(std::string_view worker, TimePoint) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->workers.find(worker);
  if (found != state_->workers.end()) state_->workers.erase(found);
}

bool Fleet::drain(std::string_view worker, TimePoint) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->workers.find(worker);
  if (found == state_->workers.end()) return false;
  found->second->drained = true;
  return true;
}

void Fleet::sweep(TimePoint now) {
  const std::lock_guard lock(state_->mutex);
  std::erase_if(state_->workers, [&](const auto& entry) {
    return !entry.second->discovered && now - entry.second->seen > state_->options.ttl;
  });
}

std::expected<Slot, NoSlot> Fleet::pick(const Demand& demand, TimePoint, uint64_t) {
  const std::lock_guard lock(state_->mutex);
  std::shared_ptr<Worker> best;
  double most = 0;
  NoSlot none = NoSlot::kUnserved;
  for (const auto& [id, worker] : state_->workers) {
    if (!worker->out().empty() || !worker->has(demand.model)) continue;
    const Standing standing = worker->standing();
    if (standing.fallback != demand.fallback) continue;
    if (std::ranges::find(demand.tried, id) != demand.tried.end()) {
      if (none == NoSlot::kUnserved) none = NoSlot::kUnavailable;
      continue;
    }
    if (worker->last.max_tasks && standing.active >= standing.active_max) {
      none = NoSlot::kFull;
      continue;
    }
    const double total = score(standing, demand.strategy, state_->options.weights).total;
    if (best != nullptr && total <= most) continue;
    best = worker;
    most = total;
  }
  if (best == nullptr) return std::unexpected(none);
  ++best->in_flight;
  ++state_->outstanding;
  auto reservation = std::make_unique<Reservation>();
  reservation->fleet = state_.get();
  reservation->id = best->last.worker_id;
  reservation->endpoint = best->last.endpoint;
  reservation->fallback = best->last.is_fallback.value_or(false);
  reservation->worker = std::move(best);
  return Slot(std::move(reservation));
}

std::vector<Candidate> Fleet::explain(const Demand& demand, TimePoint) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Candidate> all;
  for (const auto& [id, worker] : state_->workers) {
    Candidate& candidate = all.emplace_back();
    candidate.worker = id;
    candidate.out = worker->out();
    candidate.standing = worker->standing();
    candidate.fallback = candidate.standing.fallback;
    candidate.score = score(candidate.standing, demand.strategy, state_->options.weights);
  }
  return all;
}

bool Fleet::serves(std::string_view model) const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [id, worker] : state_->workers) {
    if (worker->out().empty() && worker->has(model)) return true;
  }
  return false;
}

std::vector<std::string> Fleet::models() const {
  const std::lock_guard lock(state_->mutex);
  std::set<std::string> all;
  for (const auto& [id, worker] : state_->workers) {
    if (!worker->out().empty()) continue;
    all.insert(worker->last.supported.begin(), worker->last.supported.end());
    for (const LoadedModel& model : worker->last.models) {
      if (model.loaded) all.insert(model.id);
    }
  }
  return {all.begin(), all.end()};
}

std::vector<WorkerView> Fleet::list(TimePoint now) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<WorkerView> all;
  for (const auto& [id, worker] : state_->workers) {
    const Standing standing = worker->standing();
    all.push_back({.last = worker->last,
                   .state = "ready",
                   .reason = worker->out(),
                   .age = now - worker->seen,
                   .discovered = worker->discovered,
                   .active = standing.active,
                   .in_flight = worker->in_flight,
                   .vram_free = standing.memory_free,
                   .breaker = "closed"});
  }
  return all;
}

Fleet::Load Fleet::load(std::string_view model, TimePoint) const {
  const std::lock_guard lock(state_->mutex);
  Load load;
  for (const auto& [id, worker] : state_->workers) {
    if (!worker->out().empty() || !worker->has(model)) continue;
    const Standing standing = worker->standing();
    if (standing.fallback) continue;
    ++load.workers;
    load.slots += standing.active_max;
    load.active += standing.active;
  }
  if (load.slots > 0) load.saturation = load.active / load.slots;
  return load;
}

void Fleet::tell_free(std::function<void(TimePoint)> free) { state_->free = std::move(free); }

int64_t Fleet::outstanding() const {
  const std::lock_guard lock(state_->mutex);
  return state_->outstanding;
}

}  // namespace sluice::workers
