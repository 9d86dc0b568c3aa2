// SGLang: GET /metrics (--enable-metrics), names with `sglang:` or `sglang_`, and /server_info
// (https://docs.sglang.ai, "Production Metrics"; srt/metrics/collector.py).
#include <algorithm>

#include "agent/engine.hpp"
#include "agent/prometheus.hpp"
#include "json/slices.hpp"

namespace sluice::agent {

namespace {

Status read_metrics(std::string_view body, EngineView& view) {
  Ranks running;
  Ranks waiting;
  Ranks usage;
  Ranks capacity;
  double work = 0;
  Gauges& gauges = view.gauges;
  PageReader reader(body);
  Sample sample;
  while (reader.next(sample)) {
    if (sample.name == "process_start_time_seconds") gauges.started_at = sample.value;
    if (!sample.name.starts_with("sglang:") && !sample.name.starts_with("sglang_")) continue;
    const std::string_view name = sample.name.substr(7);
    Ranks* ranks = nullptr;
    if (name == "num_running_reqs") ranks = &running;
    if (name == "num_queue_reqs") ranks = &waiting;
    if (name == "token_usage") ranks = &usage;
    if (name == "max_total_num_tokens") ranks = &capacity;
    if (name == "prompt_tokens_total" || name == "generation_tokens_total") work += sample.value;
    // With priorities there is one of each, and one without for all of them.
    if (ranks == nullptr || !sample.label("priority").empty()) continue;
    ranks->add(sample.label("dp_rank"), sample.value);
  }
  if (reader.bad_line() != 0) return unreadable("/metrics", "a line is no sample");
  gauges.running = as_count(running.sum());
  gauges.waiting = as_count(waiting.sum());
  gauges.work = work;
  // Older ones tell the capacity only in /server_info.
  if (const auto total = as_count(capacity.sum())) gauges.kv_total_tokens = total;
  if (const auto used = usage.mean(); used && gauges.kv_total_tokens) {
    gauges.kv_free_tokens =
        as_count(static_cast<double>(*gauges.kv_total_tokens) * (1 - std::min(*used, 1.0)));
  }
  return {};
}

/// Of the many that it tells only these are looked at; there are credentials among the others.
Status read_server_info(std::string_view body, EngineView& view) {
  const json::Value info(body);
  if (info.kind() != json::Kind::kObject) return unreadable("/server_info", "no object");
  view.facts.version = info["version"].as_string().value_or("");
  int64_t limit = 0;
  json::Elements states(info["internal_states"]);
  json::Value state;
  while (states.next(state)) {
    limit += state["effective_max_running_requests_per_dp"].as_int().value_or(0);
  }
  if (limit <= 0) limit = info["max_running_requests"].as_int().value_or(0);
  if (limit > 0) view.facts.max_tasks = limit;
  return {};
}

constexpr EnginePage kFacts[] = {
    {.path = "/v1/models", .read = read_models},
    {.path = "/server_info", .read = read_server_info},
    {.path = "/get_server_info", .read = read_server_info, .instead = true}};
constexpr EnginePage kGauges[] = {{.path = "/metrics", .read = read_metrics}};

}  // namespace

const Engine kSglang = {.name = "sglang",
                        .health = "/health",
                        .facts = kFacts,
                        .gauges = kGauges,
                        .hint = "start sglang with --enable-metrics",
                        // It generates a token to know.
                        .health_once = true};

}  // namespace sluice::agent
