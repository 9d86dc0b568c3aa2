// What `sluice agent` is asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/engine.hpp"
#include "agent/nvml.hpp"
#include "agent/site.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace sluice::agent {

/// As given on the command line.
struct Options {
  std::vector<std::string> gateways;
  std::string engine = "auto";
  std::string engine_url = "http://127.0.0.1:8000";
  std::string endpoint;
  std::string id;
  std::string models;  // comma-separated; empty: what the engine serves
  int64_t max_tasks = 0;
  int64_t vram = 0;  // bytes in all, where no library tells
  std::string gpus;  // empty: CUDA_VISIBLE_DEVICES, else all
  bool fallback = false;
  std::string token_file;
  std::string engine_key_file;
  std::string ca_file;
  int64_t interval_ms = 0;  // 0: as the gateway asks
  int64_t poll_ms = 250;
  bool once = false;
  bool print = false;
  // Where neither a file nor the environment has one.
  Secret token;
  Secret engine_key;
};

/// Checked, with everything that files and the environment say.
struct Plan {
  std::vector<Site> gateways = {};
  const Engine* engine = nullptr;  // null: to be found out
  Site engine_site = {};
  std::string endpoint = {};
  std::string id = {};
  std::vector<std::string> models = {};
  std::optional<int64_t> max_tasks = {};
  std::optional<int64_t> vram = {};
  GpuChoice gpus = {};
  bool fallback = false;
  Secret token = {};
  Secret engine_key = {};
  std::optional<Duration> interval = {};
  Duration poll{};
  bool once = false;
  bool print = false;
};

/// kInvalidRequest with one clear line for what cannot be.
Result<Plan> make_plan(const Options& options);

}  // namespace sluice::agent
