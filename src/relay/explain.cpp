#include "relay/explain.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/ids.hpp"
#include "relay/selection.hpp"
#include "workers/saturation.hpp"

namespace sluice::relay {

namespace {

std::string_view name_of(route::Breaker::State state) {
  switch (state) {
    case route::Breaker::State::kClosed:
      return "closed";
    case route::Breaker::State::kOpen:
      return "open";
    case route::Breaker::State::kHalfOpen:
      return "half_open";
  }
  return "closed";
}

/// Of the breakers that stand between the provider and the model the worst; a key's only when it
/// is the only one.
route::Breaker::State breaker_of(const route::ProviderState& state, std::string_view model,
                                 TimePoint now) {
  auto worst = route::Breaker::State::kClosed;
  size_t keys = 0;
  for (const auto& trouble : state.troubles(now)) {
    if (trouble.key && trouble.model != model && !trouble.model.empty()) continue;
    if (trouble.key && ++keys < std::max<size_t>(state.keys(), 1)) continue;
    if (worst != route::Breaker::State::kOpen) worst = trouble.state;
  }
  return worst;
}

/// What would come of asking for a worker.
enum class WorkerAnswer : uint8_t { kPicked, kWaits, kNobody };

class Explainer {
 public:
  Explainer(const Snapshot& snapshot, workers::Dispatcher& dispatcher, const Hypothesis& hypothesis,
            TimePoint now)
      : snapshot_(snapshot), dispatcher_(dispatcher), hypothesis_(hypothesis), now_(now) {}

  Result<Explanation> run() {
    auto plan = plan_of(snapshot_, dispatcher_.fleet(), hypothesis_.endpoint, hypothesis_.model);
    if (!plan) return std::unexpected(std::move(plan.error()));
    plan_ = std::move(*plan);
    out_.rule = plan_.rule;
    for (const workers::WorkerView& each : dispatcher_.fleet().list(now_)) {
      breakers_.emplace(each.last.worker_id, each.breaker);
    }
    queues_ = dispatcher_.figures(now_);
    for (const route::Tier& tier : plan_.tiers) describe(tier);
    for (const bool desperate : {false, true}) {
      out_.desperate = desperate;
      for (size_t tier = 0; tier < plan_.tiers.size(); ++tier) {
        if (pick(tier, desperate)) return std::move(out_);
      }
    }
    out_.desperate = false;
    return std::move(out_);
  }

 private:
  /// Rows of `out_`, of one target of the plan.
  struct Rows {
    size_t first = 0;
    size_t count = 0;
  };

  void describe(const route::Tier& tier) {
    Explanation::Tier& out = out_.tiers.emplace_back();
    out.name = tier.name;
    out.strategy = tier.strategy;
    std::vector<Rows>& rows = rows_.emplace_back();
    for (const route::Target& target : tier.targets) {
      const size_t first = out.targets.size();
      target.workers() ? describe_workers(tier, target, out) : describe_provider(target, out);
      rows.push_back({first, out.targets.size() - first});
    }
  }

  void describe_provider(const route::Target& target, Explanation::Tier& out) const {
    const route::ProviderState& state = *snapshot_.upstream(target).state;
    const auto breaker = breaker_of(state, target.model, now_);
    Explained& row = out.targets.emplace_back();
    row.provider = target.name();
    row.model = target.model;
    row.available = state.available(target.model, now_);
    row.breaker = name_of(breaker);
    row.weight = target.weight;
    row.active = static_cast<double>(state.active());
    if (row.available) return;
    row.reason =
        breaker == route::Breaker::State::kClosed ? "all of its keys rest" : "it has failed lately";
  }

  void describe_workers(const route::Tier& tier, const route::Target& target,
                        Explanation::Tier& out) {
    if (!out_.queue) {
      const auto found = std::ranges::find(queues_, target.model, &workers::QueueFigures::model);
      if (found != queues_.end()) out_.queue = *found;
    }
    const auto times = predictions(target);
    for (const workers::Candidate& each : candidates(tier, target, false)) {
      Explained& row = out.targets.emplace_back();
      row.provider = target.name();
      row.worker = each.worker;
      row.model = target.model;
      row.available = each.out.empty();
      row.reason = each.out;
      const auto breaker = breakers_.find(each.worker);
      if (breaker != breakers_.end()) row.breaker = breaker->second;
      row.weight = target.weight;
      row.active = each.standing.active;
      row.fallback = each.fallback;
      row.score = each.score;
      const auto time = times.find(each.worker);
      if (time != times.end()) row.predicted_ttft = time->second;
    }
    if (!out.targets.empty() && out.targets.back().provider == target.name()) return;
    Explained& row = out.targets.emplace_back();
    row.provider = target.name();
    row.model = target.model;
    row.reason = "no worker is registered";
    row.weight = target.weight;
  }

  /// Seconds to the first token, by worker: only one strategy has use for them, people always.
  std::unordered_map<std::string, double> predictions(const route::Target& target) const {
    std::unordered_map<std::string, double> times;
    workers::Demand asked = demand(target, config::Strategy::kPredicted);
    for (const bool fallback : {false, true}) {
      asked.fallback = fallback;
      for (const workers::Candidate& each : dispatcher_.fleet().explain(asked, now_)) {
        if (each.standing.predicted_ttft > 0) times[each.worker] = each.standing.predicted_ttft;
      }
    }
    return times;
  }

  workers::Demand demand(const route::Target& target, config::Strategy strategy) const {
    return {.model = target.model,
            .prompt_tokens = hypothesis_.prompt_tokens,
            .output_tokens = hypothesis_.output_tokens,
            .prefix = hypothesis_.prefix,
            .tried = {},
            .strategy = strategy,
            .route = worker_route(hypothesis_.endpoint)};
  }

  /// Of both kinds, local ones first.
  std::vector<workers::Candidate> candidates(const route::Tier& tier, const route::Target& target,
                                             bool desperate) const {
    workers::Demand asked = demand(target, tier.strategy);
    asked.desperate = desperate;
    auto all = candidates(asked);
    if (!desperate ||
        std::ranges::any_of(all, &std::string_view::empty, &workers::Candidate::out)) {
      return all;
    }
    asked.any_length = true;
    return candidates(asked);
  }

  std::vector<workers::Candidate> candidates(workers::Demand asked) const {
    auto all = dispatcher_.fleet().explain(asked, now_);
    std::erase_if(all, [](const workers::Candidate& each) { return each.fallback; });
    asked.fallback = true;
    for (workers::Candidate& each : dispatcher_.fleet().explain(asked, now_)) {
      if (each.fallback) all.push_back(std::move(each));
    }
    return all;
  }

  /// As Selection walks a tier.
  bool pick(size_t tier, bool desperate) {
    const route::Tier& candidates = plan_.tiers[tier];
    std::vector<route::Standing> standings =
        standings_of(snapshot_, dispatcher_.fleet(), candidates, desperate, now_);
    for (;;) {
      const auto member = next_member(candidates, standings);
      if (!member) return false;
      if (take(tier, *member, desperate)) return true;
      standings[*member].available = false;
    }
  }

  std::optional<size_t> next_member(const route::Tier& tier,
                                    std::span<const route::Standing> standings) const {
    if (tier.group == nullptr) {
      return standings[0].available ? std::optional<size_t>(0) : std::nullopt;
    }
    return snapshot_.groups[tier.group_index]->peek(tier.strategy, standings, random_u64());
  }

  bool take(size_t tier, size_t member, bool desperate) {
    const route::Target& target = plan_.tiers[tier].targets[member];
    const Rows rows = rows_[tier][member];
    const std::span<Explained> all(out_.tiers[tier].targets);
    if (!target.workers()) {
      all[rows.first].picked = true;
      return true;
    }
    std::string picked;
    switch (ask_workers(plan_.tiers[tier], target, desperate, picked)) {
      case WorkerAnswer::kNobody:
        return false;
      case WorkerAnswer::kWaits:
        out_.waits = true;
        return true;
      case WorkerAnswer::kPicked:
        break;
    }
    for (Explained& row : all.subspan(rows.first, rows.count)) row.picked = row.worker == picked;
    return true;
  }

  /// As the Dispatcher decides.
  WorkerAnswer ask_workers(const route::Tier& tier, const route::Target& target, bool desperate,
                           std::string& picked) const {
    const auto queue = std::ranges::find(queues_, target.model, &workers::QueueFigures::model);
    if (queue != queues_.end()) {
      for (size_t i = 0; i <= static_cast<size_t>(hypothesis_.urgency); ++i) {
        if (queue->depth[i] > 0) return WorkerAnswer::kWaits;
      }
    }
    const auto all = candidates(tier, target, desperate);
    const auto best = [&](bool fallback) {
      const workers::Candidate* found = nullptr;
      for (const workers::Candidate& each : all) {
        if (!each.out.empty() || each.fallback != fallback) continue;
        if (found == nullptr || each.picked || (!found->picked && better(each, *found))) {
          found = &each;
        }
      }
      return found;
    };
    const workers::Candidate* found = best(false);
    const workers::Fleet::Load load = dispatcher_.fleet().load(target.model, now_);
    const bool full = load.slots > 0 && load.active >= load.slots;
    const bool saturated =
        queue != queues_.end() ? queue->saturated : load.saturation > workers::Saturation::kAbove;
    if (found == nullptr && full && !saturated) return WorkerAnswer::kWaits;
    if (found == nullptr) found = best(true);
    if (found == nullptr) return full ? WorkerAnswer::kWaits : WorkerAnswer::kNobody;
    picked = found->worker;
    return WorkerAnswer::kPicked;
  }

  static bool better(const workers::Candidate& a, const workers::Candidate& b) {
    return a.score.total > b.score.total;
  }

  const Snapshot& snapshot_;
  workers::Dispatcher& dispatcher_;
  const Hypothesis& hypothesis_;
  const TimePoint now_;
  route::Plan plan_;
  Explanation out_;
  std::vector<std::vector<Rows>> rows_;  // by tier and member
  std::unordered_map<std::string, std::string_view> breakers_;
  std::vector<workers::QueueFigures> queues_;
};

}  // namespace

const Explained* Explanation::pick() const {
  for (const Tier& tier : tiers) {
    const auto found = std::ranges::find(tier.targets, true, &Explained::picked);
    if (found != tier.targets.end()) return &*found;
  }
  return nullptr;
}

Result<Explanation> explain(const Snapshot& snapshot, workers::Dispatcher& dispatcher,
                            const Hypothesis& hypothesis, TimePoint now) {
  return Explainer(snapshot, dispatcher, hypothesis, now).run();
}

}  // namespace sluice::relay
