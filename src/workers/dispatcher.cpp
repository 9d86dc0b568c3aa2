#include "workers/dispatcher.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "workers/model_queue.hpp"

namespace sluice::workers {

namespace {

// Models beyond it have no queue; more than that are served by nobody's workers.
constexpr size_t kMaxQueuedModels = 4096;
constexpr Duration kShortestRetry = std::chrono::seconds(1);
constexpr Duration kLongestRetry = std::chrono::seconds(120);
// One that cannot use what is free does not stop those behind it; so many are looked at.
constexpr int kLooks = 16;
// Of a model at one tick, for the lock's sake.
constexpr size_t kMostSentAway = 64;
// Patience that is still to come when it is worth leaving before its end.
constexpr Duration kWorthLeaving = std::chrono::seconds(1);
// Of an answer whose length is not known, and the longest that is believed, in tokens.
constexpr int64_t kUsualOutput = 512;
constexpr int64_t kLongOutput = 4096;

using Granted = std::move_only_function<void()>;

int64_t cost_of(const Ask& ask) {
  const int64_t output =
      ask.output_tokens > 0 ? std::min(ask.output_tokens, kLongOutput) : kUsualOutput;
  return std::max<int64_t>(ask.prompt_tokens, 0) + output;
}

std::vector<Fleet::Load> loads_of(const Fleet& fleet, const std::vector<std::string>& models,
                                  TimePoint now) {
  std::vector<Fleet::Load> loads;
  loads.reserve(models.size());
  for (const std::string& model : models) loads.push_back(fleet.load(model, now));
  return loads;
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
          .strategy = strategy,
          .route = route};
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
  ModelQueue* queue = nullptr;  // while it waits
  Slot slot;                    // until it is taken
};

struct Dispatcher::State {
  explicit State(Fleet& of) : fleet(of) {}

  Fleet& fleet;
  std::atomic<int64_t> waiting{0};  // a hint that needs no lock: changed under it, never late
  std::mutex mutex;
  // Under the lock, with the tickets that wait.
  Options options;
  std::map<std::string, ModelQueue, std::less<>> models;
  std::vector<ModelQueue*> busy;  // somebody waits
  size_t turn = 0;                // of the busy ones
  uint64_t arrivals = 0;
  TimePoint latest{};  // of what came

  std::expected<Slot, NoSlot> pick(const Ask& ask, TimePoint now) {
    return pick(ask, ask.demand(), now);
  }
  std::expected<Slot, NoSlot> pick(const Ask& ask, Demand demand, TimePoint now);
  std::expected<Slot, NoSlot> pick_anybody(const Ask& ask, TimePoint now);
  ModelQueue* queue_of(const std::string& model);
  bool may_go_elsewhere(const Ask& ask) const { return ask.elsewhere && options.cloud.allow; }
  Duration patience_of(const Ask& ask, TimePoint now) const;
  Verdict no_room(const ModelQueue* queue, const Ask& ask, TimePoint now) const;

  Verdict decide(const Ask& ask, TimePoint now);
  Verdict enqueue(Verdict verdict, TimePoint now, std::vector<Granted>& calls);
  void remove(Ticket& ticket, TimePoint now);
  Ticket* next(const ModelQueue& queue, TimePoint now);
  void grant(ModelQueue& queue, TimePoint now, std::vector<Granted>& calls);
  void grant_all(TimePoint now, std::vector<Granted>& calls);
  void follow_all(const std::vector<std::string>& served, const std::vector<Fleet::Load>& loads,
                  TimePoint now, std::vector<Granted>& calls);
  void send_away(TimePoint now, std::vector<Granted>& calls);
  void pump(TimePoint now);
};

/// Local workers first. The fallback tier gets what they cannot take: nothing while they are merely
/// busy.
std::expected<Slot, NoSlot> Dispatcher::State::pick(const Ask& ask, Demand demand, TimePoint now) {
  auto local = fleet.pick(demand, now, random_u64());
  if (local) return local;
  if (local.error() == NoSlot::kFull) {
    // Followed only here: just before a place is taken again, the workers never look full.
    ModelQueue* const queue = queue_of(ask.model);
    if (queue == nullptr || !queue->follow(fleet.load(ask.model, now), now)) return local;
  }
  demand.fallback = true;
  auto fallback = fleet.pick(demand, now, random_u64());
  if (fallback) return fallback;
  const auto either = [&](NoSlot why) { return local.error() == why || fallback.error() == why; };
  if (either(NoSlot::kFull)) return std::unexpected(NoSlot::kFull);
  return std::unexpected(either(NoSlot::kUnavailable) ? NoSlot::kUnavailable : NoSlot::kUnserved);
}

/// Where nobody is left: who has failed lately, then who is told to take no request of that length.
std::expected<Slot, NoSlot> Dispatcher::State::pick_anybody(const Ask& ask, TimePoint now) {
  Demand demand = ask.demand();
  demand.desperate = true;
  auto picked = pick(ask, demand, now);
  if (picked || picked.error() != NoSlot::kUnavailable) return picked;
  demand.any_length = true;
  return pick(ask, demand, now);
}

ModelQueue* Dispatcher::State::queue_of(const std::string& model) {
  const auto found = models.find(model);
  if (found != models.end()) return &found->second;
  if (models.size() >= kMaxQueuedModels) return nullptr;
  return &models.try_emplace(model, model).first->second;
}

Duration Dispatcher::State::patience_of(const Ask& ask, TimePoint now) const {
  const Duration budget = options.cloud.max_wait[static_cast<size_t>(ask.urgency)];
  return ask.deadline == TimePoint::max() ? budget : std::min(budget, ask.deadline - now);
}

Verdict Dispatcher::State::no_room(const ModelQueue* queue, const Ask& ask, TimePoint now) const {
  Duration wait{0};
  if (queue != nullptr) {
    // What nobody has seen move takes at least as long as the first has waited.
    const TimePoint oldest = queue->oldest();
    wait = queue->predicted_wait(ask.key, ask.urgency, now)
               .value_or(oldest == TimePoint::max() ? Duration(0) : now - oldest);
  }
  Verdict verdict;
  verdict.kind = may_go_elsewhere(ask) ? Verdict::kElsewhere : Verdict::kRefused;
  verdict.retry_after = std::clamp(wait, kShortestRetry, kLongestRetry);
  return verdict;
}

/// It waits no more: it has a slot, or gives up.
void Dispatcher::State::remove(Ticket& ticket, TimePoint now) {
  ModelQueue& queue = *std::exchange(ticket.queue, nullptr);
  if (ticket.slot) {
    queue.served(ticket, ticket.ask.urgency, now);
  } else {
    queue.left(ticket, ticket.ask.urgency, now);
  }
  --waiting;
  if (queue.waiting() > 0) return;
  *std::ranges::find(busy, &queue) = busy.back();
  busy.pop_back();
}

/// The next who gets a slot, with it, or who has nobody left to wait for; nullptr: nobody.
Ticket* Dispatcher::State::next(const ModelQueue& queue, TimePoint now) {
  Ticket* next = nullptr;
  int looks = 0;
  // The smallest that was refused: what is as large is not tried.
  std::optional<int64_t> refused;
  queue.walk([&](Waiting& each) {
    auto& ticket = static_cast<Ticket&>(each);
    const int64_t size = ticket.ask.prompt_tokens + ticket.ask.output_tokens;
    if (refused && size >= *refused) return ++looks == kLooks;
    auto picked = pick(ticket.ask, now);
    if (picked) {
      ticket.slot = std::move(*picked);
    } else if (picked.error() == NoSlot::kFull || !may_go_elsewhere(ticket.ask)) {
      // Where it has tried some, that may be the reason, and says nothing of others.
      if (picked.error() == NoSlot::kFull && ticket.ask.tried.empty()) refused = size;
      return ++looks == kLooks;
    }
    next = &ticket;
    return true;
  });
  return next;
}

/// To those who wait for the model, in their order, what is free for them.
void Dispatcher::State::grant(ModelQueue& queue, TimePoint now, std::vector<Granted>& calls) {
  while (Ticket* ticket = next(queue, now)) {
    remove(*ticket, now);
    if (ticket->granted) calls.push_back(std::exchange(ticket->granted, nullptr));
    if (queue.waiting() == 0) return;
  }
}

void Dispatcher::State::grant_all(TimePoint now, std::vector<Granted>& calls) {
  // A worker may serve several models: they take turns at the first go.
  latest = std::max(latest, now);
  std::vector<ModelQueue*> round(busy);
  if (round.empty()) return;
  std::ranges::rotate(round, round.begin() + static_cast<ptrdiff_t>(turn++ % round.size()));
  for (ModelQueue* queue : round) grant(*queue, now, calls);
}

/// Who would not be served in time by the pace of now, and can go elsewhere, need not wait to its
/// patience's end to learn it.
void Dispatcher::State::send_away(TimePoint now, std::vector<Granted>& calls) {
  for (ModelQueue* queue : std::vector<ModelQueue*>(busy)) {
    if (!queue->saturated()) continue;
    size_t sent = 0;
    for (bool any = true; any && sent < kMostSentAway;) {
      any = false;
      for (Waiting* each : queue->too_late(kWorthLeaving, now)) {
        auto& ticket = static_cast<Ticket&>(*each);
        if (!may_go_elsewhere(ticket.ask) || sent == kMostSentAway) continue;
        remove(ticket, now);
        if (ticket.granted) calls.push_back(std::exchange(ticket.granted, nullptr));
        any = true;
        ++sent;
      }
    }
  }
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
  const auto found = models.find(ask.model);
  ModelQueue* queue = found == models.end() ? nullptr : &found->second;
  if (queue == nullptr || !queue->waits_before(ask.urgency)) {
    auto picked = pick(ask, now);
    if (!picked && picked.error() == NoSlot::kUnserved) return {};
    if (!picked && picked.error() == NoSlot::kUnavailable) {
      if (may_go_elsewhere(ask)) return no_room(nullptr, ask, now);
      picked = pick_anybody(ask, now);
      if (!picked) return no_room(nullptr, ask, now);
    }
    if (picked) return granted_verdict(std::move(*picked));
    queue = queue_of(ask.model);
    if (queue == nullptr) return no_room(nullptr, ask, now);
  }
  const Duration patience = patience_of(ask, now);
  if (queue->depth(ask.urgency) >= options.queue.max || patience <= Duration(0)) {
    return no_room(queue, ask, now);
  }
  const auto predicted = queue->predicted_wait(ask.key, ask.urgency, now);
  // Where nobody has waited for long, this one finds out how long it takes by now.
  if (predicted && *predicted > patience && !queue->unwatched(now) &&
      (!may_go_elsewhere(ask) || queue->follow(fleet.load(ask.model, now), now))) {
    return no_room(queue, ask, now);
  }
  Verdict verdict;
  verdict.kind = Verdict::kQueued;
  verdict.until = now + patience;
  return verdict;
}

/// Puts the verdict's ticket in its queue.
Verdict Dispatcher::State::enqueue(Verdict verdict, TimePoint now, std::vector<Granted>& calls) {
  Ticket& ticket = *verdict.ticket;
  ModelQueue& queue = *queue_of(ticket.ask.model);  // decide() has seen it
  latest = std::max(latest, now);
  ticket.key = ticket.ask.key;
  ticket.cost = cost_of(ticket.ask);
  ticket.since = now;
  ticket.until = verdict.until;
  ticket.number = ++arrivals;
  ticket.queue = &queue;
  if (queue.waiting() == 0) busy.push_back(&queue);
  queue.push(ticket, ticket.ask.urgency, now);
  ++waiting;
  // What became free since decide() looked was told to nobody.
  Granted own = std::exchange(ticket.granted, nullptr);
  grant(queue, now, calls);
  if (ticket.slot) return granted_verdict(std::move(ticket.slot));
  if (ticket.queue == nullptr) return no_room(&queue, ticket.ask, now);
  ticket.granted = std::move(own);
  return verdict;
}

Ticket::~Ticket() {
  Slot unused;
  TimePoint at;
  {
    const std::scoped_lock lock(state_->mutex);
    at = state_->latest;
    if (queue != nullptr) state_->remove(*this, at);
    unused = std::move(slot);
  }
  if (unused) unused.abandoned(at);
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
  TicketPtr ticket;  // dropped, if at all, after the lock
  {
    const std::scoped_lock lock(state_->mutex);
    verdict = state_->decide(ask, now);
    if (verdict.kind == Verdict::kQueued) {
      ticket = std::make_shared<Ticket>(state_, std::move(ask), std::move(granted));
      verdict.ticket = ticket;
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
  if (ticket.queue != nullptr) state_->remove(ticket, now);
  const auto queue = state_->models.find(ticket.ask.model);
  return state_->no_room(queue == state_->models.end() ? nullptr : &queue->second, ticket.ask, now);
}

void Dispatcher::tick(TimePoint now) {
  state_->pump(now);
  const std::vector<std::string> served = fleet_.models();  // sorted
  const std::vector<Fleet::Load> loads = loads_of(fleet_, served, now);
  std::vector<Granted> calls;
  state_->follow_all(served, loads, now, calls);
  for (Granted& call : calls) call();
}

void Dispatcher::State::follow_all(const std::vector<std::string>& served,
                                   const std::vector<Fleet::Load>& loads, TimePoint now,
                                   std::vector<Granted>& calls) {
  const std::scoped_lock lock(mutex);
  for (size_t i = 0; i < served.size(); ++i) {
    // A model that never was full needs no memory of it.
    const bool known = models.contains(served[i]);
    if (!known && loads[i].saturation <= Saturation::kAbove) continue;
    if (ModelQueue* queue = queue_of(served[i])) queue->follow(loads[i], now);
  }
  send_away(now, calls);
  std::erase_if(models, [&](const auto& each) {
    return each.second.waiting() == 0 && !std::ranges::binary_search(served, each.first);
  });
}

int64_t Dispatcher::waiting() const { return state_->waiting; }

std::vector<QueueFigures> Dispatcher::figures(TimePoint now) {
  std::vector<std::string> names = fleet_.models();
  {
    const std::scoped_lock lock(state_->mutex);
    for (const ModelQueue* queue : state_->busy) names.push_back(queue->model());
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  const std::vector<Fleet::Load> loads = loads_of(fleet_, names, now);
  std::vector<QueueFigures> all(names.size());
  const std::scoped_lock lock(state_->mutex);
  for (size_t i = 0; i < names.size(); ++i) {
    QueueFigures& figures = all[i];
    int64_t waiting = 0;
    if (const auto found = state_->models.find(names[i]); found != state_->models.end()) {
      const ModelQueue& queue = found->second;
      for (size_t c = 0; c < figures.depth.size(); ++c) {
        figures.depth[c] = queue.depth(static_cast<config::Class>(c));
      }
      waiting = queue.waiting();
      if (waiting > 0) figures.oldest = std::max(Duration(0), now - queue.oldest());
      figures.saturated = queue.saturated();
    }
    figures.saturation = loads[i].saturation;
    figures.workers = loads[i].workers;
    figures.desired_workers = desired_workers(loads[i], waiting);
    figures.model = std::move(names[i]);
  }
  return all;
}

}  // namespace sluice::workers
