// Heartbeats from whoever may send them. What is accepted is within bounds, and means the same
// when it is written out and read again; a fleet takes it and gives all back.
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/reader.hpp"
#include "workers/fleet.hpp"
#include "workers/heartbeat.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  using namespace sluice::workers;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  if (const auto reply = parse_reply(text)) {
    if (reply->next_interval_ms <= 0) std::abort();
  }
  const auto heartbeat = parse_heartbeat(text);
  if (!heartbeat) return 0;
  if (heartbeat->worker_id.empty() || heartbeat->worker_id.size() > kMaxIdBytes) std::abort();
  if (heartbeat->supported.size() > kMaxModels || heartbeat->models.size() > kMaxModels) {
    std::abort();
  }
  for (const auto& count : {heartbeat->active_tasks, heartbeat->max_tasks, heartbeat->total_vram,
                            heartbeat->kv_free_bytes, heartbeat->waiting_tokens}) {
    if (count && *count < 0) std::abort();
  }
  const std::string written = to_json(*heartbeat);
  if (!json::valid(written)) std::abort();
  if (written.size() <= kMaxHeartbeat) {
    const auto again = parse_heartbeat(written);
    if (!again || to_json(*again) != written) std::abort();
  }

  Fleet fleet({.exploration = 0});
  TimePoint at(std::chrono::hours(10));
  for (int i = 0; i < 3; ++i) {
    if (!fleet.heartbeat(*heartbeat, at, 1.8e9 + i)) std::abort();
    for (const std::string& model : fleet.models()) {
      Demand demand;
      demand.model = model;
      demand.prompt_tokens = 100;
      demand.strategy = i == 0 ? config::Strategy::kVram : config::Strategy::kPredicted;
      demand.fallback = heartbeat->is_fallback.value_or(false);
      if (auto slot = fleet.pick(demand, at, 1)) {
        slot->first_token(at + std::chrono::seconds(1));
        slot->generated(20);
        slot->succeeded(at + std::chrono::seconds(2));
      }
      if (!(fleet.load(model, at).saturation >= 0)) std::abort();
    }
    for (const WorkerView& view : fleet.list(at)) {
      if (!(view.active >= 0) || !(view.kv_free.value_or(0) >= 0)) std::abort();
    }
    at += std::chrono::seconds(1);
  }
  if (fleet.outstanding() != 0) std::abort();
  return 0;
}
