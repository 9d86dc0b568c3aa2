#include "api/worker_view.hpp"

#include <optional>
#include <unordered_set>

namespace sluice::api {

namespace {

template <typename Number>
void optional_member(json::Writer& json, std::string_view name, std::optional<Number> value) {
  value ? json.member(name, *value) : json.null_member(name);
}

void text_member(json::Writer& json, std::string_view name, std::string_view text) {
  text.empty() ? json.null_member(name) : json.member(name, text);
}

void names(json::Writer& json, std::string_view name, const std::vector<std::string>& list) {
  json.key(name).begin_array();
  for (const std::string& each : list) json.string(each);
  json.end_array();
}

}  // namespace

std::vector<std::string> models_of(const workers::Heartbeat& heartbeat) {
  std::vector<std::string> models;
  std::unordered_set<std::string_view> seen;
  const auto add = [&](const std::string& model) {
    if (seen.insert(model).second) models.push_back(model);
  };
  for (const std::string& each : heartbeat.supported) add(each);
  for (const workers::LoadedModel& each : heartbeat.models) {
    if (!each.loaded) continue;
    add(each.id);
    for (const std::string& lora : each.loras) add(lora);
  }
  return models;
}

void write_worker(json::Writer& json, const workers::WorkerView& worker,
                  const std::vector<std::string>& models, bool endpoint) {
  const workers::Heartbeat& last = worker.last;
  json.begin_object()
      .member("id", last.worker_id)
      .member("object", "worker")
      .member("worker_id", last.worker_id)
      .member("state", worker.state)
      .member("routable", worker.reason.empty());
  text_member(json, "reason", worker.reason);
  json.member("score", worker.score);
  names(json, "models", models);
  if (endpoint) text_member(json, "endpoint", last.endpoint);
  json.member("is_fallback", last.is_fallback.value_or(false))
      .member("discovered", worker.discovered)
      .member("age_seconds", seconds(worker.age));
  // As it told last.
  optional_member(json, "total_vram", last.total_vram);
  optional_member(json, "available_vram", last.available_vram);
  optional_member(json, "active_tasks", last.active_tasks);
  optional_member(json, "max_tasks", last.max_tasks);
  optional_member(json, "waiting_tasks", last.waiting_tasks);
  text_member(json, "engine", last.engine);
  text_member(json, "engine_version", last.engine_version);
  json.key("gpu").begin_array();
  for (const workers::Gpu& gpu : last.gpus) {
    json.begin_object()
        .member("name", gpu.name)
        .member("total_bytes", gpu.total_bytes)
        .member("free_bytes", gpu.free_bytes)
        .end_object();
  }
  json.end_array();
  // What the gateway makes of that and of its own requests since.
  json.key("effective")
      .begin_object()
      .member("active", worker.active)
      .member("in_flight", worker.in_flight)
      .member("vram_free", worker.vram_free)
      .member("drift", worker.drift);
  optional_member(json, "kv_free", worker.kv_free);
  json.end_object();
  names(json, "declines", worker.declines);
  json.member("breaker", worker.breaker)
      .key("learned")
      .begin_object()
      .member("prefill_tps", worker.prefill_tps)
      .member("decode_step_seconds", worker.decode_step)
      .member("ttft_error", worker.ttft_error)
      .end_object()
      .end_object();
}

}  // namespace sluice::api
