#include "route/provider_state.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace sluice::route {
namespace {

bool contains(std::span<const size_t> list, size_t index) {
  return std::find(list.begin(), list.end(), index) != list.end();
}

/// The finalizer of SplitMix64.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Rendezvous hashing: how much a session likes a key.
uint64_t liking(uint64_t session, size_t index) {
  return mix(session + (static_cast<uint64_t>(index) + 1) * 0x9e3779b97f4a7c15);
}

/// A number below 1 of the session's own: a share above it has room for the session.
double reserve(uint64_t session) {
  return static_cast<double>(mix(session ^ 0x51c6d27b9f4a7c15) >> 11) / 0x1p53;
}

struct KeyState {
  TimePoint rest_until = TimePoint::min();
  /// Only those that have something to say: most of the time there are none.
  std::map<std::string, Breaker, std::less<>> models;
  Breaker shared;     // of further models
  double credit = 0;  // of turns, while its share is below 1

  /// nullptr where nothing is known of the model.
  Breaker* find(std::string_view model) {
    const auto found = models.find(model);
    if (found != models.end()) return &found->second;
    return models.size() < ProviderState::kMaxModels ? nullptr : &shared;
  }
  const Breaker* find(std::string_view model) const {
    return const_cast<KeyState*>(this)->find(model);
  }
  Breaker& make(std::string_view model) {
    if (Breaker* known = find(model)) return *known;
    return models[std::string(model)];
  }
  Breaker* probed(const ProviderState::Choice& choice, std::string_view model) {
    return choice.probes.shared ? &shared : find(model);
  }
};

}  // namespace

struct ProviderState::State {
  mutable std::mutex mutex;
  std::vector<KeyState> keys;
  Breaker address;
  size_t next = 0;
  int64_t active = 0;

  bool lets_through(const KeyState& key, std::string_view model, TimePoint now) const {
    if (now < key.rest_until || !address.lets_through(now)) return false;
    const Breaker* breaker = key.find(model);
    return breaker == nullptr || breaker->lets_through(now);
  }

  TimePoint free_at(const KeyState& key, std::string_view model) const {
    TimePoint at = std::max(key.rest_until, address.free_at());
    if (const Breaker* breaker = key.find(model)) at = std::max(at, breaker->free_at());
    return at;
  }

  static double share(const KeyState& key, std::string_view model, TimePoint now) {
    const Breaker* breaker = key.find(model);
    return breaker == nullptr ? 1 : breaker->share(now);
  }

  KeyState& of(const Choice& choice) { return keys[choice.key.value_or(0)]; }

  /// Those that have recovered make room.
  static void tidy(KeyState& key, std::string_view model, TimePoint now) {
    const auto found = key.models.find(model);
    if (found != key.models.end() && found->second.spotless(now)) key.models.erase(found);
  }
};

ProviderState::ProviderState(size_t keys) : keys_(keys), state_(std::make_unique<State>()) {
  state_->keys.resize(std::max<size_t>(keys, 1));
}

ProviderState::~ProviderState() = default;

std::optional<ProviderState::Choice> ProviderState::pick(std::string_view model, TimePoint now,
                                                         std::span<const size_t> exclude,
                                                         std::optional<uint64_t> session) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  const size_t count = state.keys.size();
  const size_t first = session ? 0 : state.next;
  const auto choice_of = [&](size_t index) {
    Choice choice;
    if (keys_ > 0) choice.key = index;
    choice.free_at = now;
    return choice;
  };
  std::optional<size_t> free;
  std::optional<size_t> recovering;  // free, and not in its share of the requests
  std::optional<size_t> soonest;
  TimePoint soonest_at;
  uint64_t most = 0;  // that a free key is liked
  size_t home = count;
  uint64_t most_of_all = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t index = (first + i) % count;
    KeyState& key = state.keys[index];
    const uint64_t liked = session ? liking(*session, index) : 0;
    if (session && (home == count || liked > most_of_all)) {
      home = index;
      most_of_all = liked;
    }
    if (contains(exclude, index)) continue;
    if (!state.lets_through(key, model, now)) {
      const TimePoint at = state.free_at(key, model);
      if (!soonest || at < soonest_at) {
        soonest = index;
        soonest_at = at;
      }
      continue;
    }
    if (const double share = State::share(key, model, now); share < 1 && count > 1) {
      if (!session) key.credit += share;
      if (session ? reserve(*session) >= share : key.credit < 1) {
        if (!recovering) recovering = index;
        continue;
      }
      if (!session) key.credit -= 1;
    }
    if (!session) {
      free = index;
      break;
    }
    if (free && liked <= most) continue;
    free = index;
    most = liked;
  }
  if (!free) free = recovering;
  std::optional<Choice> choice;
  if (free) {
    if (!session) state.next = *free + 1;
    choice = choice_of(*free);
  } else if (soonest) {
    choice = choice_of(*soonest);
    choice->free_at = std::max(soonest_at, now);
    choice->resting = true;
  }
  if (choice) choice->home = count == 1 || choice->key == home;
  return choice;
}

bool ProviderState::available(std::string_view model, TimePoint now,
                              std::span<const size_t> exclude) const {
  const State& state = *state_;
  const std::lock_guard lock(state.mutex);
  for (size_t i = 0; i < state.keys.size(); ++i) {
    if (!contains(exclude, i) && state.lets_through(state.keys[i], model, now)) return true;
  }
  return false;
}

bool ProviderState::begin(Choice& choice, std::string_view model, TimePoint now) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  KeyState& key = state.of(choice);
  if (!choice.resting && !state.lets_through(key, model, now)) return false;
  choice.probes = {};
  choice.probes.address = state.address.enter(now);
  if (Breaker* breaker = key.find(model)) {
    choice.probes.model = breaker->enter(now);
    choice.probes.shared = choice.probes.model && breaker == &key.shared;
  }
  ++state.active;
  return true;
}

void ProviderState::succeeded(const Choice& choice, std::string_view model, TimePoint now) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  --state.active;
  state.address.succeeded(now, choice.probes.address);
  KeyState& key = state.of(choice);
  if (Breaker* breaker = key.probed(choice, model)) {
    breaker->succeeded(now, choice.probes.model);
    State::tidy(key, model, now);
  }
}

void ProviderState::answering(Choice& choice, std::string_view model, TimePoint now) {
  if (!choice.probes.address && !choice.probes.model) return;
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (choice.probes.address) state.address.succeeded(now, true);
  if (choice.probes.model) {
    if (Breaker* breaker = state.of(choice).probed(choice, model)) breaker->succeeded(now, true);
  }
  choice.probes = {};
}

void ProviderState::failed(const Choice& choice, std::string_view model, TimePoint now,
                           bool refused, uint64_t random) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  --state.active;
  KeyState& key = state.of(choice);
  if (refused) {
    // Nobody was there to say anything of the key.
    state.address.failed(now, true, random, choice.probes.address);
    if (Breaker* breaker = key.probed(choice, model)) breaker->gone(choice.probes.model);
    return;
  }
  state.address.succeeded(now, choice.probes.address);
  Breaker& breaker = choice.probes.shared ? key.shared : key.make(model);
  breaker.failed(now, false, random, choice.probes.model);
}

void ProviderState::abandoned(const Choice& choice, std::string_view model) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  --state.active;
  state.address.gone(choice.probes.address);
  if (Breaker* breaker = state.of(choice).probed(choice, model)) breaker->gone(choice.probes.model);
}

void ProviderState::rate_limited(size_t key, TimePoint now, std::optional<Duration> retry_after) {
  const Duration rest = std::clamp(retry_after.value_or(kDefaultRest), Duration(0), kMaxRest);
  const std::lock_guard lock(state_->mutex);
  // The longest rest counts: a late 429 must not wake a key that was refused meanwhile.
  TimePoint& until = state_->keys[key].rest_until;
  until = std::max(until, now + rest);
}

void ProviderState::overloaded(const Choice& choice, std::string_view model, TimePoint now,
                               Duration retry_after) {
  const Duration rest = std::clamp(retry_after, Duration(0), kMaxRest);
  const std::lock_guard lock(state_->mutex);
  state_->of(choice).make(model).rest(now + rest);
}

void ProviderState::refused(size_t key, TimePoint now) { rate_limited(key, now, kMaxRest); }

int64_t ProviderState::active() const {
  const std::lock_guard lock(state_->mutex);
  return state_->active;
}

double ProviderState::share(std::string_view model, TimePoint now) const {
  const State& state = *state_;
  const std::lock_guard lock(state.mutex);
  double best = 0;
  for (const KeyState& key : state.keys) {
    if (state.lets_through(key, model, now)) best = std::max(best, State::share(key, model, now));
  }
  if (best == 0) best = Breaker::kFirstShare;
  return std::min(best, state.address.share(now));
}

std::vector<ProviderState::BreakerView> ProviderState::troubles(TimePoint now) const {
  const State& state = *state_;
  const std::lock_guard lock(state.mutex);
  std::vector<BreakerView> out;
  const auto add = [&](std::optional<size_t> key, std::string_view model, const Breaker& breaker) {
    if (breaker.state(now) == Breaker::State::kClosed) return;
    out.push_back({.key = key, .model = std::string(model), .state = breaker.state(now)});
  };
  add(std::nullopt, "", state.address);
  for (size_t i = 0; i < state.keys.size(); ++i) {
    for (const auto& [model, breaker] : state.keys[i].models) add(i, model, breaker);
    add(i, "", state.keys[i].shared);
  }
  return out;
}

}  // namespace sluice::route
