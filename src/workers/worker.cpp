#include "workers/worker.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace sluice::workers {
namespace {

constexpr int64_t kDefaultIntervalMs = 5000;
/// Who promises to tell more often is not held to it.
constexpr Duration kLeastInterval = std::chrono::milliseconds(100);

std::optional<double> real(const std::optional<int64_t>& value) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

}  // namespace

std::string_view reason_of(Out out) {
  switch (out) {
    case Out::kNo:
      return "";
    case Out::kNoEndpoint:
      return "it has told no endpoint";
    case Out::kExpired:
      return "it has been silent for too long";
    case Out::kStarting:
      return "it is starting";
    case Out::kDraining:
      return "it is draining";
    case Out::kTakesNone:
      return "it takes no requests: its max_tasks is 0";
    case Out::kUnhealthy:
      return "its health check fails";
    case Out::kNotServed:
      return "it does not serve the model";
    case Out::kOtherTier:
      return "it is of the other tier";
    case Out::kTooLong:
      return "the request is longer than its model takes";
    case Out::kTried:
      return "it has failed this request";
    case Out::kFailed:
      return "it has failed lately, or asked for a pause";
    case Out::kDeclines:
      return "it has declined such requests for the model";
    case Out::kFull:
      return "it is full";
    case Out::kCount:
      break;
  }
  return "";
}

void Worker::tell(std::shared_ptr<const Heartbeat> heartbeat, TimePoint at, TimePoint now,
                  double k) {
  const Heartbeat& told = *heartbeat;
  fallback = told.is_fallback.value_or(false);
  limited = told.max_tasks.has_value();
  max_tasks = real(told.max_tasks).value_or(0);
  interval = std::max<Duration>(
      std::chrono::milliseconds(told.interval_ms.value_or(kDefaultIntervalMs)), kLeastInterval);

  double total = real(told.total_vram).value_or(0);
  std::optional<double> free = real(told.available_vram);
  if (!told.total_vram) {
    for (const Gpu& gpu : told.gpus) total += static_cast<double>(gpu.total_bytes);
  }
  if (!free) {
    free = 0;
    for (const Gpu& gpu : told.gpus) *free += static_cast<double>(gpu.free_bytes);
  }
  vram_total = total;
  vram_free = std::min(*free, total);

  Gauges gauges;
  gauges.waiting = real(told.waiting_tasks);
  gauges.active = real(told.active_tasks);
  // Engines count what waits apart from what runs; both will run there.
  if (gauges.active) *gauges.active += gauges.waiting.value_or(0);
  gauges.waiting_tokens = real(told.waiting_tokens);
  const std::optional<double> bytes = real(told.kv_total_bytes);
  kv_unit = 1;
  kv_total = real(told.kv_total_tokens).value_or(0);
  if (kv_total == 0 && bytes && *bytes > 0 && told.kv_free_bytes) {
    kv_unit = kBytesOfToken;
    kv_total = *bytes / kv_unit;
  }
  if (kv_total > 0 && told.kv_free_tokens) {
    gauges.kv_used = kv_total - std::min(real(told.kv_free_tokens).value_or(0), kv_total);
  } else if (kv_total > 0 && bytes && *bytes > 0 && told.kv_free_bytes) {
    const double share = std::min(real(told.kv_free_bytes).value_or(0) / *bytes, 1.0);
    gauges.kv_used = kv_total * (1 - share);
  }
  ledger.sample(gauges, at, now, k);

  if (!told.endpoint.empty() && (!endpoint || *endpoint != told.endpoint)) {
    endpoint = std::make_shared<const std::string>(told.endpoint);
  }
  last = std::move(heartbeat);
  judge(now);
}

void Worker::judge(TimePoint now) {
  const Out was = blocked;
  blocked = Out::kNo;
  if (!endpoint) {
    blocked = Out::kNoEndpoint;
  } else if (drained || last->state == WorkerState::kDraining) {
    blocked = Out::kDraining;
  } else if (last->state == WorkerState::kStarting) {
    blocked = Out::kStarting;
  } else if (!healthy) {
    blocked = Out::kUnhealthy;
  } else if (limited && max_tasks == 0) {
    blocked = Out::kTakesNone;
  }
  // Who has just become ready is as cold as a new one.
  if (was != Out::kNo && blocked == Out::kNo) joined = now;
}

double Worker::missed_beats(TimePoint now) const {
  if (discovered || now - seen <= interval + interval / 2) return 0;
  return std::floor(seconds(now - seen) / seconds(interval));
}

double Worker::share(TimePoint now) const {
  const double after_failure = breaker.share(now);
  if (now >= joined + kRampUp) return after_failure;
  const double passed = seconds(now - joined) / seconds(kRampUp);
  return std::min(after_failure, std::clamp(passed, route::Breaker::kFirstShare, 1.0));
}

Speed Worker::prior() const {
  Speed speed = prior_speed(last->gpus.empty() ? std::string_view{} : last->gpus.front().name);
  // Kept to what a machine can be.
  if (last->prefill_tps) speed.prefill_tps = std::clamp(*last->prefill_tps, 10.0, 1e6);
  if (last->decode_tps) speed.step = std::clamp(1 / *last->decode_tps, 1e-4, 2.0);
  return speed;
}

std::vector<Served> served_by(const Heartbeat& heartbeat) {
  std::vector<Served> all;
  std::unordered_map<std::string_view, size_t> places;
  const auto add = [&](std::string_view id, int64_t max_len) {
    const auto [place, added] = places.try_emplace(id, all.size());
    if (added) all.push_back({.id = id});
    if (max_len > 0) all[place->second].max_len = max_len;
  };
  for (const std::string& id : heartbeat.supported) add(id, 0);
  for (const LoadedModel& model : heartbeat.models) {
    if (!model.loaded) continue;
    add(model.id, model.max_len);
    for (const std::string& lora : model.loras) add(lora, model.max_len);
  }
  return all;
}

}  // namespace sluice::workers
