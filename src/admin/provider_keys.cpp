// Single keys of a provider that stands in the database.
#include <fmt/format.h>

#include <algorithm>

#include "admin/provider_view.hpp"

namespace sluice::admin {

namespace {

using store::ProviderRow;

Result<std::vector<std::string>> keys_there(const Call& call) {
  const EffectiveConfig& config = effective(call);
  const auto state = config.state();
  if (const ProviderRow* row = find_row(*state, call.argument())) {
    return config.secrets().keys(*row);
  }
  const config::Provider* provider = find_in_file(*state, call.argument());
  if (provider == nullptr) return no_provider();
  std::vector<std::string> keys;
  for (const Secret& each : provider->api_keys) keys.emplace_back(each.expose());
  return keys;
}

Result<Answer> list_keys(const Call& call) {
  const auto keys = keys_there(call);
  if (!keys) return std::unexpected(keys.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data");
  write_keys(json, effective(call).secrets(), *keys);
  json.null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> put_keys(const Call& call, int status, ProviderRow row,
                        const std::vector<std::string>& keys) {
  auto sealed = effective(call).secrets().sealed(keys);
  if (!sealed) return std::unexpected(sealed.error());
  row.api_key = std::move(*sealed);
  if (Status done = put_in_force(call, row); !done) return std::unexpected(done.error());
  return answer_provider(call, status, row);
}

Result<Answer> add_key(const Call& call) {
  auto key = call.fields.required_text("api_key", kMaxProviderKey);
  if (!key) return std::unexpected(key.error());
  const auto row = row_to_change(call);
  if (!row) return std::unexpected(row.error());
  auto keys = effective(call).secrets().keys(*row);
  if (!keys) return std::unexpected(keys.error());
  if (std::ranges::find(*keys, *key) != keys->end()) {
    return fail(ErrorCode::kConflict, "The provider has this key already.", "api_key");
  }
  if (keys->size() >= kMaxProviderKeys) {
    return fail(ErrorCode::kConflict,
                fmt::format("A provider has {} keys at most.", kMaxProviderKeys), "api_key");
  }
  keys->push_back(std::move(*key));
  return put_keys(call, 201, *row, *keys);
}

Result<Answer> remove_key(const Call& call) {
  const auto row = row_to_change(call);
  if (!row) return std::unexpected(row.error());
  const ProviderSecrets& secrets = effective(call).secrets();
  auto keys = secrets.keys(*row);
  if (!keys) return std::unexpected(keys.error());
  const size_t gone = std::erase_if(
      *keys, [&](const std::string& each) { return secrets.id_of(each) == call.arguments.at(1); });
  if (gone == 0) return fail(ErrorCode::kNotFound, "The provider has no such key.");
  return put_keys(call, 200, *row, *keys);
}

constexpr Field kNewKey[] = {
    {"api_key", FieldKind::kSecret, "A credential, used beside those that are there.", true}};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/providers/{id}/keys",
     .handle = list_keys,
     .summary = "A provider's keys: what they are named by here, and their first 6 characters.",
     .configures = true,
     .short_list = true},
    {.method = "POST",
     .pattern = "/api/admin/providers/{id}/keys",
     .handle = add_key,
     .summary = "Gives a provider of the database one more key.",
     .body = kNewKey,
     .configures = true},
    {.method = "DELETE",
     .pattern = "/api/admin/providers/{id}/keys/{key}",
     .handle = remove_key,
     .summary = "Takes one key from a provider of the database.",
     .configures = true},
};

}  // namespace

std::span<const Route> provider_key_routes() { return kRoutes; }

}  // namespace sluice::admin
