// Entries of wallets, within somebody else's transaction.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "store/records.hpp"
#include "store/soci.hpp"

namespace sluice::store {

/// `lock` as Dialect::for_update, or nothing.
std::optional<Wallet> find_wallet(soci::session& sql, const std::string& user,
                                  const char* lock = "");
std::optional<Wallet> find_wallet(soci::session& sql, int64_t user_id, const char* lock = "");

/// The columns of wallet_transactions; what runs fills `entry` at each fetch.
struct TransactionRow {
  Transaction entry;

  static constexpr const char* kColumns =
      "id, wallet_id, kind, amount, balance_after, reference, actor, reason, created_at";

  void into(soci::details::prepare_temp_type& query) {
    query, soci::into(entry.id), soci::into(entry.wallet_id), soci::into(entry.kind),
        soci::into(entry.amount.nanos), soci::into(entry.balance_after.nanos),
        soci::into(entry.reference), soci::into(entry.actor), soci::into(entry.reason),
        soci::into(entry.at);
  }
};

/// Of what was posted; charges are found by their row of usage_logs.
std::optional<Transaction> find_posting(soci::session& sql, const std::string& kind,
                                        const std::string& reference);

/// Adds `entry` to `wallet`, which the transaction has locked; the entry as it is kept.
/// kInvalidRequest when the balance would not fit.
Result<Transaction> add_posting(soci::session& sql, const Wallet& wallet, Transaction entry);

}  // namespace sluice::store
