// Ollama: GET /api/tags, /api/ps, /api/version (docs/api.md). It tells neither what runs nor what
// waits, only which models are in memory.
#include <algorithm>

#include "agent/engine.hpp"
#include "json/slices.hpp"

namespace sluice::agent {

namespace {

constexpr std::string_view kLatest = ":latest";

/// "llama3.2:latest" is asked for as "llama3.2", too.
void add(std::vector<workers::LoadedModel>& models, std::string name, int64_t max_len) {
  const bool latest = name.ends_with(kLatest) && name.size() > kLatest.size();
  std::string bare = latest ? name.substr(0, name.size() - kLatest.size()) : std::string();
  models.push_back({.id = std::move(name), .loaded = true, .loras = {}, .max_len = max_len});
  if (latest) {
    models.push_back({.id = std::move(bare), .loaded = true, .loras = {}, .max_len = max_len});
  }
}

Status read_list(std::string_view page, std::string_view body,
                 std::vector<workers::LoadedModel>& models, int64_t& vram) {
  const json::Value list = json::Value(body)["models"];
  if (list.kind() != json::Kind::kArray) return unreadable(page, "there is no list in it");
  json::Elements elements(list);
  json::Value each;
  while (elements.next(each) && models.size() + 1 < workers::kMaxModels) {
    auto name = each["name"].as_string();
    if (!name || name->empty()) return unreadable(page, "a model has no name");
    const int64_t size = each["size_vram"].as_int().value_or(0);
    // 2^50: no machine has more.
    vram += std::clamp<int64_t>(size, 0, int64_t{1} << 50);
    add(models, std::move(*name),
        std::max<int64_t>(each["context_length"].as_int().value_or(0), 0));
  }
  return {};
}

Status read_tags(std::string_view body, EngineView& view) {
  std::vector<workers::LoadedModel> models;
  int64_t vram = 0;
  if (auto status = read_list("/api/tags", body, models, vram); !status) return status;
  view.facts.models = std::move(models);
  return {};
}

Status read_ps(std::string_view body, EngineView& view) {
  std::vector<workers::LoadedModel> models;
  int64_t vram = 0;
  if (auto status = read_list("/api/ps", body, models, vram); !status) return status;
  view.gauges.loaded = std::move(models);
  view.gauges.vram_used = vram;
  return {};
}

Status read_version(std::string_view body, EngineView& view) {
  view.facts.version = json::Value(body)["version"].as_string().value_or("");
  return {};
}

constexpr EnginePage kFacts[] = {{.path = "/api/tags", .read = read_tags},
                                 {.path = "/api/version", .read = read_version}};
constexpr EnginePage kGauges[] = {{.path = "/api/ps", .read = read_ps}};

}  // namespace

const Engine kOllama = {.name = "ollama",
                        .health = "/api/version",
                        .facts = kFacts,
                        .gauges = kGauges,
                        .hint = "Ollama is older than 0.1.33"};

}  // namespace sluice::agent
