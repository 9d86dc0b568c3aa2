// What routes show of a wallet, whoever asks.
#pragma once

#include <cstdint>
#include <vector>

#include "admin/routes.hpp"
#include "json/writer.hpp"
#include "quota/registry.hpp"
#include "store/database.hpp"

namespace sluice::admin {

/// The members balance, held and available. `held` is what leases hold now, or what they have spent
/// and the ledger has not written yet.
void write_figures(json::Writer& json, const Running& running, const store::Wallet& wallet);

/// The member spent: what was spent in the present day, week and month (UTC).
void write_spent(json::Writer& json, const store::Spent& spent);

void write_transaction(json::Writer& json, const store::Transaction& entry);

/// A page of a wallet's entries, newest first, by the query's `limit` and `cursor`.
Result<Answer> answer_transactions(const Call& call, int64_t wallet_id);

Answer answer_verdict(const std::vector<store::Database::Difference>& differences);

/// The wallet in memory, to be asked for before an entry is posted: whatever reads the new balance
/// later finds this wallet and leaves its figure alone, so the entry counts once. Null where no
/// gateway runs.
quota::Wallet* live_wallet(Service& service, const store::Wallet& wallet);

/// Puts an entry that was posted in force there. With several gateways on a database what the books
/// say is looked at instead: another part of this one may have done so already.
void credit(Service& service, quota::Wallet* live, const store::Transaction& entry);

/// Of a route that answer_transactions() answers.
inline constexpr Field kTransactionPage[] = {
    {"limit", FieldKind::kCount, "Entries of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

}  // namespace sluice::admin
