// Recomputes what is kept as a sum.
#include <fmt/format.h>

#include <cstdint>
#include <unordered_map>

#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

using Differences = std::vector<Database::Difference>;
using Wide = __int128;

/// Entries that are read at once.
constexpr int kAtOnce = 50'000;

std::string usd(Wide nanos) {
  if (nanos >= INT64_MIN && nanos <= INT64_MAX) {
    return to_string(Money{static_cast<int64_t>(nanos)});
  }
  return "beyond 64 bits";
}

/// The balance of every wallet, or of one, and the balance that each entry says it left.
void check_wallets(soci::session& sql, Differences& found, int64_t only = 0) {
  struct Sum {
    Wide amount = 0;
    bool told = false;  // one wrong entry makes all later ones wrong
  };
  std::unordered_map<int64_t, Sum> sums;
  std::unordered_map<int64_t, Database::Difference> wrong;
  int64_t last = 0;
  int read = 0;
  do {
    // In pieces: a server's client library keeps all that a query finds in memory.
    read = 0;
    const int most = kAtOnce;
    int64_t id = 0;
    int64_t wallet = 0;
    int64_t amount = 0;
    int64_t after = 0;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT id, wallet_id, amount, balance_after FROM wallet_transactions WHERE "
                    << (only != 0 ? "wallet_id = :wallet AND " : "")
                    << "id > :after ORDER BY id LIMIT :most";
    if (only != 0) query, soci::use(only);
    query, soci::use(last), soci::use(most), soci::into(id), soci::into(wallet), soci::into(amount),
        soci::into(after);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) {
      ++read;
      last = id;
      Sum& sum = sums[wallet];
      sum.amount += amount;
      if (sum.amount == after || sum.told) continue;
      sum.told = true;
      wrong[wallet] = {fmt::format("entry {} of", id), usd(after), usd(sum.amount)};
    }
  } while (read == kAtOnce);
  Wallet wallet;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT w.id, u.name, w.balance FROM wallets w JOIN users u"
                     " ON u.id = w.user_id"
                  << (only != 0 ? " WHERE w.id = :wallet" : "") << " ORDER BY u.name";
  if (only != 0) query, soci::use(only);
  query, soci::into(wallet.id), soci::into(wallet.user), soci::into(wallet.balance.nanos);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) {
    const std::string name = fmt::format("wallet of {}", wallet.user);
    const Wide sum = sums[wallet.id].amount;
    if (sum != wallet.balance.nanos) {
      found.push_back({name, usd(wallet.balance.nanos), usd(sum)});
    }
    if (const auto entry = wrong.find(wallet.id); entry != wrong.end()) {
      found.push_back({fmt::format("{} the {}", entry->second.what, name), entry->second.kept,
                       entry->second.recomputed});
    }
  }
}

void check_keys(soci::session& sql, Differences& found) {
  std::string name;
  int64_t id = 0;
  int64_t kept = 0;
  int64_t sum = 0;
  soci::statement statement =
      (sql.prepare << "SELECT k.id, k.name, k.used_tokens,"
                      " COALESCE(l.used, 0) + COALESCE(p.tokens, 0) FROM api_keys k"
                      " LEFT JOIN (SELECT key_id, SUM(input_tokens + cache_read_tokens +"
                      " cache_write_tokens + output_tokens) AS used FROM usage_logs"
                      " GROUP BY key_id) l ON l.key_id = k.id"
                      " LEFT JOIN usage_purged p ON p.kind = 'key' AND p.owner_id = k.id"
                      " WHERE k.used_tokens <> COALESCE(l.used, 0) + COALESCE(p.tokens, 0)"
                      " ORDER BY k.id",
       soci::into(id), soci::into(name), soci::into(kept), soci::into(sum));
  statement.execute();
  while (statement.fetch()) {
    found.push_back({fmt::format("key {}", name), std::to_string(kept), std::to_string(sum)});
  }
}

void check_key_money(soci::session& sql, Differences& found) {
  std::string name;
  int64_t kept = 0;
  int64_t sum = 0;
  soci::statement statement =
      (sql.prepare << "SELECT k.name, k.used_nanos, COALESCE(l.cost, 0) + COALESCE(p.cost, 0)"
                      " FROM api_keys k LEFT JOIN (SELECT key_id, SUM(cost) AS cost"
                      " FROM usage_logs GROUP BY key_id) l ON l.key_id = k.id"
                      " LEFT JOIN usage_purged p ON p.kind = 'key' AND p.owner_id = k.id"
                      " WHERE k.used_nanos <> COALESCE(l.cost, 0) + COALESCE(p.cost, 0)"
                      " ORDER BY k.id",
       soci::into(name), soci::into(kept), soci::into(sum));
  statement.execute();
  while (statement.fetch()) {
    found.push_back({fmt::format("money of key {}", name), usd(kept), usd(sum)});
  }
}

/// Rows that `query` finds: an id, what is kept, what it should be; both may be NULL.
void check_pairs(soci::session& sql, const char* query, std::string_view what, Differences& found) {
  std::string id;
  int64_t kept = 0;
  int64_t expected = 0;
  soci::indicator has_kept = soci::i_null;
  soci::indicator has_expected = soci::i_null;
  soci::statement statement = (sql.prepare << query, soci::into(id), soci::into(kept, has_kept),
                               soci::into(expected, has_expected));
  statement.execute();
  while (statement.fetch()) {
    found.push_back({fmt::format("{} {}", what, id), has_kept == soci::i_ok ? usd(kept) : "nothing",
                     has_expected == soci::i_ok ? usd(expected) : "nothing"});
  }
}

void check_charges(soci::session& sql, Differences& found) {
  check_pairs(sql,
              "SELECT l.id, t.amount, -l.cost FROM usage_logs l"
              " LEFT JOIN wallet_transactions t ON t.kind = 'charge' AND t.reference = l.id"
              " WHERE l.wallet_id <> 0 AND l.cost <> 0"
              " AND (t.id IS NULL OR t.amount <> -l.cost OR t.wallet_id <> l.wallet_id)"
              " ORDER BY l.id LIMIT 1000",
              "charge of", found);
  // Which of them were purged is no longer known, but how many and what they came to.
  check_pairs(sql,
              "SELECT t.reference, t.amount, NULL FROM wallet_transactions t"
              " LEFT JOIN usage_logs l ON l.id = t.reference"
              " WHERE t.kind = 'charge' AND l.id IS NULL"
              " AND NOT EXISTS (SELECT 1 FROM usage_purged p WHERE p.kind = 'wallet'"
              " AND p.owner_id = t.wallet_id) ORDER BY t.id LIMIT 1000",
              "charge without usage", found);
  check_pairs(sql,
              "SELECT u.name, gone.amount, -p.cost FROM usage_purged p"
              " JOIN wallets w ON w.id = p.owner_id JOIN users u ON u.id = w.user_id"
              " LEFT JOIN (SELECT t.wallet_id, COUNT(*) AS charges, SUM(t.amount) AS amount"
              " FROM wallet_transactions t LEFT JOIN usage_logs l ON l.id = t.reference"
              " WHERE t.kind = 'charge' AND l.id IS NULL GROUP BY t.wallet_id) gone"
              " ON gone.wallet_id = p.owner_id"
              " WHERE p.kind = 'wallet' AND (gone.charges IS NULL OR gone.charges <> p.requests"
              " OR gone.amount <> -p.cost) ORDER BY u.name LIMIT 1000",
              "charges without usage, purged ones, of", found);
  check_pairs(sql,
              "SELECT reference, SUM(amount), MAX(amount) FROM wallet_transactions"
              " WHERE kind = 'charge' GROUP BY reference HAVING COUNT(*) > 1"
              " ORDER BY reference LIMIT 1000",
              "charges of", found);
}

void check_dead_letters(soci::session& sql, Differences& found) {
  std::string id;
  std::string failure;
  soci::statement statement =
      (sql.prepare << "SELECT usage_id, failure FROM dead_letters ORDER BY id LIMIT 1000",
       soci::into(id), soci::into(failure));
  statement.execute();
  while (statement.fetch()) {
    found.push_back(
        {fmt::format("settlement {}, refused: {}", id, failure), "nothing", "a row of usage"});
  }
}

}  // namespace

Result<std::vector<Database::Difference>> SqlDatabase::verify_wallet(int64_t wallet_id) {
  return sessions_->read_long([&](soci::session& sql) -> Result<Differences> {
    Differences found;
    check_wallets(sql, found, wallet_id);
    return found;
  });
}

Result<std::vector<Database::Difference>> SqlDatabase::verify() {
  Result<Differences> found = sessions_->read_long([](soci::session& sql) -> Result<Differences> {
    Differences found;
    check_wallets(sql, found);
    check_keys(sql, found);
    check_key_money(sql, found);
    check_charges(sql, found);
    check_dead_letters(sql, found);
    return found;
  });
  if (!found || !spool_) return found;
  const Status looked = spool_->read([&](soci::session& sql) -> Status {
    check_dead_letters(sql, *found);
    return {};
  });
  if (!looked) return std::unexpected(looked.error());
  return found;
}

}  // namespace sluice::store
