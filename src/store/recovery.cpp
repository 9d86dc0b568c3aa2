// What a process that died left open.
#include <cstdint>
#include <optional>

#include "observe/log.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

/// Leases that are settled in one transaction.
constexpr int kAtOnce = 500;

/// The cost of a prompt alone, as a settlement would have charged it: half up to the nano-USD.
/// What does not fit into 64 bits costs the most that does.
int64_t prompt_cost(int64_t tokens, int64_t per_million) {
  const __int128 cost = (static_cast<__int128>(tokens) * per_million + 500'000) / 1'000'000;
  return cost > INT64_MAX ? INT64_MAX : static_cast<int64_t>(cost);
}

Result<std::vector<Settlement>> open_leases(Sessions& sessions) {
  return sessions.read([](soci::session& sql) -> Result<std::vector<Settlement>> {
    std::vector<Settlement> all;
    Settlement row;
    int64_t prompt = 0;
    int64_t marks = 0;
    int64_t input_price = 0;
    int stream = 0;
    const int limit = kAtOnce;
    soci::indicator key_known = soci::i_null;
    soci::indicator user_known = soci::i_null;
    soci::indicator priced = soci::i_null;
    soci::statement statement =
        (sql.prepare
             << "SELECT l.id, l.request_id, l.key_id, l.wallet_id, l.price_id, l.requested_model,"
                " l.upstream_model, l.provider, l.stream, l.prompt_tokens, l.opened_at, l.marks,"
                " l.input_tokens, l.cache_read_tokens, l.cache_write_tokens, l.output_tokens,"
                " l.reasoning_tokens, l.cost, k.name, k.user_id, r.input"
                " FROM open_leases l LEFT JOIN api_keys k ON k.id = l.key_id"
                " LEFT JOIN model_rates r ON r.id = l.price_id ORDER BY l.opened_at LIMIT :limit",
         soci::use(limit), soci::into(row.id), soci::into(row.request_id), soci::into(row.key_id),
         soci::into(row.wallet_id), soci::into(row.price_id), soci::into(row.requested_model),
         soci::into(row.upstream_model), soci::into(row.provider), soci::into(stream),
         soci::into(prompt), soci::into(row.started_at), soci::into(marks),
         soci::into(row.charged.input), soci::into(row.charged.cache_read),
         soci::into(row.charged.cache_write), soci::into(row.charged.output),
         soci::into(row.charged.reasoning), soci::into(row.cost.nanos),
         soci::into(row.key_name, key_known), soci::into(row.user_id, user_known),
         soci::into(input_price, priced));
    statement.execute();
    while (statement.fetch()) {
      Settlement lease = row;
      lease.stream = stream != 0;
      if (key_known != soci::i_ok) lease.key_name.clear();
      if (user_known != soci::i_ok) lease.user_id = 0;
      if (marks == 0) {
        // How much of the answer had gone out is not known; that the prompt had been sent is
        // likely.
        lease.charged = TokenCounts{.input = prompt};
        lease.cost = Money{priced == soci::i_ok ? prompt_cost(prompt, input_price) : 0};
      }
      lease.counted_input = lease.charged.total_input();
      lease.counted_output = lease.charged.output;
      lease.attempts = 1;
      lease.basis = "estimated";
      lease.outcome = "recovered";
      lease.decision = "{}";
      all.push_back(std::move(lease));
    }
    return all;
  });
}

}  // namespace

Result<size_t> recover(Sessions& sessions, sqlite::Settler& settler) {
  using Outcome = sqlite::Settler::Outcome;
  size_t recovered = 0;
  for (;;) {
    Result<std::vector<Settlement>> leases = open_leases(sessions);
    if (!leases) return std::unexpected(leases.error());
    if (leases->empty()) break;
    std::vector<sqlite::Settler::Entry> entries;
    for (const Settlement& lease : *leases) entries.push_back({&lease, true});
    Outcome outcome = settler.write(entries, {});
    if (outcome == Outcome::kBadRow) {
      for (const sqlite::Settler::Entry& entry : entries) {
        outcome = settler.write({&entry, 1}, {});
        if (outcome == Outcome::kBadRow) {
          log::error("ledger_lease_refused",
                     {{"id", entry.settlement->id}, {"reason", settler.failure()}});
          outcome = settler.bury(entry, std::string(settler.failure()));
        }
        if (outcome != Outcome::kWritten) break;
      }
    }
    if (outcome != Outcome::kWritten) {
      return fail(ErrorCode::kLedgerUnavailable, settler.failure());
    }
    recovered += leases->size();
  }
  if (recovered > 0) log::warn("ledger_recovered", {{"open_leases", recovered}});
  return recovered;
}

}  // namespace sluice::store
