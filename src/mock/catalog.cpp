#include "mock/catalog.hpp"

#include "mock/script.hpp"

namespace sluice::mock {

namespace {

constexpr int64_t kMockCreated = 1767225600;  // 2026-01-01

constexpr CatalogModel kModels[] = {
    {"mock", "Scripted", kMockCreated, CatalogModel::kAny},
    {"mock-c20-i10", "Scripted, 20 events", kMockCreated, CatalogModel::kAny},
    {"mock-c40-i50", "Scripted, 40 events", kMockCreated, CatalogModel::kAny},
    {"mock-t", "Scripted, two tool calls", kMockCreated, CatalogModel::kAny},
    {"gpt-4o", "GPT-4o", 1715367049, CatalogModel::kOpenAi},
    {"gpt-4o-mini", "GPT-4o mini", 1721172741, CatalogModel::kOpenAi},
    {"gpt-3.5-turbo", "GPT-3.5 Turbo", 1677610602, CatalogModel::kOpenAi},
    {"text-embedding-3-small", "Embedding 3 small", 1705948997, CatalogModel::kOpenAi},
    {"text-embedding-3-large", "Embedding 3 large", 1705953180, CatalogModel::kOpenAi},
    {"claude-told-20260101", "Claude that tells", kMockCreated, CatalogModel::kAnthropic, 4321},
    {"claude-sonnet-4-6", "Claude Sonnet 4.6", 1771286400, CatalogModel::kAnthropic},
    {"claude-haiku-4-5", "Claude Haiku 4.5", 1760486400, CatalogModel::kAnthropic},
    {"gemini-2.5-flash", "Gemini 2.5 Flash", 1750118400, CatalogModel::kGemini},
    {"gemini-3-pro-preview", "Gemini 3 Pro Preview", 1763424000, CatalogModel::kGemini},
};

}  // namespace

std::span<const CatalogModel> catalog() { return kModels; }

std::optional<CatalogModel> find_model(std::string_view id) {
  for (const CatalogModel& model : kModels) {
    if (model.id == id) return model;
  }
  const auto script = parse_script(id);
  if (!script || !script->scripted) return std::nullopt;
  return CatalogModel{id, "Scripted", kMockCreated, CatalogModel::kAny};
}

}  // namespace sluice::mock
