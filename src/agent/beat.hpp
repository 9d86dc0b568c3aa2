// What is told of the worker: one heartbeat of all that is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/engine.hpp"
#include "agent/options.hpp"
#include "base/clock.hpp"
#include "workers/heartbeat.hpp"

namespace sluice::agent {

/// One look at the engine and the GPUs.
struct Look {
  workers::WorkerState state = workers::WorkerState::kStarting;
  const Engine* engine = nullptr;  // null: not known yet
  EngineView view = {};
  std::vector<workers::Gpu> gpus = {};
  std::string boot_id = {};
  TimePoint at{};  // when the gauges were read
};

/// Without seq, sample_at and interval_ms, which each gateway has its own of. Pure. Names that no
/// heartbeat can hold are left out.
workers::Heartbeat compose(const Plan& plan, const Look& look);

/// Whether `now` is worth telling before its time: a count or a model has changed, or a hundredth
/// of the memory.
bool worth_telling(const workers::Heartbeat& before, const workers::Heartbeat& now);

}  // namespace sluice::agent
