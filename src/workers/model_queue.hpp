// All that waits for one model, and what is known of how it goes on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "workers/drain_rate.hpp"
#include "workers/fair_queue.hpp"
#include "workers/fleet.hpp"
#include "workers/saturation.hpp"

namespace sluice::workers {

/// A queue for each class; who waits in a higher one goes first.
///
/// Plain state: one thread at a time.
class ModelQueue {
 public:
  static constexpr size_t kClasses = static_cast<size_t>(config::Class::kCount);

  explicit ModelQueue(std::string model) : model_(std::move(model)) {}

  const std::string& model() const { return model_; }

  void push(Waiting& waiting, config::Class urgency, TimePoint now);
  /// It got a place.
  void served(Waiting& waiting, config::Class urgency, TimePoint now);
  /// It gave up.
  void left(Waiting& waiting, config::Class urgency, TimePoint now);

  int64_t waiting() const;
  int64_t depth(config::Class urgency) const { return queue(urgency).size(); }
  /// Somebody who came earlier has a right to be served before a newcomer of this class.
  bool waits_before(config::Class urgency) const;
  /// Of who has waited longest; TimePoint::max() where nobody waits.
  TimePoint oldest() const;
  /// Calls `each` in the order in which places are given away: see FairQueue::walk().
  template <typename Enough>
  void walk(Enough each) const {
    for (const FairQueue& queue : queues_) {
      if (queue.walk(each)) return;
    }
  }

  /// How long a newcomer would wait; nullopt: nothing has been seen yet.
  std::optional<Duration> predicted_wait(int64_t key, config::Class urgency, TimePoint now) const;
  /// Who by the present pace is not served in time, with some room for error: the last of each key,
  /// so those before them stay. `enough`: more of their patience is left than would be of use.
  std::vector<Waiting*> too_late(Duration enough, TimePoint now) const;
  /// What has been seen is old, and nobody waits who would see more.
  bool unwatched(TimePoint now) const { return waiting() == 0 && drain_.stale(now); }

  /// Whether the model's workers are full; who has none of its own, but for the fallback tier, is.
  bool follow(const Fleet::Load& load, TimePoint now);
  bool saturated() const { return saturation_.saturated(); }

 private:
  const FairQueue& queue(config::Class urgency) const {
    return queues_[static_cast<size_t>(urgency)];
  }
  FairQueue& queue(config::Class urgency) { return queues_[static_cast<size_t>(urgency)]; }

  const std::string model_;
  std::array<FairQueue, kClasses> queues_;
  DrainRate drain_;
  Saturation saturation_;
};

/// Workers that the demand of now needs, where each is like those that are there: with some places
/// left over for what comes next.
int desired_workers(const Fleet::Load& load, int64_t waiting);

}  // namespace sluice::workers
