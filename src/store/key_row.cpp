#include "store/key_row.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"
#include "store/hex.hpp"

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

/// 0 seconds of expires_at are far in the past, so what does not fit into milliseconds is brought
/// to the nearest that does.
std::optional<int64_t> to_ms(std::optional<int64_t> seconds) {
  if (!seconds) return std::nullopt;
  return std::clamp(*seconds, INT64_MIN / 1000, INT64_MAX / 1000) * 1000;
}

std::optional<int64_t> known_id(int64_t id) { return id != 0 ? std::optional(id) : std::nullopt; }

}  // namespace

KeyRow::KeyRow(const Key& from)
    : key(from),
      digest(to_hex(from.digest)),
      models(to_array(from.models)),
      allow_ips(to_array(from.allow_ips)),
      configured(from.configured),
      enabled(from.enabled),
      payer_gone(from.payer_gone),
      user(known_id(from.user_id)),
      quota_tokens(from.quota_tokens),
      expires_ms(to_ms(from.expires_at)),
      quota_nanos(from.quota_money),
      day(from.budget_day),
      week(from.budget_week),
      month(from.budget_month),
      replaces(known_id(from.replaces_id)),
      last_used(from.last_used_at),
      payer(known_id(from.payer_id)) {}

void KeyRow::into(soci::details::prepare_temp_type& query) {
  const auto nullable = [&](NullableCount& each) { query, soci::into(each.value, each.is); };
  query, soci::into(key.id), soci::into(digest), soci::into(key.prefix), soci::into(key.name);
  nullable(user);
  query, soci::into(configured), soci::into(enabled);
  nullable(quota_tokens);
  query, soci::into(key.used_tokens), soci::into(key.rpm), soci::into(key.tpm),
      soci::into(key.max_parallel), soci::into(models), soci::into(allow_ips);
  nullable(expires_ms);
  query, soci::into(key.created_at);
  nullable(quota_nanos);
  query, soci::into(key.used_money.nanos);
  for (NullableCount* each : {&day, &week, &month}) nullable(*each);
  Spent& spent = key.spent;
  query, soci::into(spent.on), soci::into(spent.day.nanos), soci::into(spent.week.nanos),
      soci::into(spent.month.nanos), soci::into(key.mode);
  nullable(replaces);
  nullable(last_used);
  query, soci::into(key.version), soci::into(key.updated_at);
  nullable(payer);
  query, soci::into(payer_gone), soci::into(payer_name, has_payer);
}

Key KeyRow::fetched() const {
  Key out = key;
  out.digest = from_hex(digest).value_or("");
  out.user_id = user.count().value_or(0);
  out.configured = configured != 0;
  out.enabled = enabled != 0;
  out.quota_tokens = quota_tokens.count();
  out.models = from_array(models);
  out.allow_ips = from_array(allow_ips);
  out.expires_at = expires_ms.count();
  if (out.expires_at) *out.expires_at /= 1000;
  out.quota_money = quota_nanos.money();
  out.budget_day = day.money();
  out.budget_week = week.money();
  out.budget_month = month.money();
  out.replaces_id = replaces.count().value_or(0);
  out.last_used_at = last_used.count();
  out.payer_id = payer.count().value_or(0);
  out.payer_gone = payer_gone != 0;
  if (has_payer == soci::i_ok) out.payer = payer_name;
  return out;
}

Key insert_key(soci::session& sql, const Key& key) {
  KeyRow row(key);
  const int64_t now = wall_nanos() / 1'000'000;
  sql << "INSERT INTO api_keys (digest, prefix, name, user_id, configured, enabled, quota_tokens,"
         " used_tokens, rpm, tpm, max_parallel, models, allow_ips, expires_at, created_at,"
         " quota_nanos, budget_day, budget_week, budget_month, mode, replaces_id, updated_at,"
         " payer_id, payer_gone)"
         " VALUES (:digest, :prefix, :name, :user, :configured, :enabled, :quota, 0, :rpm, :tpm,"
         " :parallel, :models, :ips, :expires, :created, :money, :day, :week, :month, :mode,"
         " :replaces, :updated, :payer, :gone)",
      soci::use(row.digest), soci::use(row.key.prefix), soci::use(row.key.name),
      soci::use(row.user.value, row.user.is), soci::use(row.configured), soci::use(row.enabled),
      soci::use(row.quota_tokens.value, row.quota_tokens.is), soci::use(row.key.rpm),
      soci::use(row.key.tpm), soci::use(row.key.max_parallel), soci::use(row.models),
      soci::use(row.allow_ips), soci::use(row.expires_ms.value, row.expires_ms.is), soci::use(now),
      soci::use(row.quota_nanos.value, row.quota_nanos.is), soci::use(row.day.value, row.day.is),
      soci::use(row.week.value, row.week.is), soci::use(row.month.value, row.month.is),
      soci::use(row.key.mode), soci::use(row.replaces.value, row.replaces.is), soci::use(now),
      soci::use(row.payer.value, row.payer.is), soci::use(row.payer_gone);
  return *find_key(sql, "digest = :digest", row.digest);
}

void update_key(soci::session& sql, const Key& key) {
  KeyRow row(key);
  const int64_t now = wall_nanos() / 1'000'000;
  sql << "UPDATE api_keys SET prefix = :prefix, name = :name, user_id = :user,"
         " configured = :configured, enabled = :enabled, quota_tokens = :quota, rpm = :rpm,"
         " tpm = :tpm, max_parallel = :parallel, models = :models, allow_ips = :ips,"
         " expires_at = :expires, quota_nanos = :money, budget_day = :day, budget_week = :week,"
         " budget_month = :month, mode = :mode, payer_id = :payer, payer_gone = :gone, version = "
         "version + 1, updated_at = :now"
         " WHERE digest = :digest",
      soci::use(row.key.prefix), soci::use(row.key.name), soci::use(row.user.value, row.user.is),
      soci::use(row.configured), soci::use(row.enabled),
      soci::use(row.quota_tokens.value, row.quota_tokens.is), soci::use(row.key.rpm),
      soci::use(row.key.tpm), soci::use(row.key.max_parallel), soci::use(row.models),
      soci::use(row.allow_ips), soci::use(row.expires_ms.value, row.expires_ms.is),
      soci::use(row.quota_nanos.value, row.quota_nanos.is), soci::use(row.day.value, row.day.is),
      soci::use(row.week.value, row.week.is), soci::use(row.month.value, row.month.is),
      soci::use(row.key.mode), soci::use(row.payer.value, row.payer.is), soci::use(row.payer_gone),
      soci::use(now), soci::use(row.digest);
}

Status check_key(const Key& key) {
  if (key.digest.size() != 32) return fail(ErrorCode::kInternal, "a key's digest has 32 bytes");
  const auto negative = [](const std::optional<Money>& money) { return money && money->nanos < 0; };
  if (key.quota_tokens.value_or(0) < 0 || key.rpm < 0 || key.tpm < 0 || key.max_parallel < 0 ||
      negative(key.quota_money) || negative(key.budget_day) || negative(key.budget_week) ||
      negative(key.budget_month)) {
    return fail(ErrorCode::kInvalidRequest, "A key's limits must not be negative.");
  }
  return {};
}

}  // namespace sluice::store
