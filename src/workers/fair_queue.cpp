#include "workers/fair_queue.hpp"

#include <algorithm>

namespace sluice::workers {

void FairQueue::push(Waiting& waiting) {
  if (size_ == 0 && waiting.since - last_ > kLately) flows_.clear();
  last_ = waiting.since;
  Flow& flow = flows_[waiting.key];
  if (flow.waiting.empty()) {
    flow.start = std::max(flow.start, time_);
    turns_.emplace(flow.start, waiting.key);
  }
  flow.waiting.insert(&waiting);
  ages_.emplace(waiting.since, waiting.number);
  waiting.queued_ = true;
  ++size_;
}

void FairQueue::served(Waiting& waiting) {
  if (waiting.queued_) remove(waiting, std::max<int64_t>(waiting.cost, 1));
}

void FairQueue::erase(Waiting& waiting) {
  if (waiting.queued_) remove(waiting, 0);
}

void FairQueue::remove(Waiting& waiting, int64_t cost) {
  waiting.queued_ = false;
  --size_;
  ages_.erase({waiting.since, waiting.number});
  const auto found = flows_.find(waiting.key);
  Flow& flow = found->second;
  turns_.erase({flow.start, waiting.key});
  flow.waiting.erase(&waiting);
  if (cost > 0) {
    time_ = std::max(time_, flow.start);
    flow.start += cost;
  }
  if (!flow.waiting.empty()) {
    turns_.emplace(flow.start, waiting.key);
  } else if (flow.start <= time_) {
    flows_.erase(found);
  }
  if (flows_.size() > turns_.size() + kMaxDebts) forget_debts();
}

void FairQueue::forget_debts() {
  const auto forget = [this](bool owed) {
    std::erase_if(flows_, [&](const auto& each) {
      return each.second.waiting.empty() && (owed || each.second.start <= time_);
    });
  };
  forget(false);
  // Who still owes gets one turn too early by this.
  if (flows_.size() > turns_.size() + kMaxDebts / 2) forget(true);
}

int64_t FairQueue::ahead_of(int64_t key) const {
  // Each other key gets about as many turns as this one until then.
  const auto own = flows_.find(key);
  const auto waiting = [](const Flow& flow) { return static_cast<int64_t>(flow.waiting.size()); };
  const int64_t mine = own == flows_.end() ? 0 : waiting(own->second);
  int64_t ahead = mine;
  for (const auto& [start, other] : turns_) {
    if (other != key) ahead += std::min(waiting(flows_.at(other)), mine + 1);
  }
  return ahead;
}

TimePoint FairQueue::oldest() const {
  return ages_.empty() ? TimePoint::max() : ages_.begin()->first;
}

std::vector<FairQueue::Last> FairQueue::lasts() const {
  std::vector<int64_t> sizes;
  std::vector<Last> all;
  for (const auto& [key, flow] : flows_) {
    if (flow.waiting.empty()) continue;
    sizes.push_back(static_cast<int64_t>(flow.waiting.size()));
    all.push_back({.waiting = *flow.waiting.rbegin(), .ahead = sizes.back() - 1});
  }
  std::ranges::sort(sizes);
  std::vector<int64_t> below(sizes.size() + 1, 0);  // sums of the smallest
  for (size_t i = 0; i < sizes.size(); ++i) below[i + 1] = below[i] + sizes[i];
  for (Last& each : all) {
    // While its key has so many turns, the others have as many, or all that they want.
    const int64_t turns = each.ahead;
    const auto smaller =
        static_cast<size_t>(std::ranges::upper_bound(sizes, turns) - sizes.begin());
    const auto larger = static_cast<int64_t>(sizes.size() - smaller);
    each.ahead = below[smaller] + larger * turns;
  }
  return all;
}

}  // namespace sluice::workers
