#include "store/codes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/posting.hpp"
#include "store/sql_codes.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

/// What redeem() must know of a code, which nobody else redeems meanwhile.
struct Redeemable {
  int64_t id = 0;
  std::string prefix;
  Money amount;
  int64_t expires_at = 0;
  int64_t redeemed_at = 0;
  soci::indicator has_expiry = soci::i_null;
  soci::indicator has_use = soci::i_null;
};

std::optional<Redeemable> lock_code(soci::session& sql, const std::string& digest,
                                    const char* lock) {
  Redeemable code;
  sql << "SELECT id, prefix, amount, expires_at, redeemed_at FROM redemption_codes"
         " WHERE digest = :digest"
      << lock,
      soci::use(digest), soci::into(code.id), soci::into(code.prefix),
      soci::into(code.amount.nanos), soci::into(code.expires_at, code.has_expiry),
      soci::into(code.redeemed_at, code.has_use);
  if (!sql.got_data()) return std::nullopt;
  return code;
}

}  // namespace

Result<std::vector<Code>> SqlCodes::add_codes(std::span<const Code> codes) {
  return sessions_.write([&](soci::session& sql) -> Result<std::vector<Code>> {
    std::vector<Code> made(codes.begin(), codes.end());
    const int64_t now = unix_ms();
    for (Code& code : made) {
      code.created_at = now;
      const int64_t expires = code.expires_at.value_or(0);
      soci::indicator has_expiry = code.expires_at ? soci::i_ok : soci::i_null;
      sql << "INSERT INTO redemption_codes (digest, prefix, amount, note, created_by, created_at,"
             " expires_at) VALUES (:digest, :prefix, :amount, :note, :by, :at, :expires)",
          soci::use(code.digest), soci::use(code.prefix), soci::use(code.amount.nanos),
          soci::use(code.note), soci::use(code.created_by), soci::use(code.created_at),
          soci::use(expires, has_expiry);
      sql << "SELECT id FROM redemption_codes WHERE digest = :digest", soci::use(code.digest),
          soci::into(code.id);
    }
    return made;
  });
}

Result<std::vector<Code>> SqlCodes::codes(int64_t before_id, int limit) {
  if (before_id <= 0) before_id = INT64_MAX;
  limit = std::clamp(limit, 1, Database::kMostListed);
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Code>> {
    std::vector<Code> all;
    Code row;
    int64_t expires = 0;
    int64_t redeemed = 0;
    std::string name;
    soci::indicator has_expiry = soci::i_null;
    soci::indicator has_use = soci::i_null;
    soci::indicator has_name = soci::i_null;
    soci::statement statement =
        (sql.prepare << "SELECT c.id, c.prefix, c.amount, c.note, c.created_by, c.created_at,"
                        " c.expires_at, u.name, c.redeemed_at FROM redemption_codes c"
                        " LEFT JOIN users u ON u.id = c.redeemed_by WHERE c.id < :before"
                        " ORDER BY c.id DESC LIMIT :most",
         soci::use(before_id), soci::use(limit), soci::into(row.id), soci::into(row.prefix),
         soci::into(row.amount.nanos), soci::into(row.note), soci::into(row.created_by),
         soci::into(row.created_at), soci::into(expires, has_expiry), soci::into(name, has_name),
         soci::into(redeemed, has_use));
    statement.execute();
    while (statement.fetch()) {
      row.expires_at = has_expiry == soci::i_ok ? std::optional(expires) : std::nullopt;
      row.redeemed_at = has_use == soci::i_ok ? std::optional(redeemed) : std::nullopt;
      row.redeemed_by = has_name == soci::i_ok ? name : std::string();
      all.push_back(row);
    }
    return all;
  });
}

Status SqlCodes::delete_code(int64_t id) {
  const auto deleted = sessions_.write([&](soci::session& sql) -> Result<bool> {
    soci::statement statement =
        (sql.prepare << "DELETE FROM redemption_codes WHERE id = :id AND redeemed_at IS NULL",
         soci::use(id));
    statement.execute(true);
    if (statement.get_affected_rows() > 0) return true;
    int64_t there = 0;
    sql << "SELECT id FROM redemption_codes WHERE id = :id", soci::use(id), soci::into(there);
    if (!sql.got_data()) return fail(ErrorCode::kNotFound, "There is no such code.");
    return fail(ErrorCode::kConflict, "The code has been redeemed, so it stays in the books.");
  });
  return deleted ? Status{} : std::unexpected(deleted.error());
}

Result<Transaction> SqlCodes::redeem(std::string_view digest, int64_t user_id,
                                     std::string_view actor) {
  const std::string wanted(digest);
  const std::string by(actor);
  return sessions_.write([&](soci::session& sql) -> Result<Transaction> {
    // Who comes at the same moment waits here, and finds it redeemed.
    const char* lock = sessions_.dialect().for_update;
    const std::optional<Redeemable> code = lock_code(sql, wanted, lock);
    if (!code) return fail(ErrorCode::kNotFound, "There is no such code.", "code");
    const int64_t now = unix_ms();
    if (code->has_use == soci::i_ok) {
      return fail(ErrorCode::kConflict, "This code has been redeemed already.", "code");
    }
    if (code->has_expiry == soci::i_ok && code->expires_at <= now) {
      return fail(ErrorCode::kConflict, "This code has expired.", "code");
    }
    const std::optional<Wallet> wallet = find_wallet(sql, user_id, lock);
    if (!wallet) return fail(ErrorCode::kNotFound, "There is no such user.");
    sql << "UPDATE redemption_codes SET redeemed_by = :user, redeemed_at = :now WHERE id = :id",
        soci::use(user_id), soci::use(now), soci::use(code->id);
    Transaction entry;
    entry.kind = "grant";
    entry.amount = code->amount;
    entry.reference = fmt::format("code:{}", code->id);
    entry.actor = by;
    entry.reason = fmt::format("code {}...", code->prefix);
    entry.at = now;
    return add_posting(sql, *wallet, std::move(entry));
  });
}

}  // namespace sluice::store
