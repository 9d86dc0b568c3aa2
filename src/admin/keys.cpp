#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "accounts/key_ring.hpp"
#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "base/cidr.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr size_t kMaxPattern = 256;  // bytes of a model name

void write_list(json::Writer& json, std::string_view name, const std::vector<std::string>& list) {
  json.key(name).begin_array();
  for (const std::string& each : list) json.string(each);
  json.end_array();
}

/// The members of a key's object, whose braces are the caller's.
void write_key(json::Writer& json, const store::Key& key, std::string_view user) {
  json.member("id", key.id)
      .member("name", key.name)
      .member("prefix", key.prefix)
      .member("user", user)
      .member("configured", key.configured)
      .member("enabled", key.enabled);
  if (key.quota_tokens) {
    json.member("quota_tokens", *key.quota_tokens);
  } else {
    json.null_member("quota_tokens");
  }
  json.member("used_tokens", key.used_tokens)
      .member("rpm", key.rpm)
      .member("tpm", key.tpm)
      .member("max_parallel", key.max_parallel);
  write_list(json, "models", key.models);
  write_list(json, "allow_ips", key.allow_ips);
  if (key.expires_at) {
    json.member("expires_at", rfc3339_of_seconds(*key.expires_at));
  } else {
    json.null_member("expires_at");
  }
  json.member("created_at", rfc3339(key.created_at * 1'000'000));
}

/// Puts a change into force where a gateway runs, and into its log.
void tell(const Call& call, std::string_view what, const store::Key& key) {
  const Running& running = call.service.running();
  if (!running.keys_changed) return;
  running.keys_changed();
  log::info(what, {{"id", key.id}, {"name", key.name}, {"by", call.request.who.actor()}});
}

/// The key that a body asks for, without its text; `user` is whose wallet pays.
Result<store::Key> wanted_key(const Fields& fields) {
  store::Key key;
  auto name = fields.required_text("name", kMaxName);
  if (!name) return std::unexpected(name.error());
  key.name = std::move(*name);
  const auto quota = fields.count("quota_tokens");
  if (!quota) return std::unexpected(quota.error());
  key.quota_tokens = *quota;
  const std::pair<std::string_view, int64_t*> counts[] = {
      {"rpm", &key.rpm}, {"tpm", &key.tpm}, {"max_parallel", &key.max_parallel}};
  for (const auto& [field, into] : counts) {
    const auto count = fields.count(field);
    if (!count) return std::unexpected(count.error());
    *into = count->value_or(0);
  }
  auto models = fields.list("models", kMaxPattern);
  if (!models) return std::unexpected(models.error());
  for (const std::string& pattern : *models) {
    if (pattern.find('*') < pattern.size() - 1) {
      return fail(ErrorCode::kInvalidRequest, "models: a * may stand only at the end", "models");
    }
  }
  key.models = std::move(*models);
  auto allow_ips = fields.list("allow_ips", kMaxName);
  if (!allow_ips) return std::unexpected(allow_ips.error());
  if (const auto networks = parse_cidrs(*allow_ips); !networks) {
    return fail(ErrorCode::kInvalidRequest, "allow_ips: " + networks.error().message, "allow_ips");
  }
  key.allow_ips = std::move(*allow_ips);
  const auto expires_at = fields.time("expires_at");
  if (!expires_at) return std::unexpected(expires_at.error());
  key.expires_at = *expires_at;
  return key;
}

Result<Answer> list_keys(const Call& call) {
  const auto keys = call.service.database().keys();
  if (!keys) return std::unexpected(keys.error());
  const auto wallets = call.service.database().wallets();
  if (!wallets) return std::unexpected(wallets.error());
  std::unordered_map<int64_t, std::string_view> users;
  for (const store::Wallet& wallet : *wallets) users.emplace(wallet.user_id, wallet.user);
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Key& key : *keys) {
    const auto user = users.find(key.user_id);
    json.begin_object();
    write_key(json, key, user == users.end() ? std::string_view{} : user->second);
    json.end_object();
  }
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> create_key(const Call& call) {
  auto key = wanted_key(call.fields);
  if (!key) return std::unexpected(key.error());
  const auto user = call.fields.text("user", kMaxName);
  if (!user) return std::unexpected(user.error());
  const auto text = accounts::KeyRing::make_key();
  if (!text) return std::unexpected(text.error());
  store::Database& database = call.service.database();
  key->digest = accounts::KeyRing::digest_of(database.key_secret(), text->expose());
  key->prefix = text->expose().substr(0, 6);
  key->created_at = wall_nanos() / 1'000'000;

  const std::lock_guard lock(call.service.key_changes());
  const auto keys = database.keys();
  if (!keys) return std::unexpected(keys.error());
  if (std::ranges::find(*keys, key->name, &store::Key::name) != keys->end()) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("there is a key named \"{}\" already", key->name), "name");
  }
  if (!user->empty()) {
    const auto wallet = database.ensure_wallet(*user);
    if (!wallet) return std::unexpected(wallet.error());
    key->user_id = wallet->user_id;
  }
  const auto made = database.create_key(*key);
  if (!made) return std::unexpected(made.error());
  tell(call, "a key was made", *made);
  Answer answer{.status = 201, .body = {}};
  json::Writer json(answer.body);
  json.begin_object();
  write_key(json, *made, *user);
  json.member("key", text->expose()).end_object();
  return answer;
}

Result<Answer> delete_key(const Call& call) {
  const auto id = parse_u64(call.argument());
  if (!id || *id == 0 || *id > static_cast<uint64_t>(INT64_MAX)) {
    return fail(ErrorCode::kInvalidRequest, "a key's id is a positive whole number", "id");
  }
  store::Database& database = call.service.database();
  const std::lock_guard lock(call.service.key_changes());
  const auto keys = database.keys();
  if (!keys) return std::unexpected(keys.error());
  const auto key = std::ranges::find(*keys, static_cast<int64_t>(*id), &store::Key::id);
  if (key == keys->end()) return fail(ErrorCode::kNotFound, "there is no key with this id");
  if (key->configured) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("the key \"{}\" stands in the configuration file: take it out there",
                            key->name),
                "id");
  }
  if (Status done = database.delete_key(key->id); !done) return std::unexpected(done.error());
  tell(call, "a key was deleted", *key);
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", key->id)
      .member("name", key->name)
      .member("deleted", true)
      .end_object();
  return answer;
}

constexpr Field kKeyFields[] = {
    {"name", FieldKind::kText, "Unique.", true},
    {"user", FieldKind::kText, "Whose wallet pays; absent: nobody's."},
    {"quota_tokens", FieldKind::kCount, "Tokens in all; absent: unlimited."},
    {"rpm", FieldKind::kCount, "Requests a minute; 0: no limit."},
    {"tpm", FieldKind::kCount, "Tokens a minute; 0: no limit."},
    {"max_parallel", FieldKind::kCount, "Requests at once; 0: no limit."},
    {"models", FieldKind::kTexts, "Allowed models, or their beginnings with a *; empty: all."},
    {"allow_ips", FieldKind::kTexts, "Allowed addresses and networks; empty: all."},
    {"expires_at", FieldKind::kTime, "Absent: never."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/keys",
     .handle = list_keys,
     .summary = "All API keys, those of the configuration too."},
    {.method = "POST",
     .pattern = "/api/admin/keys",
     .handle = create_key,
     .summary = "Makes an API key, which is shown once.",
     .body = kKeyFields},
    {.method = "DELETE",
     .pattern = "/api/admin/keys/{id}",
     .handle = delete_key,
     .summary = "Deletes an API key."},
};

}  // namespace

std::span<const Route> key_routes() { return kRoutes; }

}  // namespace sluice::admin
