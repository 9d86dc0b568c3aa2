// How heartbeats and their replies are written.
#include "json/writer.hpp"
#include "workers/heartbeat.hpp"

namespace sluice::workers {
namespace {

template <typename T>
void known(json::Writer& json, std::string_view name, const std::optional<T>& value) {
  if (value) json.member(name, *value);
}

void known(json::Writer& json, std::string_view name, const std::string& value) {
  if (!value.empty()) json.member(name, value);
}

void names(json::Writer& json, std::string_view name, const std::vector<std::string>& values) {
  json.key(name).begin_array();
  for (const std::string& value : values) json.string(value);
  json.end_array();
}

std::string_view to_string(WorkerState state) {
  switch (state) {
    case WorkerState::kStarting:
      return "starting";
    case WorkerState::kReady:
      return "ready";
    case WorkerState::kDraining:
      return "draining";
  }
  return "ready";
}

}  // namespace

std::string to_json(const Heartbeat& heartbeat) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("worker_id", heartbeat.worker_id);
  names(json, "supported", heartbeat.supported);
  known(json, "total_vram", heartbeat.total_vram);
  known(json, "available_vram", heartbeat.available_vram);
  known(json, "active_tasks", heartbeat.active_tasks);
  known(json, "max_tasks", heartbeat.max_tasks);
  known(json, "endpoint", heartbeat.endpoint);
  known(json, "is_fallback", heartbeat.is_fallback);
  known(json, "boot_id", heartbeat.boot_id);
  known(json, "seq", heartbeat.seq);
  known(json, "sample_at", heartbeat.sample_at);
  known(json, "interval_ms", heartbeat.interval_ms);
  json.member("state", to_string(heartbeat.state));
  known(json, "engine", heartbeat.engine);
  known(json, "engine_version", heartbeat.engine_version);
  if (!heartbeat.gpus.empty()) {
    json.key("gpu").begin_array();
    for (const Gpu& gpu : heartbeat.gpus) {
      json.begin_object();
      known(json, "name", gpu.name);
      json.member("total_bytes", gpu.total_bytes);
      json.member("free_bytes", gpu.free_bytes).end_object();
    }
    json.end_array();
  }
  known(json, "kv_total_bytes", heartbeat.kv_total_bytes);
  known(json, "kv_free_bytes", heartbeat.kv_free_bytes);
  known(json, "kv_total_tokens", heartbeat.kv_total_tokens);
  known(json, "kv_free_tokens", heartbeat.kv_free_tokens);
  known(json, "waiting_tasks", heartbeat.waiting_tasks);
  known(json, "waiting_tokens", heartbeat.waiting_tokens);
  known(json, "prefill_tps", heartbeat.prefill_tps);
  known(json, "decode_tps", heartbeat.decode_tps);
  if (!heartbeat.models.empty()) {
    json.key("models").begin_array();
    for (const LoadedModel& model : heartbeat.models) {
      json.begin_object().member("id", model.id).member("loaded", model.loaded);
      if (!model.loras.empty()) names(json, "loras", model.loras);
      if (model.max_len > 0) json.member("max_len", model.max_len);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return out;
}

std::string to_json(const HeartbeatReply& reply) {
  std::string out;
  json::Writer json(out);
  json.begin_object()
      .member("known", reply.known)
      .member("gw_time", reply.gw_time)
      .member("next_interval_ms", reply.next_interval_ms)
      .end_object();
  return out;
}

}  // namespace sluice::workers
