// How good a worker is for a request. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "config/config.hpp"

namespace sluice::workers {

/// A worker as the scorer sees it: effective values, which are the last heartbeat's and what the
/// gateway has done since.
struct Standing {
  double memory_free = 0;   // bytes or tokens of KV cache; of VRAM where the engine tells no such
  double memory_total = 0;  // 0: unknown
  double active = 0;
  double active_max = 0;  // 0: unknown
  bool fallback = false;
  double missed_beats = 0;    // 0.1 less for each
  double speed = 1;           // in relation to others: prefill tokens a second
  double predicted_ttft = 0;  // seconds; of this request
  bool predictable = false;   // the prediction can be gone by
  double prefix_saved = 0;    // seconds of prefill that the worker's cache is likely to save
  double share = 1;           // of its requests that it gets: below 1 after a failure
};

/// Higher is better. Comparable among the standings of one pick only.
struct Score {
  double total = 0;
  // Terms of the seed's formula, before their weights.
  double memory = 0;       // v
  double concurrency = 0;  // 1 - a
  double model = 1;        // m: what does not serve the model is filtered out before
  double local = 1;        // g
  double penalty = 0;      // of missed heartbeats
  double prefix = 0;       // what the prefix adds
};

/// The seed's formula (kVram): 0.4*v + 0.3*(1-a) + 0.2*m + 0.1*g with the weights given. A
/// denominator of zero makes a term of zero. kLeastConnections: active in relation to speed.
/// kPredicted: minus the predicted time to the first token; the seed's formula where that
/// cannot be gone by. Any other strategy scores as kVram.
Score score(const Standing& standing, config::Strategy strategy,
            const config::ScoreWeights& weights);

}  // namespace sluice::workers
