#include "dialect/models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "http/url.hpp"
#include "json/writer.hpp"

namespace sluice::dialect {
namespace {

struct Family {
  std::string_view prefix;
  config::ProviderType type;
  bool whole_word;  // the name ends here or goes on with '-'
};

constexpr std::array kFamilies = {
    Family{"gpt-", config::ProviderType::kOpenAi, false},
    Family{"chatgpt-", config::ProviderType::kOpenAi, false},
    Family{"o1", config::ProviderType::kOpenAi, true},
    Family{"o3", config::ProviderType::kOpenAi, true},
    Family{"o4", config::ProviderType::kOpenAi, true},
    Family{"text-embedding-", config::ProviderType::kOpenAi, false},
    Family{"davinci", config::ProviderType::kOpenAi, true},
    Family{"babbage", config::ProviderType::kOpenAi, true},
    Family{"claude-", config::ProviderType::kAnthropic, false},
    Family{"gemini-", config::ProviderType::kGemini, false},
    Family{"glm-", config::ProviderType::kZai, false},
};

constexpr size_t kMaxPage = 1000;

void write_tokens(json::Writer& json, std::string_view name, int64_t tokens) {
  if (tokens > 0) {
    json.member(name, tokens);
  } else {
    json.null_member(name);
  }
}

void write_model(json::Writer& json, const ModelEntry& model) {
  json.begin_object().member("id", model.id).member("object", "model").member("type", "model");
  json.member("created", model.created);
  json.member("created_at", rfc3339(model.created * 1'000'000'000));
  json.member("owned_by", model.owned_by);
  json.member("display_name", model.display_name.empty() ? model.id : model.display_name);
  write_tokens(json, "max_input_tokens", model.context_window);
  write_tokens(json, "max_tokens", model.max_output);
  write_tokens(json, "context_window", model.context_window);
  if (model.capabilities.empty()) {
    json.null_member("capabilities");
  } else {
    json.raw_member("capabilities", model.capabilities);
  }
  json.end_object();
}

}  // namespace

std::optional<config::ProviderType> detect_provider(std::string_view model) {
  // A fine-tuned model is called after its base: ft:gpt-4o-mini:organisation::id.
  if (model.starts_with("ft:")) model.remove_prefix(3);
  // Google's full name of a model: models/gemini-2.5-pro.
  if (model.starts_with("models/")) model.remove_prefix(7);
  for (const Family& family : kFamilies) {
    if (!istarts_with(model, family.prefix)) continue;
    const std::string_view rest = model.substr(family.prefix.size());
    if (!family.whole_word || rest.empty() || rest.front() == '-') return family.type;
  }
  return std::nullopt;
}

Dialect dialect_of(config::ProviderType type) {
  switch (type) {
    case config::ProviderType::kOpenAi:
    case config::ProviderType::kOpenAiCompatible:
    case config::ProviderType::kZai:
      return Dialect::kOpenAi;
    case config::ProviderType::kAnthropic:
      return Dialect::kAnthropic;
    case config::ProviderType::kGemini:
      return Dialect::kGemini;
  }
  return Dialect::kOpenAi;
}

Result<ModelPage> page_of(std::span<const ModelEntry> models, std::string_view query) {
  size_t limit = models.size();
  size_t begin = 0;
  size_t end = models.size();
  bool backwards = false;
  const auto wrong = [](std::string message, const std::string& parameter) {
    return fail(ErrorCode::kInvalidRequest, std::move(message), parameter);
  };
  for (const auto& [name, value] : http::parse_query(query)) {
    if (name == "limit") {
      const auto wanted = parse_u64(value);
      if (!wanted || *wanted < 1 || *wanted > kMaxPage) {
        return wrong(fmt::format("limit must be from 1 to {}.", kMaxPage), name);
      }
      limit = *wanted;
    } else if ((name == "after_id" || name == "before_id") && !value.empty()) {
      const auto found = std::ranges::find(models, value, &ModelEntry::id);
      if (found == models.end()) return wrong("There is no model of this id.", name);
      const auto place = static_cast<size_t>(found - models.begin());
      backwards = name == "before_id";
      (backwards ? end : begin) = backwards ? place : place + 1;
    }
  }
  begin = std::min(begin, end);
  const size_t count = std::min(limit, end - begin);
  return ModelPage{.models = models.subspan(backwards ? end - count : begin, count),
                   .has_more = count < end - begin};
}

std::string render_model_list(const ModelPage& page) {
  const auto& models = page.models;
  std::string body;
  json::Writer json(body);
  json.begin_object().member("object", "list").key("data").begin_array();
  for (const ModelEntry& model : models) write_model(json, model);
  json.end_array().member("has_more", page.has_more);
  if (models.empty()) {
    json.null_member("first_id").null_member("last_id");
  } else {
    json.member("first_id", models.front().id).member("last_id", models.back().id);
  }
  json.end_object();
  return body;
}

std::string render_model(const ModelEntry& model) {
  std::string body;
  json::Writer json(body);
  write_model(json, model);
  return body;
}

}  // namespace sluice::dialect
