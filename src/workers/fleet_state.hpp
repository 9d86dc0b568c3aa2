// What the fleet keeps behind its lock. Private to the fleet.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "workers/fleet.hpp"
#include "workers/prefix_index.hpp"
#include "workers/score.hpp"
#include "workers/worker.hpp"

namespace sluice::workers {

struct Fleet::State {
  /// Who serves a model: [0] the others, [1] those that are fallbacks.
  using Tiers = std::array<std::vector<std::shared_ptr<Serving>>, 2>;

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::function<void(TimePoint)> free;  // set before the first use

  mutable std::mutex mutex;
  Options options;
  std::map<std::string, std::shared_ptr<Worker>, std::less<>> workers;
  /// Forgotten ones with requests on them.
  std::map<std::string, std::weak_ptr<Worker>, std::less<>> gone;
  std::unordered_map<std::string, Tiers, Hash, std::equal_to<>> models;
  PrefixIndex prefixes;
  std::vector<uint32_t> free_numbers;
  uint32_t next_number = 0;
  size_t strangers = 0;  // of the workers
  int64_t reservations = 0;
  uint64_t heartbeats = 0;
  TimePoint latest{};  // the latest moment that anybody spoke of

  double k() const { return static_cast<double>(std::max(options.gateways, 1)); }
  void at(TimePoint now) { latest = std::max(latest, now); }
  void told_free(TimePoint now) const {
    if (free) free(now);
  }

  // fleet.cpp
  std::shared_ptr<Worker> add(const std::string& id, TimePoint now);
  void enter(const std::shared_ptr<Worker>& worker);
  void remove(Worker& worker);
  void index(Worker& worker);
  void unindex(Worker& worker);
  /// Makes room for a heartbeat of this sender, or says why there is none.
  Status admit(const Heartbeat& heartbeat, Sender sender);
  bool late(const Worker& worker, const Heartbeat& heartbeat) const;
  TimePoint sample_time(const Worker& worker, const Heartbeat& heartbeat, TimePoint now,
                        double gw_time) const;

  // fleet_pick.cpp
  Out out(const Serving& serving, const Demand& demand, TimePoint now) const;
  Backlog backlog(const Serving& serving, double own_tokens) const;
  /// Who may be picked. No more than the pick needs: all of them are in the nearest cache.
  struct Choice {
    Serving* serving = nullptr;
    double score = 0;
    double active = 0;
    float share = 1;
    uint32_t blocks = 0;
  };
  /// Finds their prefixes, and says by which strategy they can be compared.
  config::Strategy prepare(std::vector<Choice>& choices, const Demand& demand);
  Standing standing(const Choice& choice, const Demand& demand, config::Strategy strategy,
                    TimePoint now) const;
  Standing standing(const Worker& worker, TimePoint now) const;
  /// Of those that were not chosen the best.
  void note_rivals(size_t chosen, const Demand& demand, config::Strategy strategy, TimePoint now,
                   PickTerms& terms) const;
  /// Index of the best, of one as good, or now and then of any.
  size_t choose(const std::vector<Choice>& choices, uint64_t random) const;

  // Used again by each pick, so that none allocates.
  std::vector<Choice> choices;
  std::vector<uint32_t> numbers;
  std::vector<uint32_t> counts;
};

/// A request on a worker.
struct Reservation {
  Fleet::State* fleet = nullptr;
  std::shared_ptr<Worker> worker;
  std::shared_ptr<Serving> serving;
  std::shared_ptr<const std::string> endpoint;
  bool fallback = false;
  bool probe = false;        // of the worker's breaker
  bool model_probe = false;  // of Serving::declines
  uint8_t route = 0;         // Demand::route
  TimePoint begun{};
  Backlog backlog;  // that it found
  Ledger::Request request;
  std::optional<TimePoint> first_token;
  PickTerms terms;
  double decoding_then = 0;

  /// Gives the place back. `learn` runs under the lock.
  template <typename Learn>
  static void end(std::unique_ptr<Reservation> held, TimePoint at, Learn learn) {
    Fleet::State& fleet = *held->fleet;
    {
      const std::lock_guard lock(fleet.mutex);
      learn(*held);
      held->worker->ledger.ended(held->request, at);
      --fleet.reservations;
      fleet.at(at);
    }
    held.reset();
    fleet.told_free(at);
  }
};

}  // namespace sluice::workers
