#include "workers/dispatcher.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "workers/drain_rate.hpp"
#include "workers/fair_queue.hpp"
#include "workers/saturation.hpp"

namespace sluice::workers {

namespace {

constexpr size_t kClasses = static_cast<size_t>(config::Class::kCount);
// Models beyond it have no queue; more than that are served by nobody's workers.
constexpr size_t kMaxQueuedModels = 4096;
constexpr Duration kShortestRetry = std::chrono::seconds(1);
constexpr Duration kLongestRetry = std::chrono::seconds(120);
// One that cannot use what is free does not stop those behind it; so many are looked at.
constexpr int kLooks = 16;
// Of an answer whose length is not known, and the longest that is believed, in tokens.
constexpr int64_t kUsualOutput = 512;
constexpr int64_t kLongOutput = 4096;
// Of all places, with the demand of now: some are left for what comes next.
constexpr double kDesiredLoad = 0.8;

using Granted = std::move_only_function<void()>;

int64_t cost_of(const Ask& ask) {
  const int64_t output =
      ask.output_tokens > 0 ? std::min(ask.output_tokens, kLongOutput) : kUsualOutput;
  return std::max<int64_t>(ask.prompt_tokens, 0) + output;
}

struct Model {
  std::string name;
  std::array<FairQueue, kClasses> queues;
  DrainRate drain;
  Saturation saturation;

  int64_t waiting() const {
    int64_t sum = 0;
    for (const FairQueue& queue : queues) sum += queue.size();
    return sum;
  }
  bool waits_before(config::Class urgency) const {
    for (size_t i = 0; i <= static_cast<size_t>(urgency); ++i) {
      if (queues[i].size() > 0) return true;
    }
    return false;
  }
  int64_t ahead_of(const Ask& ask) const {
    const auto own = static_cast<size_t>(ask.urgency);
    int64_t sum = queues[own].ahead_of(ask.key);
    for (size_t i = 0; i < own; ++i) sum += queues[i].size();
    return sum;
  }
  TimePoint oldest() const {
    TimePoint oldest = TimePoint::max();
    for (const FairQueue& queue : queues) oldest = std::min(oldest, queue.oldest());
    return oldest;
  }
};

int desired(const Fleet::Load& load, int64_t waiting) {
  const double demand = std::max(0.0, load.active) + static_cast<double>(waiting);
  if (demand <= 0) return 0;
  const double each = load.workers > 0 ? load.slots / load.workers : 0;
  if (each <= 0) return std::max(1, load.workers);
  return static_cast<int>(std::min(std::ceil(demand / (kDesiredLoad * each)), 1e6));
}

Verdict granted_verdict(Slot slot) {
  Verdict verdict;
  verdict.kind = Verdict::kGranted;
  verdict.slot = std::move(slot);
  return verdict;
}

}  // namespace

Demand Ask::demand() const {
  return {.model = model,
          .prompt_tokens = prompt_tokens,
          .output_tokens = output_tokens,
          .prefix = prefix,
          .tried = tried,
          .strategy = strategy};
}

class Ticket : public Waiting {
 public:
  Ticket(std::shared_ptr<Dispatcher::State> state, Ask ask, Granted granted)
      : state_(std::move(state)), ask(std::move(ask)), granted(std::move(granted)) {}
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  Dispatcher::State& state() { return *state_; }

 private:
  const std::shared_ptr<Dispatcher::State> state_;

 public:
  // All under the state's lock.
  Ask ask;
  Granted granted;
  Model* model = nullptr;  // while it waits
  Slot slot;               // until it is taken
};

struct Dispatcher::State {
  explicit State(Fleet& of) : fleet(of) {}

  Fleet& fleet;
  std::atomic<int64_t> waiting{0};  // a hint that needs no lock: changed under it, never late
  std::mutex mutex;
  // Under the lock, with the tickets that wait.
  Options options;
  std::map<std::string, Model, std::less<>> models;
  std::vector<Model*> busy;  // somebody waits
  size_t turn = 0;           // of the busy ones
  uint64_t arrivals = 0;
  TimePoint latest{};  // of what came

  std::expected<Slot, NoSlot> pick_in_tiers(Demand demand, bool saturated, TimePoint now) const;
  bool saturated(Model& model, TimePoint now) const;
  bool may_go_elsewhere(const Ask& ask) const { return ask.elsewhere && options.cloud.allow; }
  Duration patience_of(const Ask& ask, TimePoint now) const;
  Duration retry_after(const Model* model, const Ask& ask, TimePoint now) const;
  Verdict no_room(const Model* model, const Ask& ask, TimePoint now) const;

  Verdict decide(const Ask& ask, TimePoint now);
  Verdict enqueue(Verdict verdict, TimePoint now, std::vector<Granted>& calls);
  void remove(Ticket& ticket, TimePoint now);
  void grant(Model& model, TimePoint now, std::vector<Granted>& calls);
  void grant_all(TimePoint now, std::vector<Granted>& calls);
  void pump(TimePoint now);

  void follow(const std::string& name, TimePoint now);
  QueueFigures figures_of(std::string name, TimePoint now) const;
};

/// Local workers first. The fallback tier gets what they cannot take: nothing while they are merely
/// busy.
std::expected<Slot, NoSlot> Dispatcher::State::pick_in_tiers(Demand demand, bool saturated,
                                                             TimePoint now) const {
  demand.fallback = false;
  auto local = fleet.pick(demand, now, random_u64());
  if (local || (local.error() == NoSlot::kFull && !saturated)) return local;
  demand.fallback = true;
  auto fallback = fleet.pick(demand, now, random_u64());
  if (fallback) return fallback;
  const auto either = [&](NoSlot why) { return local.error() == why || fallback.error() == why; };
  if (either(NoSlot::kFull)) return std::unexpected(NoSlot::kFull);
  return std::unexpected(either(NoSlot::kUnavailable) ? NoSlot::kUnavailable : NoSlot::kUnserved);
}

bool Dispatcher::State::saturated(Model& model, TimePoint now) const {
  model.saturation.update(fleet.load(model.name, now).saturation, now);
  return model.saturation.saturated();
}

Duration Dispatcher::State::patience_of(const Ask& ask, TimePoint now) const {
  const Duration budget = options.cloud.max_wait[static_cast<size_t>(ask.urgency)];
  return ask.deadline == TimePoint::max() ? budget : std::min(budget, ask.deadline - now);
}

Duration Dispatcher::State::retry_after(const Model* model, const Ask& ask, TimePoint now) const {
  Duration wait{0};
  if (model != nullptr) {
    // What nobody has seen move takes at least as long as the first has waited.
    const TimePoint oldest = model->oldest();
    wait = model->drain.time_for(model->ahead_of(ask) + 1, now)
               .value_or(oldest == TimePoint::max() ? Duration(0) : now - oldest);
  }
  return std::clamp(wait, kShortestRetry, kLongestRetry);
}

Verdict Dispatcher::State::no_room(const Model* model, const Ask& ask, TimePoint now) const {
  Verdict verdict;
  verdict.kind = may_go_elsewhere(ask) ? Verdict::kElsewhere : Verdict::kRefused;
  verdict.retry_after = retry_after(model, ask, now);
  return verdict;
}

void Dispatcher::State::remove(Ticket& ticket, TimePoint now) {
  Model& model = *std::exchange(ticket.model, nullptr);
  model.queues[static_cast<size_t>(ticket.ask.urgency)].erase(ticket);
  --waiting;
  if (model.waiting() > 0) return;
  model.drain.given_up(now);
  *std::ranges::find(busy, &model) = busy.back();
  busy.pop_back();
}

/// To who waits for the model, in their order, what is free for them.
void Dispatcher::State::grant(Model& model, TimePoint now, std::vector<Granted>& calls) {
  const bool full = saturated(model, now);
  for (;;) {
    Ticket* next = nullptr;
    Slot slot;
    int looks = 0;
    // The least that was refused: what asks for no less is not tried.
    std::optional<int64_t> refused;
    const auto fits = [&](Waiting& each) {
      auto& ticket = static_cast<Ticket&>(each);
      const int64_t size = ticket.ask.prompt_tokens + ticket.ask.output_tokens;
      if (refused && size >= *refused) return ++looks == kLooks;
      auto picked = pick_in_tiers(ticket.ask.demand(), full, now);
      if (!picked && picked.error() != NoSlot::kFull && may_go_elsewhere(ticket.ask)) {
        next = &ticket;
        return true;
      }
      if (!picked) {
        // Where some were tried before, that was the reason perhaps.
        if (ticket.ask.tried.empty()) refused = size;
        return ++looks == kLooks;
      }
      next = &ticket;
      slot = std::move(*picked);
      return true;
    };
    for (const FairQueue& queue : model.queues) {
      if (queue.walk(fits)) break;
    }
    if (next == nullptr) return;
    calls.push_back(std::exchange(next->granted, nullptr));
    if (!slot) {
      // Nobody is left to wait for: it goes elsewhere now.
      remove(*next, now);
      if (model.waiting() == 0) return;
      continue;
    }
    next->slot = std::move(slot);
    model.drain.granted(now);
    model.queues[static_cast<size_t>(next->ask.urgency)].served(*next);
    remove(*next, now);
    if (model.waiting() == 0) return;
    model.drain.waited_for(now);
  }
}

void Dispatcher::State::grant_all(TimePoint now, std::vector<Granted>& calls) {
  // A worker may serve several models: they take turns at the first go.
  latest = std::max(latest, now);
  std::vector<Model*> round(busy);
  if (round.empty()) return;
  std::ranges::rotate(round, round.begin() + static_cast<ptrdiff_t>(turn++ % round.size()));
  for (Model* model : round) grant(*model, now, calls);
}

void Dispatcher::State::pump(TimePoint now) {
  // Somebody who lets go of a slot in a call comes back here: then the outermost goes on, instead
  // of as many frames as there are tickets.
  static thread_local State* pumping = nullptr;
  static thread_local bool again = false;
  if (waiting == 0) return;
  if (pumping == this) {
    again = true;
    return;
  }
  State* const outer = std::exchange(pumping, this);
  const bool outer_again = again;
  do {
    again = false;
    std::vector<Granted> calls;
    {
      const std::scoped_lock lock(mutex);
      grant_all(now, calls);
    }
    for (Granted& call : calls) call();
  } while (again);
  pumping = outer;
  again = outer_again;
}

/// What becomes of a request for which nothing was free just now; kQueued is without a ticket yet.
Verdict Dispatcher::State::decide(const Ask& ask, TimePoint now) {
  auto found = models.find(ask.model);
  if (found == models.end() || !found->second.waits_before(ask.urgency)) {
    const bool full = found != models.end()
                          ? saturated(found->second, now)
                          : fleet.load(ask.model, now).saturation > Saturation::kAbove;
    auto picked = pick_in_tiers(ask.demand(), full, now);
    if (picked) return granted_verdict(std::move(*picked));
    if (picked.error() == NoSlot::kUnserved) return {};
    if (picked.error() == NoSlot::kUnavailable) {
      Demand last = ask.demand();
      last.desperate = true;
      if (!may_go_elsewhere(ask)) picked = pick_in_tiers(last, true, now);
      if (picked) return granted_verdict(std::move(*picked));
      return no_room(nullptr, ask, now);
    }
    if (found == models.end()) {
      if (models.size() >= kMaxQueuedModels) return no_room(nullptr, ask, now);
      found = models.try_emplace(ask.model).first;
      found->second.name = ask.model;
    }
  }
  Model& model = found->second;
  const int64_t depth = model.queues[static_cast<size_t>(ask.urgency)].size();
  const Duration patience = patience_of(ask, now);
  if (depth >= options.queue.max || patience <= Duration(0)) return no_room(&model, ask, now);
  const auto predicted = model.drain.time_for(model.ahead_of(ask) + 1, now);
  // Where nobody has waited for long, this one finds out.
  const bool scouts = model.waiting() == 0 && model.drain.stale(now);
  if (predicted && *predicted > patience && !scouts &&
      (!may_go_elsewhere(ask) || saturated(model, now))) {
    return no_room(&model, ask, now);
  }
  Verdict verdict;
  verdict.kind = Verdict::kQueued;
  verdict.until = now + patience;
  return verdict;
}

/// Puts the verdict's ticket in its queue.
Verdict Dispatcher::State::enqueue(Verdict verdict, TimePoint now, std::vector<Granted>& calls) {
  Ticket& ticket = *verdict.ticket;
  latest = std::max(latest, now);
  Model& model = models.find(ticket.ask.model)->second;
  ticket.key = ticket.ask.key;
  ticket.cost = cost_of(ticket.ask);
  ticket.since = now;
  ticket.until = verdict.until;
  ticket.number = ++arrivals;
  ticket.model = &model;
  if (model.waiting() == 0) busy.push_back(&model);
  model.queues[static_cast<size_t>(ticket.ask.urgency)].push(ticket);
  model.drain.waited_for(now);
  ++waiting;
  // What became free since it was looked for was told to nobody.
  Granted own = std::exchange(ticket.granted, nullptr);
  grant(model, now, calls);
  std::erase_if(calls, [](const Granted& call) { return call == nullptr; });
  if (ticket.slot) return granted_verdict(std::move(ticket.slot));
  if (ticket.model == nullptr) return no_room(&model, ticket.ask, now);
  ticket.granted = std::move(own);
  return verdict;
}

void Dispatcher::State::follow(const std::string& name, TimePoint now) {
  const double value = fleet.load(name, now).saturation;
  auto found = models.find(name);
  if (found == models.end()) {
    if (value <= Saturation::kAbove || models.size() >= kMaxQueuedModels) return;
    found = models.try_emplace(name).first;
    found->second.name = name;
  }
  found->second.saturation.update(value, now);
}

QueueFigures Dispatcher::State::figures_of(std::string name, TimePoint now) const {
  QueueFigures figures;
  const Fleet::Load load = fleet.load(name, now);
  const auto found = models.find(name);
  int64_t depth = 0;
  if (found != models.end()) {
    const Model& model = found->second;
    for (size_t i = 0; i < kClasses; ++i) figures.depth[i] = model.queues[i].size();
    depth = model.waiting();
    if (const TimePoint oldest = model.oldest(); depth > 0) figures.oldest = now - oldest;
    figures.saturated = model.saturation.saturated();
  }
  figures.saturation = load.saturation;
  figures.workers = load.workers;
  figures.desired_workers = desired(load, depth);
  figures.model = std::move(name);
  return figures;
}

Ticket::~Ticket() {
  Slot unused;  // let go of after the lock
  const std::scoped_lock lock(state_->mutex);
  if (model != nullptr) state_->remove(*this, state_->latest);
  unused = std::move(slot);
}

Dispatcher::Options Dispatcher::options_of(const config::Config& config) {
  return {.cloud = config.routing.cloud, .queue = config.routing.queue};
}

Dispatcher::Dispatcher(Fleet& fleet, Options options)
    : fleet_(fleet), state_(std::make_shared<State>(fleet)) {
  state_->options = std::move(options);
  fleet.tell_free([state = std::weak_ptr(state_)](TimePoint now) {
    if (const auto still = state.lock()) still->pump(now);
  });
}

Dispatcher::~Dispatcher() = default;

void Dispatcher::use(Options options) {
  const std::scoped_lock lock(state_->mutex);
  state_->options = std::move(options);
}

Verdict Dispatcher::ask(Ask ask, TimePoint now, Granted granted) {
  if (state_->waiting == 0) {
    // Nobody waits anywhere: the usual case, without the lock.
    if (auto picked = fleet_.pick(ask.demand(), now, random_u64())) {
      return granted_verdict(std::move(*picked));
    }
  }
  std::vector<Granted> calls;
  Verdict verdict;
  {
    const std::scoped_lock lock(state_->mutex);
    verdict = state_->decide(ask, now);
    if (verdict.kind == Verdict::kQueued) {
      verdict.ticket = std::make_shared<Ticket>(state_, std::move(ask), std::move(granted));
      verdict = state_->enqueue(std::move(verdict), now, calls);
    }
  }
  for (Granted& call : calls) call();
  return verdict;
}

Slot Dispatcher::take(Ticket& ticket) {
  const std::scoped_lock lock(ticket.state().mutex);
  return std::move(ticket.slot);
}

Verdict Dispatcher::leave(Ticket& ticket, TimePoint now) {
  const std::scoped_lock lock(state_->mutex);
  if (ticket.slot) return granted_verdict(std::move(ticket.slot));
  if (ticket.model != nullptr) state_->remove(ticket, now);
  const auto model = state_->models.find(ticket.ask.model);
  return state_->no_room(model == state_->models.end() ? nullptr : &model->second, ticket.ask, now);
}

void Dispatcher::tick(TimePoint now) {
  const std::vector<std::string> served = fleet_.models();  // sorted
  std::vector<Granted> calls;
  {
    const std::scoped_lock lock(state_->mutex);
    for (const std::string& name : served) state_->follow(name, now);
    std::erase_if(state_->models, [&](const auto& each) {
      return each.second.waiting() == 0 && !std::ranges::binary_search(served, each.first);
    });
    state_->grant_all(now, calls);
  }
  for (Granted& call : calls) call();
}

int64_t Dispatcher::waiting() const { return state_->waiting; }

std::vector<QueueFigures> Dispatcher::figures(TimePoint now) {
  std::vector<std::string> names = fleet_.models();
  std::vector<QueueFigures> all;
  const std::scoped_lock lock(state_->mutex);
  for (const Model* model : state_->busy) {
    const auto place = std::ranges::lower_bound(names, model->name);
    if (place == names.end() || *place != model->name) names.insert(place, model->name);
  }
  all.reserve(names.size());
  for (std::string& name : names) all.push_back(state_->figures_of(std::move(name), now));
  return all;
}

}  // namespace sluice::workers
