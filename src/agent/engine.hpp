// What inference engines tell of themselves, and how each of them tells it. Readers are pure: a
// page's bytes in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "workers/heartbeat.hpp"

namespace sluice::agent {

/// What changes from moment to moment. What is absent is not known.
struct Gauges {
  std::optional<int64_t> running = {};
  std::optional<int64_t> waiting = {};
  std::optional<int64_t> max_tasks = {};
  std::optional<int64_t> kv_total_tokens = {};
  std::optional<int64_t> kv_free_tokens = {};
  std::optional<int64_t> kv_total_bytes = {};
  std::optional<int64_t> kv_free_bytes = {};
  std::optional<int64_t> vram_used = {};   // bytes that its models hold
  std::optional<double> prefill_tps = {};  // tokens a second, of one sequence
  std::optional<double> decode_tps = {};
  std::optional<std::vector<workers::LoadedModel>> loaded =
      {};                                 // of all its models, only these are
  std::optional<double> started_at = {};  // of its process, Unix seconds
  std::optional<double> work = {};        // grows while the process lives
};

/// What changes when it starts, or seldom.
struct Facts {
  std::vector<workers::LoadedModel> models = {};
  std::string version = {};
  std::optional<int64_t> max_tasks = {};
  std::optional<int64_t> max_len = {};  // of every model that says nothing of its own
};

struct EngineView {
  Facts facts = {};
  Gauges gauges = {};
};

struct EnginePage {
  std::string_view path;
  /// kProtocol when the page is not what it should be; `view` may then hold a part of it.
  Status (*read)(std::string_view body, EngineView& view);
  /// Asked only when the engine does not have the page before this one.
  bool instead = false;
};

struct Engine {
  std::string_view name;    // as in --engine and in the heartbeat
  std::string_view health;  // path that answers 200 once it takes requests
  std::span<const EnginePage> facts;
  std::span<const EnginePage> gauges;
  std::string_view hint;  // what to do when the first page of gauges is not offered
  /// Its health costs work: it is asked for until it is good, and not again.
  bool health_once = false;
};

extern const Engine kVllm;
extern const Engine kSglang;
extern const Engine kLlamacpp;
extern const Engine kOllama;
extern const Engine kTgi;
/// Any other server with /v1/models: no gauges.
extern const Engine kOpenAi;

/// Null when no engine has that name.
const Engine* engine_named(std::string_view name);
/// By the names on its page of metrics; null when they are no known engine's.
const Engine* engine_of_metrics(std::string_view page);
/// By who owns its models; null when that does not tell.
const Engine* engine_of_models(std::string_view models);

// Shared by the readers.

/// {"data":[{"id", "max_model_len"?, "parent"?}]} of /v1/models, into facts.models: an entry with
/// a parent is a LoRA of that model.
Status read_models(std::string_view body, EngineView& view);
std::unexpected<Error> unreadable(std::string_view page, std::string_view why);
/// Rounded; nullopt where it is no count.
std::optional<int64_t> as_count(std::optional<double> value);

}  // namespace sluice::agent
