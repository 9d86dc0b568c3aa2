// Users, their wallets, and what is posted to them by hand.
#include <fmt/format.h>

#include <optional>

#include "base/ids.hpp"
#include "store/posting.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

Wallet make_wallet(soci::session& sql, const std::string& user) {
  const int64_t at = unix_ms();
  int64_t user_id = 0;
  sql << "SELECT id FROM users WHERE name = :name", soci::use(user), soci::into(user_id);
  if (!sql.got_data()) {
    sql << "INSERT INTO users (name, created_at) VALUES (:name, :at)", soci::use(user),
        soci::use(at);
  }
  sql << "INSERT INTO wallets (user_id, balance, created_at)"
         " SELECT id, 0, :at FROM users WHERE name = :name",
      soci::use(at), soci::use(user);
  return *find_wallet(sql, user);
}

Status check_posting(std::string_view kind, Money amount) {
  if (kind != "top_up" && kind != "adjust" && kind != "grant" && kind != "refund") {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("\"{}\" cannot be posted: top_up, adjust, grant or refund", kind),
                "kind");
  }
  if (amount.is_zero() || (amount.nanos < 0 && kind != "adjust")) {
    return fail(ErrorCode::kInvalidRequest,
                kind == "adjust" ? "The amount must not be 0."
                                 : fmt::format("The amount of a {} must be above 0.", kind),
                "amount");
  }
  return {};
}

std::unexpected<Error> no_such_user(std::string_view user) {
  return fail(ErrorCode::kNotFound, fmt::format("There is no user \"{}\".", user));
}

std::unexpected<Error> key_taken(std::string_view key, std::string_view kind) {
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("The idempotency key \"{}\" was used for another {}.", key, kind),
              "idempotency_key");
}

}  // namespace

Result<Wallet> SqlDatabase::ensure_wallet(std::string_view user) {
  if (user.empty()) return fail(ErrorCode::kInvalidRequest, "A user needs a name.", "user");
  const std::string name(user);
  return sessions_->write([&](soci::session& sql) -> Result<Wallet> {
    if (std::optional<Wallet> known = find_wallet(sql, name)) return *known;
    return make_wallet(sql, name);
  });
}

Result<Wallet> SqlDatabase::ensure_wallet_for(std::string_view user,
                                              std::string_view idempotency_key) {
  if (user.empty()) return fail(ErrorCode::kInvalidRequest, "A user needs a name.", "user");
  const std::string name(user);
  const std::string key(idempotency_key);
  return sessions_->write([&](soci::session& sql) -> Result<Wallet> {
    if (std::optional<Wallet> known = find_wallet(sql, name)) return *known;
    if (find_posting(sql, "top_up", key)) return key_taken(key, "top_up");
    return make_wallet(sql, name);
  });
}

Result<Wallet> SqlDatabase::wallet(std::string_view user) {
  const std::string name(user);
  return sessions_->read([&](soci::session& sql) -> Result<Wallet> {
    if (std::optional<Wallet> known = find_wallet(sql, name)) return *known;
    return no_such_user(name);
  });
}

Result<Wallet> SqlDatabase::wallet_of(int64_t user_id) {
  return sessions_->read([&](soci::session& sql) -> Result<Wallet> {
    if (std::optional<Wallet> known = find_wallet(sql, user_id)) return *known;
    return fail(ErrorCode::kNotFound, "There is no such user.");
  });
}

Result<std::vector<Wallet>> SqlDatabase::wallets() {
  return sessions_->read([](soci::session& sql) -> Result<std::vector<Wallet>> {
    std::vector<Wallet> all;
    Wallet row;
    soci::statement statement =
        (sql.prepare << "SELECT w.id, w.user_id, u.name, w.balance FROM wallets w"
                        " JOIN users u ON u.id = w.user_id ORDER BY u.name",
         soci::into(row.id), soci::into(row.user_id), soci::into(row.user),
         soci::into(row.balance.nanos));
    statement.execute();
    while (statement.fetch()) all.push_back(row);
    return all;
  });
}

Result<Database::Posted> SqlDatabase::post(std::string_view user, std::string_view kind,
                                           Money amount, std::string_view reason,
                                           std::string_view idempotency_key,
                                           std::string_view actor) {
  if (Status sound = check_posting(kind, amount); !sound) return std::unexpected(sound.error());
  const std::string name(user);
  Transaction entry;
  entry.kind = kind;
  entry.amount = amount;
  entry.reference = idempotency_key.empty() ? make_id("post_") : std::string(idempotency_key);
  entry.actor = actor;
  entry.reason = reason;
  entry.at = unix_ms();
  return sessions_->write([&](soci::session& sql) -> Result<Posted> {
    const std::optional<Wallet> wallet = find_wallet(sql, name, sessions_->dialect().for_update);
    if (!wallet) return no_such_user(name);
    if (std::optional<Transaction> first = find_posting(sql, entry.kind, entry.reference)) {
      if (first->wallet_id == wallet->id && first->amount == amount) {
        return Posted{.entry = std::move(*first), .repeated = true};
      }
      return key_taken(entry.reference, entry.kind);
    }
    auto posted = add_posting(sql, *wallet, entry);
    if (!posted) return std::unexpected(posted.error());
    return Posted{.entry = std::move(*posted)};
  });
}

Result<std::vector<Transaction>> SqlDatabase::transactions(int64_t wallet_id, int64_t before_id,
                                                           int limit) {
  if (before_id <= 0) before_id = INT64_MAX;
  limit = std::clamp(limit, 1, Database::kMostListed);
  return sessions_->read([&](soci::session& sql) -> Result<std::vector<Transaction>> {
    std::vector<Transaction> all;
    TransactionRow row;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << TransactionRow::kColumns
                    << " FROM wallet_transactions WHERE wallet_id = :wallet AND id < :before"
                       " ORDER BY id DESC LIMIT :limit";
    query, soci::use(wallet_id), soci::use(before_id), soci::use(limit);
    row.into(query);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) all.push_back(row.entry);
    return all;
  });
}

Result<std::optional<Transaction>> SqlDatabase::charge_of(std::string_view usage_id) {
  const std::string wanted(usage_id);
  return sessions_->read([&](soci::session& sql) -> Result<std::optional<Transaction>> {
    TransactionRow row;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << TransactionRow::kColumns
                    << " FROM wallet_transactions WHERE reference = :usage AND kind = 'charge'";
    query, soci::use(wanted);
    row.into(query);
    soci::statement statement(query);
    if (!statement.execute(true)) return std::nullopt;
    return row.entry;
  });
}

}  // namespace sluice::store
