// API keys. Their text is nowhere here: a key is known by its digest.
#include <fmt/format.h>

#include <optional>

#include "json/slices.hpp"
#include "json/writer.hpp"
#include "store/hex.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

std::string to_array(const std::vector<std::string>& list) {
  std::string text;
  json::Writer out(text);
  out.begin_array();
  for (const std::string& each : list) out.string(each);
  out.end_array();
  return text;
}

std::vector<std::string> from_array(std::string_view text) {
  std::vector<std::string> list;
  json::Elements elements(text);
  json::Value element;
  while (elements.next(element)) list.push_back(element.as_string().value_or(""));
  return list;
}

/// A key as its columns. 0 seconds of expires_at are far in the past, so a value that does not
/// fit into milliseconds is brought to the nearest that does.
struct Row {
  Key key;
  std::string digest, models, allow_ips;
  int64_t expires_ms = 0;
  int64_t quota = 0;
  int configured = 0;
  int enabled = 0;
  soci::indicator has_user = soci::i_null;
  soci::indicator has_quota = soci::i_null;
  soci::indicator expires = soci::i_null;

  Row() = default;
  explicit Row(const Key& from)
      : key(from),
        digest(to_hex(from.digest)),
        models(to_array(from.models)),
        allow_ips(to_array(from.allow_ips)),
        expires_ms(std::clamp(from.expires_at.value_or(0), INT64_MIN / 1000, INT64_MAX / 1000) *
                   1000),
        quota(from.quota_tokens.value_or(0)),
        configured(from.configured),
        enabled(from.enabled),
        has_user(from.user_id != 0 ? soci::i_ok : soci::i_null),
        has_quota(from.quota_tokens ? soci::i_ok : soci::i_null),
        expires(from.expires_at ? soci::i_ok : soci::i_null) {}

  static constexpr const char* kColumns =
      "id, digest, prefix, name, user_id, configured, enabled, quota_tokens, used_tokens, rpm, tpm,"
      " max_parallel, models, allow_ips, expires_at, created_at";

  void into(soci::details::prepare_temp_type& query) {
    query, soci::into(key.id), soci::into(digest), soci::into(key.prefix), soci::into(key.name),
        soci::into(key.user_id, has_user), soci::into(configured), soci::into(enabled),
        soci::into(quota, has_quota), soci::into(key.used_tokens), soci::into(key.rpm),
        soci::into(key.tpm), soci::into(key.max_parallel), soci::into(models),
        soci::into(allow_ips), soci::into(expires_ms, expires), soci::into(key.created_at);
  }

  /// After a fetch.
  Key fetched() const {
    Key out = key;
    out.digest = from_hex(digest).value_or("");
    out.user_id = has_user == soci::i_ok ? key.user_id : 0;
    out.configured = configured != 0;
    out.enabled = enabled != 0;
    out.quota_tokens = has_quota == soci::i_ok ? std::optional(quota) : std::nullopt;
    out.models = from_array(models);
    out.allow_ips = from_array(allow_ips);
    out.expires_at = expires == soci::i_ok ? std::optional(expires_ms / 1000) : std::nullopt;
    return out;
  }
};

std::optional<Key> find(soci::session& sql, const std::string& digest) {
  Row row;
  soci::details::prepare_temp_type query = sql.prepare << "SELECT " << Row::kColumns
                                                       << " FROM api_keys WHERE digest = :digest";
  query, soci::use(digest);
  row.into(query);
  soci::statement statement(query);
  if (!statement.execute(true)) return std::nullopt;
  return row.fetched();
}

Key insert(soci::session& sql, Row row) {
  row.key.created_at = unix_ms();
  sql << "INSERT INTO api_keys (digest, prefix, name, user_id, configured, enabled, quota_tokens,"
         " used_tokens, rpm, tpm, max_parallel, models, allow_ips, expires_at, created_at)"
         " VALUES (:digest, :prefix, :name, :user, :configured, :enabled, :quota, 0, :rpm, :tpm,"
         " :parallel, :models, :ips, :expires, :created)",
      soci::use(row.digest), soci::use(row.key.prefix), soci::use(row.key.name),
      soci::use(row.key.user_id, row.has_user), soci::use(row.configured), soci::use(row.enabled),
      soci::use(row.quota, row.has_quota), soci::use(row.key.rpm), soci::use(row.key.tpm),
      soci::use(row.key.max_parallel), soci::use(row.models), soci::use(row.allow_ips),
      soci::use(row.expires_ms, row.expires), soci::use(row.key.created_at);
  return *find(sql, row.digest);
}

void update(soci::session& sql, Row row) {
  sql << "UPDATE api_keys SET prefix = :prefix, name = :name, user_id = :user,"
         " configured = :configured, enabled = :enabled, quota_tokens = :quota, rpm = :rpm,"
         " tpm = :tpm, max_parallel = :parallel, models = :models, allow_ips = :ips,"
         " expires_at = :expires WHERE digest = :digest",
      soci::use(row.key.prefix), soci::use(row.key.name), soci::use(row.key.user_id, row.has_user),
      soci::use(row.configured), soci::use(row.enabled), soci::use(row.quota, row.has_quota),
      soci::use(row.key.rpm), soci::use(row.key.tpm), soci::use(row.key.max_parallel),
      soci::use(row.models), soci::use(row.allow_ips), soci::use(row.expires_ms, row.expires),
      soci::use(row.digest);
}

Status check_key(const Key& key) {
  if (key.digest.size() != 32) return fail(ErrorCode::kInternal, "a key's digest has 32 bytes");
  if (key.quota_tokens.value_or(0) < 0 || key.rpm < 0 || key.tpm < 0 || key.max_parallel < 0) {
    return fail(ErrorCode::kInvalidRequest, "A key's limits must not be negative.");
  }
  return {};
}

}  // namespace

Result<std::vector<Key>> SqlDatabase::keys() {
  return sessions_->read([](soci::session& sql) -> Result<std::vector<Key>> {
    std::vector<Key> all;
    Row row;
    soci::details::prepare_temp_type query = sql.prepare << "SELECT " << Row::kColumns
                                                         << " FROM api_keys ORDER BY id";
    row.into(query);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) all.push_back(row.fetched());
    return all;
  });
}

Result<Key> SqlDatabase::ensure_configured_key(const Key& key) {
  if (Status sound = check_key(key); !sound) return std::unexpected(sound.error());
  return sessions_->write([&](soci::session& sql) -> Result<Key> {
    Row row(key);
    row.configured = 1;
    if (!find(sql, row.digest)) return insert(sql, row);
    update(sql, row);
    return *find(sql, row.digest);
  });
}

Result<Key> SqlDatabase::create_key(const Key& key) {
  if (Status sound = check_key(key); !sound) return std::unexpected(sound.error());
  return sessions_->write([&](soci::session& sql) -> Result<Key> {
    const Row row(key);
    if (find(sql, row.digest)) {
      return fail(ErrorCode::kInvalidRequest, "There is such a key already.");
    }
    return insert(sql, row);
  });
}

Status SqlDatabase::delete_key(int64_t id) {
  return sessions_->write([&](soci::session& sql) -> Status {
    soci::statement statement =
        (sql.prepare << "DELETE FROM api_keys WHERE id = :id", soci::use(id));
    statement.execute(true);
    if (statement.get_affected_rows() > 0) return {};
    return fail(ErrorCode::kNotFound, fmt::format("There is no key {}.", id));
  });
}

}  // namespace sluice::store
