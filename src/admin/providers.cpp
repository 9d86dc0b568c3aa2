// Providers: those of the configuration file, and those that stand in the database.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "admin/provider_view.hpp"
#include "base/text.hpp"
#include "json/slices.hpp"

namespace sluice::admin {

namespace {

using store::ProviderRow;

constexpr size_t kMaxUrl = 1000;
constexpr size_t kMaxModels = 1000;
constexpr size_t kMaxColumn = 32 * 1024;
constexpr size_t kMaxHeaders = 50;
constexpr size_t kMaxHeaderName = 100;
constexpr size_t kMaxHeaderValue = 4000;

Result<Answer> list_providers(const Call& call) {
  const EffectiveConfig& config = effective(call);
  const auto state = config.state();
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const config::Provider& each : state->file->providers) write_provider(json, each);
  for (const ProviderRow& each : state->rows.providers) write_provider(json, config, each);
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> show_provider(const Call& call) {
  const auto state = effective(call).state();
  if (const ProviderRow* row = find_row(*state, call.argument())) {
    return answer_provider(call, 200, *row);
  }
  const config::Provider* provider = find_in_file(*state, call.argument());
  if (provider == nullptr) return no_provider();
  Answer answer;
  json::Writer json(answer.body);
  write_provider(json, *provider);
  return answer;
}

Status take_models(const Fields& fields, std::string& into) {
  if (!fields.given("models")) return {};
  const auto list = fields.list("models", kMaxName, kMaxModels);
  if (!list) return std::unexpected(list.error());
  into.clear();
  json::Writer json(into);
  json.begin_array();
  for (const std::string& each : *list) json.string(each);
  json.end_array();
  if (into.size() > kMaxColumn) {
    return fail(ErrorCode::kInvalidRequest, "models are too long", "models");
  }
  return {};
}

Status take_keys(const Call& call, ProviderRow& row) {
  if (!call.fields.given("api_keys")) return {};
  const auto keys = call.fields.list("api_keys", kMaxProviderKey, kMaxProviderKeys);
  if (!keys) return std::unexpected(keys.error());
  auto sealed = effective(call).secrets().sealed(*keys);
  if (!sealed) return std::unexpected(sealed.error());
  row.api_key = std::move(*sealed);
  return {};
}

std::unexpected<Error> wrong_header(std::string_view what) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("headers {}", what), "headers");
}

/// One field of the body's: null takes it away, and what is shown in place of a value leaves it.
Status take_header(json::Member& field, ProviderSecrets::Headers& headers) {
  const std::string name = field.key.str();
  if (Status good = check_text(name, "headers", kMaxHeaderName); !good) return good;
  const auto same = [&](const auto& each) { return iequals(each.first, name); };
  const auto there = std::ranges::find_if(headers, same);
  if (field.value.is_null()) {
    std::erase_if(headers, same);
    return {};
  }
  auto value = field.value.as_string();
  if (!value) return wrong_header("must be an object of strings");
  if (*value == kHidden && there != headers.end()) return {};
  if (Status good = check_text(*value, "headers", kMaxHeaderValue); !good) return good;
  if (there != headers.end()) {
    there->second = std::move(*value);
  } else {
    headers.emplace_back(name, std::move(*value));
  }
  return {};
}

Status take_headers(const Call& call, ProviderRow& row) {
  if (!call.fields.given("headers")) return {};
  const ProviderSecrets& secrets = effective(call).secrets();
  ProviderSecrets::Headers headers;
  if (call.fields.has("headers")) {
    const json::Value given(call.fields.raw("headers"));
    if (given.kind() != json::Kind::kObject) return wrong_header("must be an object of strings");
    headers = secrets.headers(row).value_or(ProviderSecrets::Headers());
    json::Members fields(given);
    for (json::Member each; fields.next(each);) {
      if (Status taken = take_header(each, headers); !taken) return taken;
    }
  }
  if (headers.size() > kMaxHeaders) {
    return wrong_header(fmt::format("are {} at most", kMaxHeaders));
  }
  auto sealed = secrets.sealed(headers);
  if (!sealed) return std::unexpected(sealed.error());
  row.headers = std::move(*sealed);
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
  if (Status taken = take_models(fields, row.models); !taken) return taken;
  if (Status taken = take_headers(call, row); !taken) return taken;
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
  return answer_provider(call, 201, row);
}

Result<Answer> change_provider(const Call& call) {
  auto row = row_to_change(call);
  if (!row) return std::unexpected(row.error());
  if (Status taken = take_fields(call, *row); !taken) return std::unexpected(taken.error());
  if (Status done = put_in_force(call, *row); !done) return std::unexpected(done.error());
  return answer_provider(call, 200, *row);
}

Result<Answer> delete_provider(const Call& call) {
  const auto row = row_to_change(call);
  if (!row) return std::unexpected(row.error());
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
       "Credentials, at most 64; kept encrypted, and only their first 6 characters are ever "
       "shown."},
      {"headers", FieldKind::kObject,
       "Header fields to add to every request; kept encrypted. A change keeps those that it does "
       "not "
       "name, and null takes one away."},
      {"default", FieldKind::kFlag,
       "Takes what no rule and no model name decides; one provider per dialect."},
      {"enabled", FieldKind::kFlag, "false: known by name, and never used."},
      {"models", FieldKind::kTexts, "Models that it serves; empty: any."},
      {"settings", FieldKind::kObject,
       "ca_file, proxy, timeouts, pool, platform, responses, reasoning, as in the configuration "
       "file."},
  });
}

constexpr auto kNewProvider = fields_of(true);
constexpr auto kChange = fields_of(false);

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/providers",
     .handle = list_providers,
     .summary = "Providers: those of the configuration file, then those of the database.",
     .configures = true,
     .short_list = true},
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
