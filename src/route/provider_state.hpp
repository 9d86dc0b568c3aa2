// What is known of a provider's keys: which rest, which have failed, how much runs on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "route/breaker.hpp"

namespace sluice::route {

/// Spreads requests over a provider's keys, and lets a key rest that was refused or has failed. A
/// conversation keeps its key, since caches and thinking belong to the account behind it.
///
/// There is a breaker for each key and model, since one model's failures say little of another's,
/// and one for the address, which a refused connection opens for all. A provider without keys is
/// as one with a single key, whose index is 0.
///
/// Shared by all loops and by all snapshots with this provider; a short lock around each call.
class ProviderState {
 public:
  static constexpr Duration kDefaultRest = std::chrono::seconds(10);
  static constexpr Duration kMaxRest = std::chrono::minutes(5);
  static constexpr size_t kMaxModels = 64;  // further models of a key share a breaker

  explicit ProviderState(size_t keys);
  ~ProviderState();
  ProviderState(const ProviderState&) = delete;
  ProviderState& operator=(const ProviderState&) = delete;

  size_t keys() const { return keys_; }

  struct Choice {
    std::optional<size_t> key;  // nullopt: the provider has none and is called without
    TimePoint free_at;          // not after the `now` of the pick unless all of them rest
    bool resting = false;       // it is the one that is free soonest
    /// It is where the conversation's earlier requests went, as long as no key rests.
    bool home = false;

    /// Which breakers wait for its end; begin()'s.
    struct Probes {
      bool address = false;
      bool model = false;
      bool shared = false;  // of the models that share one
    } probes = {};
  };

  /// Of the keys that let `model` through and are not among `exclude` (those that this request has
  /// tried) the one that `session` likes best, or without a session the next in turn; when there
  /// is no such key, the one that is free soonest. A session likes the keys in an order of its own,
  /// which another key at the end of the list hardly changes. nullopt when none is left.
  std::optional<Choice> pick(std::string_view model, TimePoint now,
                             std::span<const size_t> exclude = {},
                             std::optional<uint64_t> session = std::nullopt);

  /// True when a key outside `exclude` lets `model` through; without keys, when the provider does.
  bool available(std::string_view model, TimePoint now, std::span<const size_t> exclude = {}) const;

  /// A request begins with this choice; exactly one of the three ends it, with the same choice.
  /// False when it did not begin, because another one is the probe since the pick: pick again.
  /// One that is resting always begins.
  bool begin(Choice& choice, std::string_view model, TimePoint now);
  void succeeded(const Choice& choice, std::string_view model, TimePoint now);
  /// Before its end: content has come. Others need not wait for the end of a probe that is a long
  /// answer. Cheap where it is none.
  void answering(Choice& choice, std::string_view model, TimePoint now);
  /// `refused`: nothing listens there. `random`: any 64 bits.
  void failed(const Choice& choice, std::string_view model, TimePoint now, bool refused,
              uint64_t random);
  void abandoned(const Choice& choice, std::string_view model);

  /// Back-pressure. 429: the key rests as long as the upstream says, kMaxRest at most;
  /// kDefaultRest when it does not say.
  void rate_limited(size_t key, TimePoint now, std::optional<Duration> retry_after);
  /// 503 with Retry-After: the model rests at this key, kMaxRest at most.
  void overloaded(const Choice& choice, std::string_view model, TimePoint now,
                  Duration retry_after);
  /// 401 or 403: the key rests for kMaxRest.
  void refused(size_t key, TimePoint now);

  /// Requests that run there now.
  int64_t active() const;
  /// Of the requests for `model` that it would get otherwise: below 1 for a while after it has
  /// failed, never 0.
  double share(std::string_view model, TimePoint now) const;

  struct BreakerView {
    std::optional<size_t> key;  // nullopt: the address, for all keys and models
    std::string model;          // empty: of the models that share one
    Breaker::State state = Breaker::State::kClosed;
  };
  /// Those that are not closed.
  std::vector<BreakerView> troubles(TimePoint now) const;

 private:
  struct State;
  const size_t keys_;
  std::unique_ptr<State> state_;
};

/// For whoever sees a request run at a provider. All of it outlives the request; nobody's by
/// default.
struct Visit {
  ProviderState* state = nullptr;
  ProviderState::Choice* choice = nullptr;
  std::string_view model = {};

  void answering(TimePoint now) const {
    if (choice != nullptr) state->answering(*choice, model, now);
  }
};

}  // namespace sluice::route
