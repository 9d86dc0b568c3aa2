// What a worker tells of itself: the body of POST /v1/workers/heartbeat.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sluice::workers {

inline constexpr size_t kMaxHeartbeat = 256 * 1024;  // bytes of a body
inline constexpr size_t kMaxModels = 1024;           // of one worker
inline constexpr size_t kMaxIdBytes = 128;
inline constexpr size_t kMaxText = 256;  // bytes of a name or version
// More than any machine has; what is above is a mistake of units.
inline constexpr int64_t kMaxBytes = int64_t{1} << 50;
inline constexpr int64_t kMaxTasks = 1'000'000;
inline constexpr int64_t kMaxTokens = 1'000'000'000'000;
inline constexpr double kMaxSpeed = 1e9;  // tokens a second

enum class WorkerState : uint8_t { kStarting, kReady, kDraining };

struct Gpu {
  std::string name;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
};

struct LoadedModel {
  std::string id;
  bool loaded = true;
  std::vector<std::string> loras;  // served under their own names
  int64_t max_len = 0;             // tokens of a prompt and its answer; 0: unknown

  bool operator==(const LoadedModel&) const = default;
};

/// The first six are the seed's; every other field may be absent or null, which means that it is
/// not known and never that it is zero.
struct Heartbeat {
  std::string worker_id;
  std::vector<std::string> supported;  // models
  std::optional<int64_t> total_vram;   // bytes
  std::optional<int64_t> available_vram;
  std::optional<int64_t> active_tasks;
  std::optional<int64_t> max_tasks;

  std::string endpoint;  // base URL; empty: not routable
  std::optional<bool> is_fallback;
  std::string boot_id;
  std::optional<int64_t> seq;
  std::optional<double> sample_at;  // seconds, in the clock of HeartbeatReply::gw_time
  std::optional<int64_t> interval_ms;
  WorkerState state = WorkerState::kReady;
  std::string engine;
  std::string engine_version;
  std::vector<Gpu> gpus;  // "gpu"
  std::optional<int64_t> kv_total_bytes;
  std::optional<int64_t> kv_free_bytes;
  std::optional<int64_t> kv_total_tokens;
  std::optional<int64_t> kv_free_tokens;  // engines tell blocks, seldom bytes
  std::optional<int64_t> waiting_tasks;
  std::optional<int64_t> waiting_tokens;
  std::optional<double> prefill_tps;  // tokens a second
  std::optional<double> decode_tps;   // of one sequence
  std::vector<LoadedModel> models;
};

/// kInvalidRequest with the field in `param`: no object, a wrong type, an id that is empty, too
/// long or not printable, negative or absurd numbers, an endpoint that is no http(s) URL or has
/// credentials in it, more than kMaxModels. Fields that nobody knows are ignored.
Result<Heartbeat> parse_heartbeat(std::string_view json);
/// What parse_heartbeat() reads; absent fields are left out.
std::string to_json(const Heartbeat& heartbeat);

struct HeartbeatReply {
  bool known = false;  // false: this was the first of it, or of its boot_id
  double gw_time = 0;  // seconds of the gateway's clock
  int64_t next_interval_ms = 5000;
};

std::string to_json(const HeartbeatReply& reply);
Result<HeartbeatReply> parse_reply(std::string_view json);

}  // namespace sluice::workers
