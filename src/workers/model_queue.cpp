#include "workers/model_queue.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::workers {

namespace {

constexpr double kDesiredLoad = 0.8;
constexpr double kMostWorkers = 1e6;  // that anybody would want
/// A pace is a guess: who was let in by it is not sent away because it has become a little slower.
constexpr double kSurely = 1.5;

}  // namespace

void ModelQueue::push(Waiting& waiting, config::Class urgency, TimePoint now) {
  queue(urgency).push(waiting);
  drain_.waited_for(now);
}

void ModelQueue::served(Waiting& waiting, config::Class urgency, TimePoint now) {
  queue(urgency).served(waiting);
  drain_.granted(now);
  if (this->waiting() > 0) drain_.waited_for(now);
}

void ModelQueue::left(Waiting& waiting, config::Class urgency, TimePoint now) {
  queue(urgency).erase(waiting);
  if (this->waiting() == 0) drain_.given_up(now);
}

int64_t ModelQueue::waiting() const {
  int64_t sum = 0;
  for (const FairQueue& each : queues_) sum += each.size();
  return sum;
}

bool ModelQueue::waits_before(config::Class urgency) const {
  const auto end = queues_.begin() + static_cast<ptrdiff_t>(urgency) + 1;
  return std::any_of(queues_.begin(), end, [](const FairQueue& each) { return each.size() > 0; });
}

TimePoint ModelQueue::oldest() const {
  TimePoint oldest = TimePoint::max();
  for (const FairQueue& each : queues_) oldest = std::min(oldest, each.oldest());
  return oldest;
}

std::optional<Duration> ModelQueue::predicted_wait(int64_t key, config::Class urgency,
                                                   TimePoint now) const {
  int64_t ahead = queue(urgency).ahead_of(key);
  for (size_t i = 0; i < static_cast<size_t>(urgency); ++i) ahead += queues_[i].size();
  return drain_.time_for(ahead + 1, now);
}

std::vector<Waiting*> ModelQueue::too_late(Duration enough, TimePoint now) const {
  std::vector<Waiting*> late;
  int64_t before = 0;
  for (const FairQueue& queue : queues_) {
    for (const auto& [waiting, ahead] : queue.lasts()) {
      const Duration left = waiting->until - now;
      if (left < enough) continue;
      const auto wait = drain_.time_for(before + ahead + 1, now);
      if (wait && seconds(*wait) > kSurely * seconds(left)) late.push_back(waiting);
    }
    before += queue.size();
  }
  return late;
}

bool ModelQueue::follow(const Fleet::Load& load, TimePoint now) {
  saturation_.update(load.workers == 0 ? 1 : load.saturation, now);
  return saturation_.saturated();
}

int desired_workers(const Fleet::Load& load, int64_t waiting) {
  const double demand = std::max(0.0, load.active) + static_cast<double>(waiting);
  if (demand <= 0) return 0;
  const double places = load.workers > 0 ? load.slots / load.workers : 0;
  // Where nobody knows how much one can do, the demand says only that there should be one.
  if (places <= 0) return std::max(1, load.workers);
  return static_cast<int>(std::min(std::ceil(demand / (kDesiredLoad * places)), kMostWorkers));
}

}  // namespace sluice::workers
