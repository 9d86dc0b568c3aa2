// What a process that died left open.
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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

/// A lease as it was found.
struct Left {
  Settlement settlement;
  int64_t prompt = 0;
  int64_t marks = 0;
};

Result<std::vector<Left>> open_leases(Sessions& sessions) {
  return sessions.read([](soci::session& sql) -> Result<std::vector<Left>> {
    std::vector<Left> all;
    Left row;
    Settlement& what = row.settlement;
    int stream = 0;
    const int limit = kAtOnce;
    soci::statement statement =
        (sql.prepare << "SELECT id, request_id, key_id, wallet_id, price_id, requested_model,"
                        " upstream_model, provider, stream, prompt_tokens, opened_at, marks,"
                        " input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,"
                        " reasoning_tokens, cost FROM open_leases ORDER BY opened_at LIMIT :limit",
         soci::use(limit), soci::into(what.id), soci::into(what.request_id),
         soci::into(what.key_id), soci::into(what.wallet_id), soci::into(what.price_id),
         soci::into(what.requested_model), soci::into(what.upstream_model),
         soci::into(what.provider), soci::into(stream), soci::into(row.prompt),
         soci::into(what.started_at), soci::into(row.marks), soci::into(what.charged.input),
         soci::into(what.charged.cache_read), soci::into(what.charged.cache_write),
         soci::into(what.charged.output), soci::into(what.charged.reasoning),
         soci::into(what.cost.nanos));
    statement.execute();
    while (statement.fetch()) {
      what.stream = stream != 0;
      all.push_back(row);
    }
    return all;
  });
}

/// What the books say about leases: names and owners of keys, users of wallets, prices of prompts.
struct Known {
  std::unordered_map<int64_t, std::string> keys;
  std::unordered_map<int64_t, int64_t> owners;
  std::unordered_map<int64_t, int64_t> users;
  std::unordered_map<int64_t, int64_t> prices;
};

template <typename Value>
void look_up(soci::session& sql, const char* query, int64_t id,
             std::unordered_map<int64_t, Value>& known) {
  if (id == 0 || known.contains(id)) return;
  Value value{};
  sql << query, soci::use(id), soci::into(value);
  if (sql.got_data()) known.emplace(id, std::move(value));
}

Result<Known> known_of(Sessions& books, const std::vector<Left>& leases) {
  return books.read([&](soci::session& sql) -> Result<Known> {
    Known known;
    for (const Left& lease : leases) {
      const Settlement& what = lease.settlement;
      look_up(sql, "SELECT name FROM api_keys WHERE id = :id", what.key_id, known.keys);
      look_up(sql, "SELECT COALESCE(user_id, 0) FROM api_keys WHERE id = :id", what.key_id,
              known.owners);
      look_up(sql, "SELECT user_id FROM wallets WHERE id = :id", what.wallet_id, known.users);
      look_up(sql, "SELECT input FROM model_rates WHERE id = :id", what.price_id, known.prices);
    }
    return known;
  });
}

template <typename Value>
Value value_of(const std::unordered_map<int64_t, Value>& known, int64_t id) {
  const auto found = known.find(id);
  return found == known.end() ? Value{} : found->second;
}

Settlement settlement_of(const Left& lease, const Known& known) {
  Settlement what = lease.settlement;
  what.key_name = value_of(known.keys, what.key_id);
  // Who used it; who pays may be a team of his.
  what.user_id = value_of(known.owners, what.key_id);
  if (what.user_id == 0) what.user_id = value_of(known.users, what.wallet_id);
  if (lease.marks == 0) {
    // How much of the answer had gone out is not known; that the prompt had been sent is likely.
    what.charged = TokenCounts{.input = lease.prompt};
    what.cost = Money{prompt_cost(lease.prompt, value_of(known.prices, what.price_id))};
  }
  what.counted_input = what.charged.total_input();
  what.counted_output = what.charged.output;
  what.attempts = 1;
  what.basis = "estimated";
  what.outcome = "recovered";
  what.decision = "{}";
  return what;
}

}  // namespace

Result<size_t> recover(Sessions& books, Sessions& file, sqlite::Settler& settler) {
  using Outcome = sqlite::Settler::Outcome;
  size_t recovered = 0;
  for (;;) {
    const Result<std::vector<Left>> leases = open_leases(file);
    if (!leases) return std::unexpected(leases.error());
    if (leases->empty()) break;
    const Result<Known> known = known_of(books, *leases);
    if (!known) return std::unexpected(known.error());
    std::vector<Settlement> settlements;
    for (const Left& lease : *leases) settlements.push_back(settlement_of(lease, *known));
    std::vector<sqlite::Settler::Entry> entries;
    for (const Settlement& each : settlements) entries.push_back({&each, true});
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
