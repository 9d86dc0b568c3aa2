// Who the workers are: registration, heartbeats, discovery, departure.
#include "workers/fleet.hpp"

#include <algorithm>
#include <utility>

#include "base/ids.hpp"
#include "workers/fleet_state.hpp"

namespace sluice::workers {
namespace {

constexpr size_t kBootsRemembered = 8;
constexpr int64_t kLeastIntervalMs = 100;
constexpr Duration kMostTtl = std::chrono::hours(24);
/// Seconds that a heartbeat may be overtaken by a later one. A clock that jumps back further has
/// been set.
constexpr double kLate = 60;

bool same_models(const Heartbeat& a, const Heartbeat& b) {
  return a.supported == b.supported && a.models == b.models &&
         a.is_fallback.value_or(false) == b.is_fallback.value_or(false);
}

/// What discovery knows stands in for what the worker does not tell.
void fill_in(Heartbeat& heartbeat, const Heartbeat& found) {
  if (heartbeat.supported.empty() && heartbeat.models.empty()) {
    heartbeat.supported = found.supported;
    heartbeat.models = found.models;
  }
  if (!heartbeat.max_tasks) heartbeat.max_tasks = found.max_tasks;
  if (!heartbeat.is_fallback) heartbeat.is_fallback = found.is_fallback;
}

}  // namespace

std::shared_ptr<Worker> Fleet::State::add(const std::string& id, TimePoint now) {
  auto worker = std::make_shared<Worker>(id, 0, now);
  enter(worker);
  return worker;
}

void Fleet::State::enter(const std::shared_ptr<Worker>& worker) {
  if (free_numbers.empty()) {
    worker->number = next_number++;
  } else {
    worker->number = free_numbers.back();
    free_numbers.pop_back();
  }
  prefixes.add_worker(worker->number, worker->prefixes);
  workers[worker->id] = worker;
}

void Fleet::State::remove(Worker& worker) {
  unindex(worker);
  prefixes.forget_worker(worker.number);
  free_numbers.push_back(worker.number);
  if (worker.stranger) --strangers;
  const auto held = workers.find(worker.id);
  if (worker.ledger.in_flight() > 0) gone[worker.id] = held->second;
  workers.erase(held);
}

void Fleet::State::unindex(Worker& worker) {
  for (const std::shared_ptr<Serving>& serving : worker.servings) {
    const auto found = models.find(serving->id);
    if (found == models.end()) continue;
    for (auto& tier : found->second) std::erase(tier, serving);
    if (found->second[0].empty() && found->second[1].empty()) models.erase(found);
  }
}

void Fleet::State::index(Worker& worker) {
  unindex(worker);
  // What has been learned of a model stays.
  std::unordered_map<std::string_view, std::shared_ptr<Serving>> before;
  for (const std::shared_ptr<Serving>& serving : worker.servings) before[serving->id] = serving;
  std::vector<std::shared_ptr<Serving>> servings;
  for (const Served& served : served_by(*worker.last)) {
    const auto old = before.find(served.id);
    if (old != before.end()) {
      old->second->max_len = served.max_len;
      servings.push_back(old->second);
    } else {
      servings.push_back(std::make_shared<Serving>(worker, std::string(served.id), served.max_len,
                                                   worker.prior()));
    }
    auto model = models.find(served.id);
    if (model == models.end()) model = models.try_emplace(std::string(served.id)).first;
    model->second[worker.fallback ? 1 : 0].push_back(servings.back());
  }
  worker.servings = std::move(servings);
}

bool Fleet::State::late(const Worker& worker, const Heartbeat& heartbeat) const {
  if (!worker.has_told) return false;
  if (heartbeat.seq && worker.seq) return *heartbeat.seq <= *worker.seq;
  if (!heartbeat.sample_at || !worker.sample_at) return false;
  const double before = *worker.sample_at - *heartbeat.sample_at;
  return before >= 0 && before < kLate;
}

TimePoint Fleet::State::sample_time(const Worker& worker, const Heartbeat& heartbeat, TimePoint now,
                                    double gw_time) const {
  if (!heartbeat.sample_at) return now;
  const double age = gw_time - *heartbeat.sample_at;
  if (!(age >= 0 && age <= seconds(options.ttl))) return now;  // its clock is another one
  const TimePoint at = now - Duration(static_cast<int64_t>(age * 1e9));
  return worker.sampled && at < *worker.sampled ? now : at;
}

Fleet::Options Fleet::options_of(const config::Config& config) {
  return {.ttl = config.workers.ttl,
          .weights = config.routing.weights,
          .gateways = config.workers.gateways};
}

Fleet::Fleet(Options options) : state_(std::make_unique<State>()) { use(options); }

Fleet::~Fleet() = default;

void Fleet::use(Options options) {
  options.ttl = std::clamp(options.ttl, Duration(0), kMostTtl);
  const std::lock_guard lock(state_->mutex);
  state_->options = options;
}

Status Fleet::State::admit(const Heartbeat& heartbeat, Sender sender) {
  const auto registered = workers.find(heartbeat.worker_id);
  const bool known = registered != workers.end();
  if (sender == Sender::kTrusted) {
    if (known && registered->second->stranger) {
      remove(*registered->second);
    } else if (!known && workers.size() >= kMaxWorkers) {
      return fail(ErrorCode::kRateLimitExceeded, "There are too many workers.");
    }
    return {};
  }
  if (!heartbeat.endpoint.empty()) {
    return fail(ErrorCode::kPermissionDenied, "A stranger may tell no endpoint.", "endpoint");
  }
  if (known && !registered->second->stranger) {
    return fail(ErrorCode::kPermissionDenied, "Somebody else has announced this worker.",
                "worker_id");
  }
  if (!known && (strangers >= kMaxStrangers || workers.size() >= kMaxWorkers)) {
    return fail(ErrorCode::kRateLimitExceeded, "There are too many workers that nobody knows.");
  }
  return {};
}

Result<HeartbeatReply> Fleet::heartbeat(Heartbeat heartbeat, TimePoint now, double gw_time,
                                        Sender sender) {
  State& s = *state_;
  HeartbeatReply reply{.gw_time = gw_time};
  const auto told = std::make_shared<Heartbeat>(std::move(heartbeat));
  std::shared_ptr<const Heartbeat> last;  // freed without the lock
  std::shared_ptr<Worker> worker;
  {
    const std::lock_guard lock(s.mutex);
    s.at(now);
    ++s.heartbeats;
    // Two may be lost without harm.
    reply.next_interval_ms =
        std::chrono::floor<std::chrono::milliseconds>(std::min(kInterval, s.options.ttl / 3))
            .count();
    reply.next_interval_ms = std::max<int64_t>(reply.next_interval_ms, kLeastIntervalMs);
    if (Status room = s.admit(*told, sender); !room) return std::unexpected(room.error());
    const auto registered = s.workers.find(told->worker_id);
    if (registered != s.workers.end()) {
      worker = registered->second;
      if (std::ranges::find(worker->before, told->boot_id) != worker->before.end()) {
        reply.known = true;
        return reply;
      }
      // A boot_id that is not told is not known: no reason to forget anything.
      if (!told->boot_id.empty() && !worker->boot_id.empty() && told->boot_id != worker->boot_id) {
        const std::shared_ptr<Worker> old = std::move(worker);
        s.remove(*old);
        worker = s.add(old->id, now);
        worker->before = std::move(old->before);
        if (worker->before.size() == kBootsRemembered) {
          worker->before.erase(worker->before.begin());
        }
        worker->before.push_back(old->boot_id);
        worker->discovered = old->discovered;
        worker->healthy = old->healthy;
        worker->found = old->found;
        worker->endpoint = old->endpoint;
      }
    } else {
      const auto parted = sender == Sender::kTrusted ? s.gone.find(told->worker_id) : s.gone.end();
      if (parted != s.gone.end()) {
        worker = parted->second.lock();
        s.gone.erase(parted);
        if (worker != nullptr && worker->boot_id == told->boot_id) {
          worker->has_told = false;
          worker->joined = now;
          worker->servings.clear();
          s.enter(worker);
        } else {
          worker = nullptr;
        }
      }
      if (worker == nullptr) worker = s.add(told->worker_id, now);
    }
    if (sender == Sender::kStranger && !worker->stranger) {
      worker->stranger = true;
      ++s.strangers;
    }

    reply.known = worker->has_told;
    if (s.late(*worker, *told)) return reply;
    if (worker->found != nullptr) fill_in(*told, *worker->found);
    const TimePoint at = s.sample_time(*worker, *told, now, gw_time);
    last = worker->last;
    worker->tell(told, at, now, s.k());
    worker->sampled = at;
    worker->seen = now;
    worker->has_told = true;
    worker->boot_id = told->boot_id.empty() ? worker->boot_id : told->boot_id;
    worker->seq = told->seq;
    worker->sample_at = told->sample_at;
    if (worker->servings.empty() || !same_models(*last, *told)) s.index(*worker);
    const auto blocks = static_cast<size_t>(worker->kv_total / kPrefixBlockTokens);
    if (worker->prefixes == 0 && blocks > 0) {
      worker->prefixes = blocks;
      s.prefixes.add_worker(worker->number, blocks);
    }
  }
  s.told_free(now);
  return reply;
}

void Fleet::discovered(Heartbeat found, bool healthy, TimePoint now) {
  State& s = *state_;
  const auto told = std::make_shared<const Heartbeat>(std::move(found));
  {
    const std::lock_guard lock(s.mutex);
    s.at(now);
    const auto registered = s.workers.find(told->worker_id);
    std::shared_ptr<Worker> worker = registered != s.workers.end() ? registered->second : nullptr;
    if (worker != nullptr && worker->stranger) {
      s.remove(*worker);
      worker = nullptr;
    }
    const bool tells = worker != nullptr && worker->has_told && !worker->silent(now, s.options.ttl);
    if (worker != nullptr && !tells && worker->found != nullptr &&
        worker->found->endpoint != told->endpoint) {
      // Another one under the same name.
      s.remove(*worker);
      worker = nullptr;
    }
    if (worker == nullptr) {
      if (s.workers.size() >= kMaxWorkers) return;
      worker = s.add(told->worker_id, now);
    }
    worker->discovered = true;
    worker->healthy = healthy;
    worker->found = told;
    if (tells) {
      if (!worker->endpoint) {
        worker->endpoint = std::make_shared<const std::string>(told->endpoint);
      }
      worker->judge(now);
    } else {
      const std::shared_ptr<const Heartbeat> last = worker->last;
      worker->has_told = false;
      worker->seen = now;
      worker->tell(told, now, now, s.k());
      if (last == nullptr || !same_models(*last, *told)) s.index(*worker);
    }
  }
  s.told_free(now);
}

void Fleet::forget(std::string_view worker, TimePoint now) {
  const std::lock_guard lock(state_->mutex);
  state_->at(now);
  const auto found = state_->workers.find(worker);
  if (found == state_->workers.end()) return;
  const std::shared_ptr<Worker> held = found->second;
  state_->remove(*held);
}

bool Fleet::drain(std::string_view worker, TimePoint now) {
  const std::lock_guard lock(state_->mutex);
  state_->at(now);
  const auto found = state_->workers.find(worker);
  if (found == state_->workers.end()) return false;
  found->second->drained = true;
  found->second->judge(now);
  return true;
}

void Fleet::judge(std::string_view worker, std::string_view model, uint8_t route, bool guilty,
                  TimePoint now) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->workers.find(worker);
  if (found == state_->workers.end()) return;
  const auto& servings = found->second->servings;
  const auto serving = std::ranges::find(servings, model, &Serving::id);
  if (serving == servings.end() || !(*serving)->declines) return;
  (*serving)->declines->judged(route, guilty, now, random_u64());
}

void Fleet::sweep(TimePoint now) {
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  s.at(now);
  std::erase_if(s.gone, [](const auto& entry) { return entry.second.expired(); });
  std::vector<std::shared_ptr<Worker>> expired;
  for (const auto& [id, worker] : s.workers) {
    if (worker->expired(now, s.options.ttl)) expired.push_back(worker);
  }
  for (const std::shared_ptr<Worker>& worker : expired) s.remove(*worker);
}

void Fleet::tell_free(std::function<void(TimePoint)> free) { state_->free = std::move(free); }

int64_t Fleet::outstanding() const {
  const std::lock_guard lock(state_->mutex);
  int64_t all = state_->reservations;
  for (const auto& [id, worker] : state_->workers) all += worker->ledger.remains();
  return all;
}

}  // namespace sluice::workers
