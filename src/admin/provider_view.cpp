#include "admin/provider_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/reader.hpp"

namespace sluice::admin {

namespace {

using Kind = EffectiveConfig::Kind;
using store::ProviderRow;

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

void write_headers(json::Writer& json, const ProviderSecrets::Headers& headers) {
  json.key("headers").begin_object();
  for (const auto& [name, value] : headers) json.member(name, kHidden);
  json.end_object();
}

/// The first characters of each, and how many there are.
void write_prefixes(json::Writer& json, const std::vector<std::string>& keys) {
  json.key("api_keys").begin_array();
  for (const std::string& each : keys) json.string(Secret(each).redacted());
  json.end_array().member("key_count", keys.size());
}

std::vector<std::string> keys_of(const config::Provider& provider) {
  std::vector<std::string> keys;
  for (const Secret& each : provider.api_keys) keys.emplace_back(each.expose());
  return keys;
}

/// As the configuration file would have it.
std::string duration_text(Duration duration) {
  const int64_t millis = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return millis % 1000 == 0 ? fmt::format("{}s", millis / 1000) : fmt::format("{}ms", millis);
}

void write_settings(json::Writer& json, const config::Provider& provider) {
  const config::Timeouts& timeouts = provider.timeouts;
  json.key("settings").begin_object();
  if (!provider.ca_file.empty()) json.member("ca_file", provider.ca_file);
  if (!provider.proxy.empty()) json.member("proxy", provider.proxy);
  json.key("timeouts")
      .begin_object()
      .member("connect", duration_text(timeouts.connect))
      .member("first_token", duration_text(timeouts.first_token))
      .member("between_tokens", duration_text(timeouts.between_tokens))
      .member("total", duration_text(timeouts.total))
      .end_object();
  json.key("pool")
      .begin_object()
      .member("max_idle", provider.pool.max_idle)
      .member("max_idle_per_host", provider.pool.max_idle_per_host)
      .member("idle_timeout", duration_text(provider.pool.idle_timeout))
      .end_object()
      .end_object();
}

}  // namespace

void write_keys(json::Writer& json, const ProviderSecrets& secrets,
                const std::vector<std::string>& keys) {
  json.begin_array();
  for (const std::string& each : keys) {
    json.begin_object()
        .member("id", secrets.id_of(each))
        .member("prefix", Secret(each).redacted())
        .end_object();
  }
  json.end_array();
}

void write_provider(json::Writer& json, const config::Provider& provider) {
  json.begin_object()
      .null_member("id")
      .member("name", provider.name)
      .member("type", name_of(provider.type))
      .member("base_url", provider.base_url);
  write_prefixes(json, keys_of(provider));
  write_headers(json, provider.headers);
  json.member("default", provider.is_default).member("enabled", provider.enabled);
  write_texts(json, "models", provider.models);
  write_settings(json, provider);
  json.member("source", "file").member("shadowed", false).member("in_force", provider.enabled);
  json.end_object();
}

void write_provider(json::Writer& json, const EffectiveConfig& effective, const ProviderRow& row) {
  const auto state = effective.state();
  const EffectiveConfig::Standing& standing = state->standing(Kind::kProvider, row.id);
  const auto valid = [](const std::string& text, std::string_view otherwise) {
    return json::valid(text) ? std::string_view(text) : otherwise;
  };
  json.begin_object()
      .member("id", row.id)
      .member("name", row.name)
      .member("type", row.type)
      .member("base_url", row.base_url);
  // What cannot be read has its problem told below.
  write_prefixes(json, effective.secrets().keys(row).value_or(std::vector<std::string>()));
  write_headers(json, effective.secrets().headers(row).value_or(ProviderSecrets::Headers()));
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

Answer answer_provider(const Call& call, int status, const ProviderRow& row) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  write_provider(json, effective(call), row);
  answer.headers.emplace_back("etag", etag_of(row.version));
  return answer;
}

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

Result<ProviderRow> row_to_change(const Call& call) {
  const auto state = effective(call).state();
  const ProviderRow* row = find_row(*state, call.argument());
  if (row == nullptr && find_in_file(*state, call.argument()) == nullptr) return no_provider();
  if (row == nullptr) {
    return fail(ErrorCode::kConflict,
                "This provider stands in the configuration file: change it there, and reload.");
  }
  if (Status same = check_match(call, row->version); !same) return std::unexpected(same.error());
  call.before = answer_provider(call, 200, *row).body;
  return *row;
}

Status put_in_force(const Call& call, ProviderRow& row) {
  return effective(call).change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        const auto there = std::ranges::find(rows.providers, row.id, &ProviderRow::id);
        if (there == rows.providers.end()) return no_provider();
        *there = row;
        return {};
      },
      [&]() -> Status {
        auto changed = call.service.database().catalog().change(row);
        if (!changed) return std::unexpected(changed.error());
        row = std::move(*changed);
        return {};
      });
}

}  // namespace sluice::admin
