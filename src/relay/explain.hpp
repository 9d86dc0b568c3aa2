// Why a request would go where it would go: the planning of requests, without one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/dialect.hpp"
#include "json/writer.hpp"
#include "relay/snapshot.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::relay {

/// The request that nobody sends.
struct Hypothesis {
  std::string model;
  dialect::Endpoint endpoint = dialect::Endpoint::kChatCompletions;
  int64_t prompt_tokens = 0;  // about
  int64_t output_tokens = 0;  // most that may be generated; 0: unknown
  std::vector<uint64_t> prefix;
  config::Class urgency = config::Class::kDefault;
};

/// Somebody who could be asked: a provider, or a worker.
struct Explained {
  std::string provider;  // config::kWorkersTarget for a worker
  std::string worker;
  std::string model;  // to send there
  bool available = false;
  std::string reason;        // why it is not
  std::string_view breaker;  // closed, open, half_open; empty: unknown
  int weight = 1;
  double active = 0;
  bool picked = false;
  // Of a worker.
  bool fallback = false;
  std::optional<workers::Score> score;
  std::optional<double> predicted_ttft;  // seconds
};

struct Explanation {
  std::string rule;
  struct Tier {
    std::string name;
    config::Strategy strategy = config::Strategy::kVram;
    std::vector<Explained> targets;
  };
  std::vector<Tier> tiers;
  /// All workers are busy, or others wait: the request would join them.
  bool waits = false;
  /// Whoever is picked has failed lately, and there is nobody else.
  bool desperate = false;
  std::optional<workers::QueueFigures> queue;  // of the picked workers' model, or the first's

  const Explained* pick() const;
};

/// Takes no place, turns no balancer, and asks nobody. Thread-safe. The error is what a client
/// would get.
Result<Explanation> explain(const Snapshot& snapshot, workers::Dispatcher& dispatcher,
                            const Hypothesis& hypothesis, TimePoint now);

/// One JSON object.
std::string to_json(const Explanation& explanation, const Hypothesis& hypothesis);

/// As the member "score".
void write_score(json::Writer& json, const workers::Score& score);

/// As configuration and clients write them.
std::string_view to_string(config::Strategy strategy);
std::string_view to_string(config::Class urgency);

}  // namespace sluice::relay
