#include "agent/engine.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "agent/prometheus.hpp"
#include "json/slices.hpp"

namespace sluice::agent {

namespace {

constexpr EnginePage kModelsPage[] = {{.path = "/v1/models", .read = read_models}};

const std::array<const Engine*, 6> kEngines = {&kVllm,   &kSglang, &kLlamacpp,
                                               &kOllama, &kTgi,    &kOpenAi};

}  // namespace

const Engine kOpenAi = {
    .name = "openai", .health = "/health", .facts = kModelsPage, .gauges = {}, .hint = {}};

const Engine* engine_named(std::string_view name) {
  for (const Engine* engine : kEngines) {
    if (engine->name == name) return engine;
  }
  return nullptr;
}

const Engine* engine_of_metrics(std::string_view page) {
  PageReader reader(page);
  Sample sample;
  while (reader.next(sample)) {
    if (sample.name.starts_with("vllm:")) return &kVllm;
    if (sample.name.starts_with("sglang:") || sample.name.starts_with("sglang_")) return &kSglang;
    if (sample.name.starts_with("llamacpp:")) return &kLlamacpp;
    if (sample.name.starts_with("tgi_")) return &kTgi;
  }
  return nullptr;
}

const Engine* engine_of_models(std::string_view models) {
  const json::Value list = json::Value(models)["data"];
  json::Elements elements(list);
  json::Value model;
  while (elements.next(model)) {
    const auto owner = model["owned_by"].as_string();
    if (!owner) continue;
    for (const Engine* engine : kEngines) {
      if (engine != &kOpenAi && engine->name == *owner) return engine;
    }
    if (*owner == "library") return &kOllama;
  }
  return nullptr;
}

Status read_models(std::string_view body, EngineView& view) {
  const json::Value list = json::Value(body)["data"];
  if (list.kind() != json::Kind::kArray) return unreadable("/v1/models", "there is no list in it");
  std::vector<workers::LoadedModel> models;
  std::vector<std::pair<std::string, std::string>> loras;  // parent, name
  json::Elements elements(list);
  json::Value each;
  while (elements.next(each) && models.size() + loras.size() < workers::kMaxModels) {
    auto id = each["id"].as_string();
    if (!id || id->empty()) return unreadable("/v1/models", "a model has no id");
    if (auto parent = each["parent"].as_string(); parent && !parent->empty()) {
      loras.emplace_back(std::move(*parent), std::move(*id));
      continue;
    }
    const auto max_len = each["max_model_len"].as_int();
    models.push_back({.id = std::move(*id),
                      .loaded = true,
                      .loras = {},
                      .max_len = std::max<int64_t>(max_len.value_or(0), 0)});
  }
  for (auto& [parent, name] : loras) {
    bool placed = false;
    for (auto& model : models) {
      if (model.id != parent) continue;
      model.loras.push_back(name);
      placed = true;
    }
    // Its base is served under another name.
    if (!placed && !models.empty()) models.front().loras.push_back(name);
  }
  view.facts.models = std::move(models);
  return {};
}

std::unexpected<Error> unreadable(std::string_view page, std::string_view why) {
  return fail(ErrorCode::kProtocol, fmt::format("{} is not as expected: {}", page, why));
}

std::optional<int64_t> as_count(std::optional<double> value) {
  // What doubles hold exactly.
  constexpr double kMost = 9e15;
  if (!value || !std::isfinite(*value) || *value < 0 || *value > kMost) return std::nullopt;
  return std::llround(*value);
}

}  // namespace sluice::agent
