// A row of api_keys as SOCI reads and writes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/records.hpp"
#include "store/soci.hpp"

namespace sluice::store {

/// A column that may be NULL.
struct NullableCount {
  int64_t value = 0;
  soci::indicator is = soci::i_null;

  NullableCount() = default;
  explicit NullableCount(std::optional<int64_t> from)
      : value(from.value_or(0)), is(from ? soci::i_ok : soci::i_null) {}
  explicit NullableCount(std::optional<Money> from)
      : value(from.value_or(Money{}).nanos), is(from ? soci::i_ok : soci::i_null) {}

  std::optional<int64_t> count() const {
    return is == soci::i_ok ? std::optional(value) : std::nullopt;
  }
  std::optional<Money> money() const {
    return is == soci::i_ok ? std::optional(Money{value}) : std::nullopt;
  }
};

/// What runs fills the same row at each fetch.
struct KeyRow {
  Key key;
  std::string digest, models, allow_ips;
  int configured = 0;
  int enabled = 0;
  int payer_gone = 0;
  std::string payer_name;
  soci::indicator has_payer = soci::i_null;
  NullableCount user, quota_tokens, expires_ms, quota_nanos, day, week, month, replaces, last_used,
      payer;

  KeyRow() = default;
  explicit KeyRow(const Key& from);

  static constexpr const char* kColumns =
      "id, digest, prefix, name, user_id, configured, enabled, quota_tokens, used_tokens, rpm, tpm,"
      " max_parallel, models, allow_ips, expires_at, created_at, quota_nanos, used_nanos,"
      " budget_day, budget_week, budget_month, spent_on, spent_day, spent_week, spent_month, mode,"
      " replaces_id, last_used_at, version, updated_at, payer_id, payer_gone,"
      " (SELECT p.name FROM users p WHERE p.id = payer_id)";

  void into(soci::details::prepare_temp_type& query);
  Key fetched() const;
};

/// The first row that `where` finds, with one value bound.
template <typename Value>
std::optional<Key> find_key(soci::session& sql, const char* where, const Value& value,
                            const char* lock = "") {
  KeyRow row;
  soci::details::prepare_temp_type query = sql.prepare << "SELECT " << KeyRow::kColumns
                                                       << " FROM api_keys WHERE " << where << lock;
  query, soci::use(value);
  row.into(query);
  soci::statement statement(query);
  if (!statement.execute(true)) return std::nullopt;
  return row.fetched();
}

/// As it is there then: with an id, nothing used, version 1.
Key insert_key(soci::session& sql, const Key& key);
/// Everything but what has been used, id, digest and created_at becomes the given.
void update_key(soci::session& sql, const Key& key);
/// kInternal, kInvalidRequest.
Status check_key(const Key& key);

}  // namespace sluice::store
