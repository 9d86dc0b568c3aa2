#include "workers/score.hpp"

#include <algorithm>

namespace sluice::workers {
namespace {

constexpr double kPenaltyOfMissedBeat = 0.1;
/// Of each second of prefill that is saved, one at most: more of it draws conversations to workers
/// that have less room, and loses on public traces what the cache gains.
constexpr double kPrefixWeight = 0.03;

double ratio(double part, double whole) {
  return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

}  // namespace

Score score(const Standing& standing, config::Strategy strategy,
            const config::ScoreWeights& weights) {
  Score score;
  score.memory = ratio(standing.memory_free, standing.memory_total);
  score.concurrency = standing.active_max > 0 ? 1 - ratio(standing.active, standing.active_max) : 0;
  score.local = standing.fallback ? 0 : 1;
  score.penalty = kPenaltyOfMissedBeat * standing.missed_beats;

  if (strategy == config::Strategy::kLeastConnections) {
    const double speed = std::max(standing.speed, 1e-9);
    score.total = -(standing.active + 1) / speed * (1 + score.penalty);
    return score;
  }
  if (strategy == config::Strategy::kPredicted && standing.predictable) {
    // What the prefix saves is in the prediction already.
    score.prefix = standing.prefix_saved;
    score.total = -standing.predicted_ttft - score.penalty;
    return score;
  }
  // Worth nothing on a worker without a free slot, however much it has in its cache.
  const double idle = standing.active_max > 0 ? score.concurrency : 1 / (1 + standing.active);
  score.prefix = kPrefixWeight * std::min(standing.prefix_saved, 1.0) * idle;
  score.total = weights.vram * score.memory + weights.concurrency * score.concurrency +
                weights.model * score.model + weights.fallback * score.local + score.prefix -
                score.penalty;
  return score;
}

}  // namespace sluice::workers
