// One run of a trace through gateways and engines, in virtual time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/engine.hpp"
#include "sim/trace.hpp"

namespace sluice::sim {

/// A worker whose steps take longer from some time on.
struct Slowdown {
  size_t worker = 0;
  double at = 0;  // seconds
  double times = 1;
};

struct Setup {
  std::span<const Arrival> arrivals;
  double rate = 1;  // times as many in the same time
  std::span<const Gpu* const> gpus;
  std::string_view policy;
  int gateways = 1;
  double interval = 5;    // seconds between heartbeats
  bool nameless = false;  // workers do not tell which GPU they have
  double misjudged = 0;   // by up to this share of it a gateway is wrong about a prompt's length
  uint64_t seed = 1;
  std::optional<Slowdown> slowdown = {};
};

struct Outcome {
  // By arrival.
  std::vector<double> ttft;  // seconds from its arrival
  std::vector<uint32_t> worker;
  std::vector<double> at;

  double reused = 0;  // share of the prompts' tokens that came of a cache
  int64_t preemptions = 0;
};

/// The same setup has the same outcome.
Outcome run(const Setup& setup);

}  // namespace sluice::sim
