#include "agent/beat.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "json/reader.hpp"

namespace sluice::agent {

namespace {

using workers::Heartbeat;
using workers::LoadedModel;

/// As parse_heartbeat() takes it.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= workers::kMaxText && json::valid_utf8(name) &&
         std::ranges::none_of(
             name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_loaded(const Gauges& gauges, const std::string& id) {
  if (!gauges.loaded) return true;
  const auto found = std::ranges::find(*gauges.loaded, id, &LoadedModel::id);
  return found != gauges.loaded->end();
}

/// Of the models that are in memory the engine may tell more.
int64_t max_len_of(const EngineView& view, const LoadedModel& model) {
  if (model.max_len > 0) return model.max_len;
  if (view.gauges.loaded) {
    for (const LoadedModel& each : *view.gauges.loaded) {
      if (each.id == model.id && each.max_len > 0) return each.max_len;
    }
  }
  return view.facts.max_len.value_or(0);
}

// Of a heartbeat, the rest of which is small.
constexpr size_t kMaxModelBytes = workers::kMaxHeartbeat / 4 * 3;

/// At most, in JSON: every name stands in two lists.
size_t bytes_of(const LoadedModel& model) {
  const auto of_name = [](const std::string& name) { return 4 * name.size() + 64; };
  size_t bytes = of_name(model.id);
  for (const std::string& lora : model.loras) bytes += of_name(lora);
  return bytes;
}

void add_models(const Plan& plan, const EngineView& view, Heartbeat& beat) {
  std::vector<LoadedModel> models = view.facts.models;
  if (!plan.models.empty()) {
    // What is said of those that were asked for still holds.
    std::vector<LoadedModel> chosen;
    for (const std::string& id : plan.models) {
      const auto known = std::ranges::find(models, id, &LoadedModel::id);
      chosen.push_back(known != models.end()
                           ? *known
                           : LoadedModel{.id = id, .loaded = true, .loras = {}, .max_len = 0});
    }
    models = std::move(chosen);
  }
  size_t names = 0;
  size_t bytes = 0;
  for (LoadedModel& model : models) {
    std::erase_if(model.loras, [](const std::string& lora) { return !is_name(lora); });
    names += 1 + model.loras.size();
    bytes += bytes_of(model);
    if (!is_name(model.id) || names > workers::kMaxModels || bytes > kMaxModelBytes) continue;
    model.loaded = is_loaded(view.gauges, model.id);
    model.max_len = std::min(max_len_of(view, model), workers::kMaxTokens);
    beat.supported.push_back(model.id);
    for (const std::string& lora : model.loras) beat.supported.push_back(lora);
    beat.models.push_back(std::move(model));
  }
}

/// What no heartbeat can hold is a mistake of the engine's, and not known.
template <typename T>
std::optional<T> up_to(T most, std::optional<T> value) {
  if (value && (*value < 0 || *value > most)) return std::nullopt;
  return value;
}

void add_memory(const Plan& plan, const Look& look, Heartbeat& beat) {
  if (!look.gpus.empty()) {
    beat.gpus = look.gpus;
    int64_t total = 0;
    int64_t free = 0;
    for (const workers::Gpu& gpu : look.gpus) {
      total += gpu.total_bytes;
      free += gpu.free_bytes;
    }
    beat.total_vram = up_to(workers::kMaxBytes, std::optional(total));
    beat.available_vram = up_to(workers::kMaxBytes, std::optional(free));
  } else if (plan.vram) {
    beat.total_vram = up_to(workers::kMaxBytes, plan.vram);
    if (const auto used = look.view.gauges.vram_used) {
      beat.available_vram = std::max<int64_t>(*plan.vram - *used, 0);
    }
  }
}

bool differ(const std::optional<int64_t>& a, const std::optional<int64_t>& b,
            const std::optional<int64_t>& total) {
  if (a.has_value() != b.has_value()) return true;
  return a && std::llabs(*a - *b) > total.value_or(0) / 100;
}

bool same_models(const std::vector<LoadedModel>& a, const std::vector<LoadedModel>& b) {
  return std::ranges::equal(a, b, [](const LoadedModel& x, const LoadedModel& y) {
    return x.id == y.id && x.loaded == y.loaded && x.loras == y.loras && x.max_len == y.max_len;
  });
}

}  // namespace

Heartbeat compose(const Plan& plan, const Look& look) {
  const auto& [facts, gauges] = look.view;
  Heartbeat beat;
  beat.worker_id = plan.id;
  beat.endpoint = plan.endpoint;
  beat.boot_id = look.boot_id;
  beat.state = look.state;
  if (plan.fallback) beat.is_fallback = true;
  if (look.engine != nullptr) beat.engine = look.engine->name;
  if (is_name(facts.version)) beat.engine_version = facts.version;
  add_models(plan, look.view, beat);
  add_memory(plan, look, beat);
  beat.active_tasks = up_to(workers::kMaxTasks, gauges.running);
  beat.waiting_tasks = up_to(workers::kMaxTasks, gauges.waiting);
  const auto told_most = gauges.max_tasks ? gauges.max_tasks : facts.max_tasks;
  beat.max_tasks = up_to(workers::kMaxTasks, plan.max_tasks ? plan.max_tasks : told_most);
  beat.kv_total_bytes = up_to(workers::kMaxBytes, gauges.kv_total_bytes);
  beat.kv_free_bytes = up_to(workers::kMaxBytes, gauges.kv_free_bytes);
  beat.kv_total_tokens = up_to(workers::kMaxTokens, gauges.kv_total_tokens);
  beat.kv_free_tokens = up_to(workers::kMaxTokens, gauges.kv_free_tokens);
  beat.prefill_tps = up_to(workers::kMaxSpeed, gauges.prefill_tps);
  beat.decode_tps = up_to(workers::kMaxSpeed, gauges.decode_tps);
  return beat;
}

bool worth_telling(const Heartbeat& before, const Heartbeat& now) {
  return before.boot_id != now.boot_id || before.state != now.state ||
         before.engine != now.engine || before.engine_version != now.engine_version ||
         before.active_tasks != now.active_tasks || before.waiting_tasks != now.waiting_tasks ||
         before.max_tasks != now.max_tasks || before.total_vram != now.total_vram ||
         before.kv_total_tokens != now.kv_total_tokens || before.supported != now.supported ||
         !same_models(before.models, now.models) ||
         differ(before.available_vram, now.available_vram, now.total_vram) ||
         differ(before.kv_free_tokens, now.kv_free_tokens, now.kv_total_tokens) ||
         differ(before.kv_free_bytes, now.kv_free_bytes, now.kv_total_bytes);
}

}  // namespace sluice::agent
