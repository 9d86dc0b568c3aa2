// An explanation as JSON.
#include "json/writer.hpp"
#include "relay/explain.hpp"

namespace sluice::relay {

namespace {

using json::Writer;

constexpr size_t kClasses = static_cast<size_t>(config::Class::kCount);

void text_member(Writer& json, std::string_view name, std::string_view text) {
  text.empty() ? json.null_member(name) : json.member(name, text);
}

void write_target(Writer& json, const Explained& target) {
  json.begin_object().member("provider", target.provider);
  if (!target.worker.empty()) {
    json.member("worker", target.worker).member("fallback", target.fallback);
  }
  json.member("model", target.model).member("available", target.available);
  text_member(json, "reason", target.reason);
  if (target.score) write_score(json, *target.score);
  if (target.predicted_ttft) json.member("predicted_ttft_ms", *target.predicted_ttft * 1e3);
  text_member(json, "breaker", target.breaker);
  json.member("weight", target.weight)
      .member("active", target.active)
      .member("picked", target.picked)
      .end_object();
}

void write_pick(Writer& json, const Explanation& explanation) {
  const Explained* pick = explanation.pick();
  if (pick == nullptr) {
    json.null_member("pick");
    return;
  }
  json.key("pick").begin_object().member("provider", pick->provider);
  if (!pick->worker.empty()) json.member("worker", pick->worker);
  json.member("model", pick->model).end_object();
}

void write_queue(Writer& json, const workers::QueueFigures& queue) {
  json.member("saturation", queue.saturation)
      .member("saturated", queue.saturated)
      .key("queue")
      .begin_object();
  for (size_t i = 0; i < kClasses; ++i) {
    json.member(to_string(static_cast<config::Class>(i)), queue.depth[i]);
  }
  json.member("oldest_ms", seconds(queue.oldest) * 1e3).end_object();
}

}  // namespace

void write_score(Writer& json, const workers::Score& score) {
  json.key("score")
      .begin_object()
      .member("total", score.total)
      .member("memory", score.memory)
      .member("concurrency", score.concurrency)
      .member("model", score.model)
      .member("local", score.local)
      .member("penalty", score.penalty)
      .member("prefix", score.prefix)
      .end_object();
}

std::string_view to_string(config::Strategy strategy) {
  switch (strategy) {
    case config::Strategy::kRoundRobin:
      return "round_robin";
    case config::Strategy::kRandom:
      return "random";
    case config::Strategy::kWeightedRoundRobin:
      return "weighted_round_robin";
    case config::Strategy::kLeastConnections:
      return "least_connections";
    case config::Strategy::kVram:
      return "vram";
    case config::Strategy::kPredicted:
      return "predicted";
  }
  return "vram";
}

std::string_view to_string(config::Class urgency) {
  switch (urgency) {
    case config::Class::kInteractive:
      return "interactive";
    case config::Class::kBulk:
      return "bulk";
    case config::Class::kDefault:
    case config::Class::kCount:
      break;
  }
  return "default";
}

std::string to_json(const Explanation& explanation, const Hypothesis& hypothesis) {
  std::string text;
  Writer json(text);
  json.begin_object()
      .member("model", hypothesis.model)
      .member("class", to_string(hypothesis.urgency))
      .member("prompt_tokens", hypothesis.prompt_tokens)
      .member("rule", explanation.rule)
      .key("tiers")
      .begin_array();
  for (const Explanation::Tier& tier : explanation.tiers) {
    json.begin_object()
        .member("name", tier.name)
        .member("strategy", to_string(tier.strategy))
        .key("targets")
        .begin_array();
    for (const Explained& target : tier.targets) write_target(json, target);
    json.end_array().end_object();
  }
  json.end_array();
  write_pick(json, explanation);
  json.member("waits", explanation.waits).member("desperate", explanation.desperate);
  if (explanation.queue) {
    write_queue(json, *explanation.queue);
  } else {
    json.null_member("saturation").null_member("saturated").null_member("queue");
  }
  json.end_object();
  return text;
}

}  // namespace sluice::relay
