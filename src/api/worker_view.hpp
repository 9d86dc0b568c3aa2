// A worker as JSON, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "json/writer.hpp"
#include "workers/fleet.hpp"

namespace sluice::api {

/// Names of all that it serves, each once: supported, loaded, and LoRA adapters.
std::vector<std::string> models_of(const workers::Heartbeat& heartbeat);

/// One object. What it has not told is null. Its endpoint only where `endpoint`.
void write_worker(json::Writer& json, const workers::WorkerView& worker,
                  const std::vector<std::string>& models, bool endpoint);

}  // namespace sluice::api
