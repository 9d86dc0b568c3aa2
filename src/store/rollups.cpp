// Summing up usage_logs, and purging what is in the sums.
#include "store/rollups.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/sql_rollups.hpp"

namespace sluice::store {
namespace {

/// Rows in one transaction. An embedded database's ledger waits for it.
constexpr int64_t kRowsOfFile = 100;
constexpr int64_t kRowsOfServer = 5000;
constexpr int kPurged = 250;

/// "slcu", of pg_advisory_xact_lock.
constexpr int64_t kTurn = 0x736c6375;

int64_t rows_at_once(const Dialect& dialect) {
  return dialect.server == Server::kSqlite ? kRowsOfFile : kRowsOfServer;
}

struct Columns {
  RollupKind kind;
  // What usage_rollups has of a row; an empty one is not told apart.
  const char* user = "0";
  const char* key = "''";
  const char* model = "''";
  const char* provider = "''";
};

// As long as the columns are.
constexpr const char* kUser = "l.user_id";
constexpr const char* kKey = "SUBSTR(l.key_name, 1, 128)";
constexpr const char* kModel = "SUBSTR(l.requested_model, 1, 255)";
constexpr const char* kProvider = "SUBSTR(l.provider, 1, 128)";

constexpr Columns kKinds[] = {
    {RollupKind::kAll, kUser, kKey, kModel, kProvider},
    {.kind = RollupKind::kNone},
    {.kind = RollupKind::kUser, .user = kUser},
    {.kind = RollupKind::kModels, .model = kModel, .provider = kProvider},
    {.kind = RollupKind::kKeys, .user = kUser, .key = kKey},
    {.kind = RollupKind::kUserModels, .user = kUser, .model = kModel, .provider = kProvider},
};

constexpr const char* kSums[] = {
    "requests",      "failed",           "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "reasoning_tokens", "cost",         "upstream_cost"};

std::string sums_of_rows() {
  std::string text = "COUNT(*), SUM(CASE WHEN l.outcome = 'finished' THEN 0 ELSE 1 END)";
  for (size_t i = 2; i < std::size(kSums); ++i) text += fmt::format(", SUM(l.{})", kSums[i]);
  return text;
}

std::string addition(Server server) {
  std::string text = server == Server::kMysql
                         ? " ON DUPLICATE KEY UPDATE "
                         : " ON CONFLICT (span, kind, bucket, user_id, key_name, model, provider)"
                           " DO UPDATE SET ";
  for (size_t i = 0; i < std::size(kSums); ++i) {
    if (i > 0) text += ", ";
    text += fmt::format("{0} = usage_rollups.{0} + ", kSums[i]);
    text += server == Server::kMysql ? fmt::format("VALUES({})", kSums[i])
                                     : fmt::format("excluded.{}", kSums[i]);
  }
  return text;
}

/// Of the rows whose seq is in (from, to].
void add_rows(soci::session& sql, Server server, int64_t from, int64_t to) {
  const std::string sums = sums_of_rows();
  const std::string columns = fmt::format("{}", fmt::join(kSums, ", "));
  const std::string more = addition(server);
  for (const int64_t span : {kQuarter, kDay, kMonth, kYear}) {
    const std::string part =
        span == kQuarter
            ? fmt::format("(l.started_at % {0} - l.started_at % {1}) / {1}", kDay, span)
            : "0";
    for (const Columns& each : kKinds) {
      if (span == kYear && !has_years(each.kind)) continue;
      sql << fmt::format(
          "INSERT INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,"
          " {}) SELECT {}, {}, {} AS part_of_day, l.started_at - l.started_at % {} AS began,"
          " {} AS who, {} AS named, {} AS asked, {} AS answered, {} FROM usage_logs l"
          " WHERE l.seq > {} AND l.seq <= {}"
          " GROUP BY part_of_day, began, who, named, asked, answered{}",
          columns, span, static_cast<int>(each.kind), part, span, each.user, each.key, each.model,
          each.provider, sums, from, to, more);
    }
  }
}

void set_rolled_up_to(soci::session& sql, int64_t seq) {
  const std::string value = std::to_string(seq);
  sql << "UPDATE settings SET value = :value WHERE name = 'usage_rolled'", soci::use(value);
}

struct Purged {
  int64_t requests = 0, tokens = 0, cost = 0;
};

void add_purged(soci::session& sql, const std::string& kind, int64_t owner, const Purged& more) {
  int64_t id = 0;
  sql << "SELECT id FROM usage_purged WHERE kind = :kind AND owner_id = :owner", soci::use(kind),
      soci::use(owner), soci::into(id);
  if (sql.got_data()) {
    sql << "UPDATE usage_purged SET requests = requests + :requests, tokens = tokens + :tokens,"
           " cost = cost + :cost WHERE id = :id",
        soci::use(more.requests), soci::use(more.tokens), soci::use(more.cost), soci::use(id);
  } else {
    sql << "INSERT INTO usage_purged (kind, owner_id, requests, tokens, cost)"
           " VALUES (:kind, :owner, :requests, :tokens, :cost)",
        soci::use(kind), soci::use(owner), soci::use(more.requests), soci::use(more.tokens),
        soci::use(more.cost);
  }
}

}  // namespace

int64_t rolled_up_to(soci::session& sql, const char* lock) {
  std::string value;
  sql << "SELECT value FROM settings WHERE name = 'usage_rolled'" << lock, soci::into(value);
  int64_t seq = 0;
  std::from_chars(value.data(), value.data() + value.size(), seq);
  return seq;
}

void enter_usage_turn(soci::session& sql, const Dialect& dialect) {
  if (dialect.server == Server::kPostgresql) {
    sql << fmt::format("DO 'BEGIN PERFORM pg_advisory_xact_lock_shared({}); END'", kTurn);
  } else if (dialect.server == Server::kMysql) {
    std::string value;
    sql << "SELECT value FROM settings WHERE name = 'usage_turn' LOCK IN SHARE MODE",
        soci::into(value);
  }
}

/// Of which all that came before has been committed too.
Result<int64_t> SqlRollups::newest() {
  const auto look = [](soci::session& sql) {
    int64_t seq = 0;
    sql << "SELECT COALESCE(MAX(seq), 0) FROM usage_logs", soci::into(seq);
    return seq;
  };
  const Dialect& dialect = sessions_.dialect();
  const auto first = sessions_.read([&](soci::session& sql) -> Result<std::pair<int64_t, int64_t>> {
    return std::pair(look(sql), rolled_up_to(sql, ""));
  });
  if (!first) return std::unexpected(first.error());
  if (first->first <= first->second || dialect.server == Server::kSqlite) return first->first;
  return sessions_.write([&](soci::session& sql) -> Result<int64_t> {
    // Settlements have it shared.
    if (dialect.server == Server::kPostgresql) {
      sql << fmt::format("DO 'BEGIN PERFORM pg_advisory_xact_lock({}); END'", kTurn);
    } else {
      std::string value;
      sql << "SELECT value FROM settings WHERE name = 'usage_turn' FOR UPDATE", soci::into(value);
    }
    return look(sql);
  });
}

Result<bool> SqlRollups::roll_up() {
  const Result<int64_t> last = newest();
  if (!last) return std::unexpected(last.error());
  const Dialect& dialect = sessions_.dialect();
  if (*last == 0) return false;
  {
    const auto done = sessions_.read(
        [&](soci::session& sql) -> Result<bool> { return rolled_up_to(sql, "") >= *last; });
    if (!done || *done) return done ? Result<bool>(false) : done;
  }
  return sessions_.write([&](soci::session& sql) -> Result<bool> {
    const int64_t from = rolled_up_to(sql, dialect.for_update);
    const int64_t to = std::min(*last, from + rows_at_once(dialect));
    if (from >= to) return false;
    add_rows(sql, dialect.server, from, to);
    set_rolled_up_to(sql, to);
    return to < *last;
  });
}

Result<size_t> SqlRollups::purge(int64_t before) {
  const Dialect& dialect = sessions_.dialect();
  return sessions_.write([&](soci::session& sql) -> Result<size_t> {
    // The last one that is in the sums stays: SQLite would give its seq once more.
    const int64_t rolled = rolled_up_to(sql, dialect.for_update);
    const int most = kPurged;
    int64_t seq = 0, key = 0, wallet = 0, tokens = 0, cost = 0;
    soci::statement query =
        (sql.prepare << "SELECT seq, key_id, wallet_id, input_tokens + cache_read_tokens +"
                        " cache_write_tokens + output_tokens, cost FROM usage_logs"
                        " WHERE started_at < :before AND seq < :rolled"
                        " ORDER BY started_at LIMIT :most",
         soci::use(before), soci::use(rolled), soci::use(most), soci::into(seq), soci::into(key),
         soci::into(wallet), soci::into(tokens), soci::into(cost));
    query.execute();
    std::vector<int64_t> gone;
    std::map<int64_t, Purged> keys, wallets;
    while (query.fetch()) {
      gone.push_back(seq);
      if (key != 0) {
        Purged& sum = keys[key];
        ++sum.requests;
        sum.tokens += tokens;
        sum.cost += cost;
      }
      // As charges are made.
      if (wallet != 0 && cost != 0) {
        Purged& sum = wallets[wallet];
        ++sum.requests;
        sum.cost += cost;
      }
    }
    if (gone.empty()) return size_t{0};
    for (const auto& [id, sum] : keys) add_purged(sql, "key", id, sum);
    for (const auto& [id, sum] : wallets) add_purged(sql, "wallet", id, sum);
    sql << fmt::format("DELETE FROM usage_logs WHERE seq IN ({})", fmt::join(gone, ", "));
    return gone.size();
  });
}

}  // namespace sluice::store
