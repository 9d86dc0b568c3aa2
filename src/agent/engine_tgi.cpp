// Text Generation Inference: GET /metrics, /info (docs/source/reference/metrics.md).
#include "agent/engine.hpp"
#include "agent/prometheus.hpp"
#include "json/slices.hpp"

namespace sluice::agent {

namespace {

Status read_metrics(std::string_view body, EngineView& view) {
  Gauges& gauges = view.gauges;
  // It tells of them only once there was one.
  gauges.running = 0;
  gauges.waiting = 0;
  double work = 0;
  PageReader reader(body);
  Sample sample;
  while (reader.next(sample)) {
    if (sample.name == "tgi_batch_current_size") gauges.running = as_count(sample.value);
    if (sample.name == "tgi_queue_size") gauges.waiting = as_count(sample.value);
    if (sample.name == "tgi_request_count") work += sample.value;
  }
  if (reader.bad_line() != 0) return unreadable("/metrics", "a line is no sample");
  gauges.work = work;
  return {};
}

Status read_info(std::string_view body, EngineView& view) {
  const json::Value info(body);
  if (info.kind() != json::Kind::kObject) return unreadable("/info", "no object");
  const auto model = info["model_id"].as_string();
  if (!model || model->empty()) return unreadable("/info", "there is no model_id");
  Facts& facts = view.facts;
  facts.models = {{.id = *model,
                   .loaded = true,
                   .loras = {},
                   .max_len = std::max<int64_t>(info["max_total_tokens"].as_int().value_or(0), 0)}};
  facts.version = info["version"].as_string().value_or("");
  // The batch, where its size has a limit; else what is let in at all.
  for (const std::string_view limit : {"max_batch_size", "max_concurrent_requests"}) {
    const auto most = info[limit].as_int();
    if (!most || *most <= 0) continue;
    facts.max_tasks = most;
    break;
  }
  return {};
}

constexpr EnginePage kFacts[] = {{.path = "/info", .read = read_info}};
constexpr EnginePage kGauges[] = {{.path = "/metrics", .read = read_metrics}};

}  // namespace

const Engine kTgi = {
    .name = "tgi", .health = "/health", .facts = kFacts, .gauges = kGauges, .hint = "/metrics"};

}  // namespace sluice::agent
