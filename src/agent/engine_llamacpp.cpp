// llama.cpp's llama-server: GET /metrics (--metrics), /slots, /props (tools/server/README.md).
#include <algorithm>
#include <cmath>

#include "agent/engine.hpp"
#include "agent/prometheus.hpp"
#include "json/slices.hpp"

namespace sluice::agent {

namespace {

std::optional<double> speed(double tokens_per_second) {
  // "nan", or 0, until something was measured.
  if (!std::isfinite(tokens_per_second) || tokens_per_second <= 0) return std::nullopt;
  return tokens_per_second;
}

Status read_metrics(std::string_view body, EngineView& view) {
  Gauges& gauges = view.gauges;
  double work = 0;
  PageReader reader(body);
  Sample sample;
  while (reader.next(sample)) {
    if (!sample.name.starts_with("llamacpp:")) continue;
    const std::string_view name = sample.name.substr(9);
    if (name == "requests_processing") gauges.running = as_count(sample.value);
    if (name == "requests_deferred") gauges.waiting = as_count(sample.value);
    if (name == "prompt_tokens_seconds") gauges.prefill_tps = speed(sample.value);
    if (name == "predicted_tokens_seconds") gauges.decode_tps = speed(sample.value);
    if (name == "prompt_tokens_total" || name == "tokens_predicted_total") work += sample.value;
  }
  if (reader.bad_line() != 0) return unreadable("/metrics", "a line is no sample");
  gauges.work = work;
  return {};
}

/// Tokens in the cache of a slot that is at work; what it does not tell is taken for all it has.
int64_t used_by(json::Value slot, int64_t n_ctx) {
  // Named so by older versions.
  if (const auto past = slot["n_past"].as_int()) return std::clamp<int64_t>(*past, 0, n_ctx);
  const auto prompt = slot["n_prompt_tokens"].as_int();
  if (!prompt) return n_ctx;
  // An object, and a list with one in newer versions.
  json::Value next = slot["next_token"];
  if (next.kind() == json::Kind::kArray) {
    json::Elements elements(next);
    json::Value first;
    next = elements.next(first) ? first : json::Value();
  }
  const int64_t decoded =
      next.kind() == json::Kind::kObject ? next["n_decoded"].as_int().value_or(0) : 0;
  // The latest count what they have generated among them; its last token is not in the cache yet.
  const auto read = slot["n_prompt_tokens_processed"].as_int();
  const auto cached = slot["n_prompt_tokens_cache"].as_int();
  if (read && cached && *read >= 0 && *read <= n_ctx && *cached >= 0 && *cached <= n_ctx &&
      decoded > 0 && decoded <= n_ctx && *prompt >= *read + *cached + decoded - 1) {
    return std::min(*prompt, n_ctx);
  }
  return std::clamp<int64_t>(*prompt, 0, n_ctx) + std::clamp<int64_t>(decoded, 0, n_ctx);
}

Status read_slots(std::string_view body, EngineView& view) {
  // Slots of a server have contexts of some million tokens at most.
  constexpr int64_t kMostContext = int64_t{1} << 32;
  constexpr int64_t kMostSlots = 4096;
  json::Elements slots{body};
  json::Value slot;
  int64_t count = 0;
  int64_t busy = 0;
  int64_t total = 0;
  int64_t used = 0;
  while (slots.next(slot)) {
    const auto n_ctx = slot["n_ctx"].as_int();
    if (!n_ctx || *n_ctx < 0 || *n_ctx > kMostContext || ++count > kMostSlots) {
      return unreadable("/slots", "a slot has no n_ctx");
    }
    total += *n_ctx;
    if (!slot["is_processing"].as_bool().value_or(false)) continue;
    ++busy;
    used += std::min(used_by(slot, *n_ctx), *n_ctx);
  }
  if (!slots.complete()) return unreadable("/slots", "no list");
  Gauges& gauges = view.gauges;
  if (count == 0) return {};
  gauges.max_tasks = count;
  if (!gauges.running) gauges.running = busy;
  gauges.kv_total_tokens = total;
  gauges.kv_free_tokens = total - used;
  return {};
}

Status read_props(std::string_view body, EngineView& view) {
  const json::Value props(body);
  if (props.kind() != json::Kind::kObject) return unreadable("/props", "no object");
  view.facts.version = props["build_info"].as_string().value_or("");
  if (const auto slots = props["total_slots"].as_int(); slots && *slots > 0) {
    view.facts.max_tasks = slots;
  }
  const json::Value settings = props["default_generation_settings"];
  if (settings.kind() == json::Kind::kObject) {
    if (const auto n_ctx = settings["n_ctx"].as_int(); n_ctx && *n_ctx > 0) {
      view.facts.max_len = n_ctx;
    }
  }
  return {};
}

constexpr EnginePage kFacts[] = {{.path = "/v1/models", .read = read_models},
                                 {.path = "/props", .read = read_props}};
constexpr EnginePage kGauges[] = {{.path = "/metrics", .read = read_metrics},
                                  {.path = "/slots", .read = read_slots}};

}  // namespace

const Engine kLlamacpp = {.name = "llamacpp",
                          .health = "/health",
                          .facts = kFacts,
                          .gauges = kGauges,
                          .hint = "start llama-server with --metrics"};

}  // namespace sluice::agent
