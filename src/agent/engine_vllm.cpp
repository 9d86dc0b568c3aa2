// vLLM: GET /metrics, names of versions 0.4 to 0.33 (https://docs.vllm.ai, "Production Metrics").
#include <algorithm>

#include "agent/engine.hpp"
#include "agent/prometheus.hpp"
#include "base/text.hpp"
#include "json/slices.hpp"

namespace sluice::agent {

namespace {

/// A label that holds a number; "None" and the like are none.
std::optional<double> number(const Sample& sample, std::string_view label) {
  const auto value = parse_u64(sample.label(label));
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

/// The capacity of all ranks, where some may not tell theirs: they are alike.
std::optional<int64_t> of_all(const Ranks& told, size_t ranks) {
  const auto mean = told.mean();
  if (!mean) return std::nullopt;
  return as_count(*mean * static_cast<double>(std::max(ranks, told.size())));
}

Status read_metrics(std::string_view body, EngineView& view) {
  Ranks running;
  Ranks waiting;
  Ranks usage;
  Ranks old_usage;  // up to 0.8; 0.9 and 0.10 tell both
  Ranks kv_tokens;
  Ranks kv_bytes;
  double work = 0;
  Gauges& gauges = view.gauges;
  PageReader reader(body);
  Sample sample;
  while (reader.next(sample)) {
    if (sample.name == "process_start_time_seconds") gauges.started_at = sample.value;
    if (!sample.name.starts_with("vllm:")) continue;
    const std::string_view name = sample.name.substr(5);
    if (name == "num_requests_running") {
      running.add(sample.label("engine"), sample.value);
    } else if (name == "num_requests_waiting") {
      waiting.add(sample.label("engine"), sample.value);
    } else if (name == "kv_cache_usage_perc") {
      usage.add(sample.label("engine"), sample.value);
    } else if (name == "gpu_cache_usage_perc") {
      old_usage.add(sample.label("engine"), sample.value);
    } else if (name == "cache_config_info") {
      const std::string engine = sample.label("engine");
      const auto blocks = number(sample, "num_gpu_blocks");
      const auto block_size = number(sample, "block_size");
      if (const auto tokens = number(sample, "kv_cache_size_tokens")) {
        kv_tokens.add(engine, *tokens);
      } else if (blocks && block_size) {
        kv_tokens.add(engine, *blocks * *block_size);
      }
      if (const auto bytes = number(sample, "kv_cache_memory_bytes")) kv_bytes.add(engine, *bytes);
    } else if (name == "prompt_tokens_total" || name == "generation_tokens_total") {
      work += sample.value;
    }
  }
  if (reader.bad_line() != 0) return unreadable("/metrics", "a line is no sample");
  gauges.running = as_count(running.sum());
  gauges.waiting = as_count(waiting.sum());
  gauges.work = work;
  gauges.kv_total_tokens = of_all(kv_tokens, running.size());
  gauges.kv_total_bytes = of_all(kv_bytes, running.size());
  const auto used = usage.size() > 0 ? usage.mean() : old_usage.mean();
  if (used) {
    const double free = 1 - std::min(*used, 1.0);
    const auto part = [free](std::optional<int64_t> total) -> std::optional<int64_t> {
      if (!total) return std::nullopt;
      return as_count(static_cast<double>(*total) * free);
    };
    gauges.kv_free_tokens = part(gauges.kv_total_tokens);
    gauges.kv_free_bytes = part(gauges.kv_total_bytes);
  }
  return {};
}

Status read_version(std::string_view body, EngineView& view) {
  view.facts.version = json::Value(body)["version"].as_string().value_or("");
  return {};
}

constexpr EnginePage kFacts[] = {{.path = "/v1/models", .read = read_models},
                                 {.path = "/version", .read = read_version}};
constexpr EnginePage kGauges[] = {{.path = "/metrics", .read = read_metrics}};

}  // namespace

const Engine kVllm = {.name = "vllm",
                      .health = "/health",
                      .facts = kFacts,
                      .gauges = kGauges,
                      .hint = "start vllm without --disable-log-stats"};

}  // namespace sluice::agent
