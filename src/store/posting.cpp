#include "store/posting.hpp"

namespace sluice::store {
namespace {

constexpr const char* kWallet =
    "SELECT w.id, w.user_id, u.name, w.balance FROM wallets w JOIN users u ON u.id = w.user_id";

}  // namespace

std::optional<Wallet> find_wallet(soci::session& sql, const std::string& user, const char* lock) {
  Wallet wallet;
  sql << kWallet << " WHERE u.name = :name" << lock, soci::use(user), soci::into(wallet.id),
      soci::into(wallet.user_id), soci::into(wallet.user), soci::into(wallet.balance.nanos);
  if (!sql.got_data()) return std::nullopt;
  return wallet;
}

std::optional<Wallet> find_wallet(soci::session& sql, int64_t user_id, const char* lock) {
  Wallet wallet;
  sql << kWallet << " WHERE w.user_id = :user" << lock, soci::use(user_id), soci::into(wallet.id),
      soci::into(wallet.user_id), soci::into(wallet.user), soci::into(wallet.balance.nanos);
  if (!sql.got_data()) return std::nullopt;
  return wallet;
}

std::optional<Transaction> find_posting(soci::session& sql, const std::string& kind,
                                        const std::string& reference) {
  TransactionRow row;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT " << TransactionRow::kColumns
                  << " FROM wallet_transactions WHERE kind = :kind AND reference = :reference"
                     " AND kind <> 'charge'";  // so that the index fits
  query, soci::use(kind), soci::use(reference);
  row.into(query);
  soci::statement statement(query);
  if (!statement.execute(true)) return std::nullopt;
  return row.entry;
}

Result<Transaction> add_posting(soci::session& sql, const Wallet& wallet, Transaction entry) {
  const std::optional<Money> balance = checked_add(wallet.balance, entry.amount);
  if (!balance) {
    return fail(ErrorCode::kInvalidRequest, "The balance would not fit into 64 bits.", "amount");
  }
  entry.wallet_id = wallet.id;
  entry.balance_after = *balance;
  sql << "UPDATE wallets SET balance = :balance WHERE id = :id",
      soci::use(entry.balance_after.nanos), soci::use(entry.wallet_id);
  sql << "INSERT INTO wallet_transactions (wallet_id, kind, amount, balance_after, reference,"
         " actor, reason, created_at)"
         " VALUES (:wallet, :kind, :amount, :balance, :reference, :actor, :reason, :at)",
      soci::use(entry.wallet_id), soci::use(entry.kind), soci::use(entry.amount.nanos),
      soci::use(entry.balance_after.nanos), soci::use(entry.reference), soci::use(entry.actor),
      soci::use(entry.reason), soci::use(entry.at);
  return *find_posting(sql, entry.kind, entry.reference);
}

}  // namespace sluice::store
