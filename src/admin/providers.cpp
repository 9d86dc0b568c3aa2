// Providers: those of the configuration file, and those that stand in the database.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "admin/configuring.hpp"
#include "admin/person.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

using Kind = EffectiveConfig::Kind;
using store::ProviderRow;

constexpr size_t kMaxUrl = 1000;
constexpr size_t kMaxKey = 1000;  // bytes of a provider's key
constexpr size_t kMaxKeys = 3;    // what the column holds of the longest
constexpr size_t kMaxColumn = 4000;

std::string_view name_of(config::ProviderType type) {
  switch (type) {
    case config::ProviderType::kOpenAi:
      return "openai";
    case config::ProviderType::kAnthropic:
      return "anthropic";
    case config::ProviderType::kGemini:
      return "gemini";
    case config::ProviderType::kZai:
      return "zai";
    case config::ProviderType::kOpenAiCompatible:
      break;
  }
  return "openai_compatible";
}

void write_texts(json::Writer& json, std::string_view name, const std::vector<std::string>& all) {
  json.key(name).begin_array();
  for (const std::string& each : all) json.string(each);
  json.end_array();
}

void write_of_file(json::Writer& json, const config::Provider& provider) {
  std::vector<std::string> keys;
  for (const Secret& each : provider.api_keys) keys.push_back(each.redacted());
  json.begin_object()
      .null_member("id")
      .member("name", provider.name)
      .member("type", name_of(provider.type))
      .member("base_url", provider.base_url);
  write_texts(json, "api_keys", keys);
  json.member("default", provider.is_default).member("enabled", provider.enabled);
  write_texts(json, "models", provider.models);
  json.member("source", "file").member("shadowed", false).member("in_force", provider.enabled);
  json.end_object();
}

void write_of_database(json::Writer& json, const EffectiveConfig& effective,
                       const EffectiveConfig::Standing& standing, const ProviderRow& row) {
  const auto valid = [](const std::string& text, std::string_view otherwise) {
    return json::valid(text) ? std::string_view(text) : otherwise;
  };
  json.begin_object()
      .member("id", row.id)
      .member("name", row.name)
      .member("type", row.type)
      .member("base_url", row.base_url);
  write_texts(json, "api_keys", effective.shown_keys(row));
  json.member("default", row.is_default && !standing.default_lost)
      .member("enabled", row.enabled)
      .raw_member("models", valid(row.models, "[]"));
  // Of hand-written rows only what could be said here is shown.
  json.raw_member("settings", standing.field == "settings" ? "{}" : valid(row.settings, "{}"))
      .member("source", "database")
      .member("shadowed", standing.shadowed)
      .member("in_force", row.enabled && !standing.shadowed && standing.problem.empty());
  if (standing.default_lost) json.member("default_lost", true);
  if (!standing.problem.empty()) json.member("problem", standing.problem);
  json.member("created_at", rfc3339(row.created_at * 1'000'000))
      .member("updated_at", rfc3339(row.updated_at * 1'000'000))
      .end_object();
}

Answer answer_row(const Call& call, int status, const ProviderRow& row) {
  const EffectiveConfig& config = effective(call);
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  write_of_database(json, config, config.state()->standing(Kind::kProvider, row.id), row);
  answer.headers.emplace_back("etag", etag_of(row.version));
  return answer;
}

/// By id where the segment is a number, else by name.
const ProviderRow* find_row(const EffectiveConfig::State& state, const std::string& argument) {
  const auto id = parse_u64(argument);
  for (const ProviderRow& each : state.rows.providers) {
    if (id ? static_cast<uint64_t>(each.id) == *id : each.name == argument) return &each;
  }
  return nullptr;
}

const config::Provider* find_in_file(const EffectiveConfig::State& state, std::string_view name) {
  const auto& all = state.file->providers;
  const auto found = std::ranges::find(all, name, &config::Provider::name);
  return found == all.end() ? nullptr : &*found;
}

std::unexpected<Error> no_provider() {
  return fail(ErrorCode::kNotFound, "There is no such provider.");
}

/// That of the path in the database; kConflict when it is the file's.
Result<ProviderRow> row_of(const Call& call) {
  const auto state = effective(call).state();
  if (const ProviderRow* row = find_row(*state, call.argument())) return *row;
  if (find_in_file(*state, call.argument()) == nullptr) return no_provider();
  return fail(ErrorCode::kConflict,
              "This provider stands in the configuration file: change it there, and reload.");
}

Result<Answer> list_providers(const Call& call) {
  const EffectiveConfig& config = effective(call);
  const auto state = config.state();
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const config::Provider& each : state->file->providers) write_of_file(json, each);
  for (const ProviderRow& each : state->rows.providers) {
    write_of_database(json, config, state->standing(Kind::kProvider, each.id), each);
  }
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> show_provider(const Call& call) {
  const auto state = effective(call).state();
  if (const ProviderRow* row = find_row(*state, call.argument())) {
    return answer_row(call, 200, *row);
  }
  const config::Provider* provider = find_in_file(*state, call.argument());
  if (provider == nullptr) return no_provider();
  Answer answer;
  json::Writer json(answer.body);
  write_of_file(json, *provider);
  return answer;
}

Status take_texts(const Fields& fields, std::string_view name, size_t most, std::string& into) {
  if (!fields.given(name)) return {};
  const auto list = fields.list(name, most);
  if (!list) return std::unexpected(list.error());
  into.clear();
  json::Writer json(into);
  json.begin_array();
  for (const std::string& each : *list) json.string(each);
  json.end_array();
  if (into.size() > kMaxColumn) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("{} is too long", name), std::string(name));
  }
  return {};
}

Status take_keys(const Call& call, ProviderRow& row) {
  if (!call.fields.given("api_keys")) return {};
  std::vector<std::string> keys;
  if (call.fields.has("api_keys")) {
    auto given = call.fields.list("api_keys", kMaxKey);
    if (!given) return std::unexpected(given.error());
    keys = std::move(*given);
  }
  if (keys.size() > kMaxKeys) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("api_keys are {} at most", kMaxKeys),
                "api_keys");
  }
  auto sealed = effective(call).sealed(keys);
  if (!sealed) return std::unexpected(sealed.error());
  row.api_key = std::move(*sealed);
  return {};
}

Status take_fields(const Call& call, ProviderRow& row) {
  const Fields& fields = call.fields;
  const std::pair<std::string_view, std::string*> texts[] = {
      {"name", &row.name}, {"type", &row.type}, {"base_url", &row.base_url}};
  for (const auto& [name, into] : texts) {
    if (!fields.given(name)) continue;
    auto text = fields.text(name, kMaxUrl);
    if (!text) return std::unexpected(text.error());
    if (text->empty() && name != "base_url") {
      return fail(ErrorCode::kInvalidRequest, fmt::format("{} is missing", name),
                  std::string(name));
    }
    *into = std::move(*text);
  }
  const std::pair<std::string_view, bool*> flags[] = {{"default", &row.is_default},
                                                      {"enabled", &row.enabled}};
  for (const auto& [name, into] : flags) {
    const auto flag = fields.flag(name);
    if (!flag) return std::unexpected(flag.error());
    if (*flag) *into = **flag;
  }
  if (fields.given("settings")) {
    row.settings = fields.has("settings") ? std::string(fields.raw("settings")) : "{}";
    if (row.settings.size() > kMaxColumn) {
      return fail(ErrorCode::kInvalidRequest, "settings are too long", "settings");
    }
  }
  if (Status taken = take_texts(fields, "models", kMaxName, row.models); !taken) return taken;
  return take_keys(call, row);
}

Result<Answer> add_provider(const Call& call) {
  ProviderRow row;
  if (Status taken = take_fields(call, row); !taken) return std::unexpected(taken.error());
  EffectiveConfig& config = effective(call);
  const Status done = config.change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        row.id = EffectiveConfig::kNew;
        rows.providers.push_back(row);
        return {};
      },
      [&]() -> Status {
        auto made = call.service.database().catalog().add(row);
        if (!made) return std::unexpected(made.error());
        row = std::move(*made);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return answer_row(call, 201, row);
}

Result<Answer> change_provider(const Call& call) {
  auto row = row_of(call);
  if (!row) return std::unexpected(row.error());
  if (Status same = check_match(call, row->version); !same) return std::unexpected(same.error());
  call.before = answer_row(call, 200, *row).body;
  if (Status taken = take_fields(call, *row); !taken) return std::unexpected(taken.error());
  const Status done = effective(call).change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        const auto there = std::ranges::find(rows.providers, row->id, &ProviderRow::id);
        if (there == rows.providers.end()) return no_provider();
        *there = *row;
        return {};
      },
      [&]() -> Status {
        auto changed = call.service.database().catalog().change(*row);
        if (!changed) return std::unexpected(changed.error());
        *row = std::move(*changed);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return answer_row(call, 200, *row);
}

Result<Answer> delete_provider(const Call& call) {
  const auto row = row_of(call);
  if (!row) return std::unexpected(row.error());
  if (Status same = check_match(call, row->version); !same) return std::unexpected(same.error());
  call.before = answer_row(call, 200, *row).body;
  const Status done = effective(call).change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        std::erase_if(rows.providers, [&](const ProviderRow& each) { return each.id == row->id; });
        return {};
      },
      [&] { return call.service.database().catalog().remove_provider(row->id, row->version); });
  if (!done) return std::unexpected(done.error());
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", row->id)
      .member("name", row->name)
      .member("deleted", true)
      .end_object();
  return answer;
}

consteval auto fields_of(bool needed) {
  return std::to_array<Field>({
      {"name", FieldKind::kText, "Unique; letters, digits and . _ -", needed},
      {"type", FieldKind::kText, "openai, anthropic, gemini, zai or openai_compatible.", needed},
      {"base_url", FieldKind::kText, "Address below which its API lies; absent: the type's own."},
      {"api_keys", FieldKind::kTexts,
       "Credentials, at most 3; kept encrypted, and only their first 6 characters are ever shown."},
      {"default", FieldKind::kFlag,
       "Takes what no rule and no model name decides; one provider per dialect."},
      {"enabled", FieldKind::kFlag, "false: known by name, and never used."},
      {"models", FieldKind::kTexts, "Models that it serves; empty: any."},
      {"settings", FieldKind::kObject,
       "proxy, timeouts, pool, platform, responses, reasoning, as in the configuration file."},
  });
}

constexpr auto kNewProvider = fields_of(true);
constexpr auto kChange = fields_of(false);

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/providers",
     .handle = list_providers,
     .summary = "Providers: those of the configuration file, then those of the database.",
     .configures = true},
    {.method = "POST",
     .pattern = "/api/admin/providers",
     .handle = add_provider,
     .summary = "Adds a provider, which is used at once.",
     .body = kNewProvider,
     .configures = true},
    {.method = "GET",
     .pattern = "/api/admin/providers/{id}",
     .handle = show_provider,
     .summary = "A provider, by id or name.",
     .configures = true},
    {.method = "PATCH",
     .pattern = "/api/admin/providers/{id}",
     .handle = change_provider,
     .summary = "Changes a provider of the database; the configuration file's are changed there.",
     .body = kChange,
     .configures = true},
    {.method = "DELETE",
     .pattern = "/api/admin/providers/{id}",
     .handle = delete_provider,
     .summary = "Deletes a provider that nothing needs.",
     .configures = true},
};

}  // namespace

std::span<const Route> provider_routes() { return kRoutes; }

}  // namespace sluice::admin
