// What lists read: pages of large tables, found by an index on each of the databases. A query that
// walks a table is slow only once there is much in it, which is too late.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <functional>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using testing::must_open;
using testing::TestPlace;

constexpr int kRows = 10'000;
constexpr int64_t kNow = 1'767'225'600'000;
constexpr int64_t kMinute = 60'000;

/// Steps of SQLite's machine in all statements of this process. One row of a scan takes 5 or more,
/// one that is returned about 3 for each of its columns.
std::atomic<int64_t> steps = 0;

int count_steps(unsigned, void*, void* statement, void*) {
  steps += sqlite3_stmt_status(static_cast<sqlite3_stmt*>(statement), SQLITE_STMTSTATUS_VM_STEP, 1);
  return 0;
}

int watch(sqlite3* connection, char**, const void*) {
  return sqlite3_trace_v2(connection, SQLITE_TRACE_PROFILE, count_steps, nullptr);
}

class PlansTest : public ::testing::TestWithParam<Server> {
 protected:
  PlansTest() {
    if (GetParam() == Server::kSqlite) {
      sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch));
    }
    fill();
  }
  ~PlansTest() override { sqlite3_reset_auto_extension(); }

  /// 0 to kRows - 1, as a table.
  static std::string numbers() {
    const std::string digits =
        "(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL"
        " SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8"
        " UNION ALL SELECT 9)";
    return fmt::format(
        "(SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n AS n FROM {0} a CROSS JOIN {0} b"
        " CROSS JOIN {0} c CROSS JOIN {0} d) numbers",
        digits);
  }
  /// A text with n in it.
  static std::string named(std::string_view text, std::string_view n) {
    return GetParam() == Server::kMysql ? fmt::format("CONCAT('{}', {})", text, n)
                                        : fmt::format("'{}' || ({})", text, n);
  }

  /// Half of all is user 1's; the rest is spread over others, keys and models.
  void fill() {
    must_open(place_.options()).reset();
    AnyShell shell(place_);
    const std::string user =
        fmt::format("CASE WHEN n % 2 = 0 THEN 1 ELSE 2 + n % {} END", kRows - 2);
    // They come in the order of n, whatever a join makes of it.
    const std::string from = " FROM " + numbers() + " ORDER BY n";
    shell.run(fmt::format("INSERT INTO users (id, name, created_at) SELECT n + 1, {}, 1{}",
                          named("user", "n"), from));
    shell.run(fmt::format(
        "INSERT INTO wallets (id, user_id, balance, created_at) SELECT n + 1, n + 1, 0, 1{}",
        from));
    shell.run(fmt::format(
        "INSERT INTO wallet_transactions (id, wallet_id, kind, amount, balance_after, reference,"
        " actor, reason, created_at) SELECT n + 1, {}, 'charge', -1, 0, {}, 'gateway', '', {} + "
        "n{}",
        user, named("use_", "100000 + n"), kNow, from));
    shell.run(fmt::format(
        "INSERT INTO api_keys (id, digest, prefix, name, user_id, configured, enabled, rpm, tpm,"
        " max_parallel, models, allow_ips, created_at) SELECT n + 1, {}, 'sk-', {}, {}, 0, 1, 0, 0,"
        " 0, '[]', '[]', 1{}",
        named("digest", "n"), named("key", "n"), user, from));
    shell.run(fmt::format(
        "INSERT INTO usage_logs (id, request_id, key_id, user_id, wallet_id, key_name, dialect,"
        " requested_model, upstream_model, provider, worker, attempts, input_tokens,"
        " cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, counted_input,"
        " counted_output, basis, price_id, cost, outcome, status, stream, ttft_us, duration_us,"
        " started_at, decision) SELECT {}, '', 0, {}, 0, {}, 'openai', {}, '', {}, '', 1, 1, 0, 0, "
        "1,"
        " 0, 1, 1, 'reported', 0, 1, 'finished', 200, 1, 1, 1, {} + n * {}, '{{}}'{}",
        named("use_", "100000 + n"), user, named("key", "n % 20"), named("model", "n % 10"),
        named("provider", "n % 4"), kNow, kMinute, from));
    shell.run(fmt::format(
        "INSERT INTO audit_log (at, actor, address, action, subject, before_state, after_state)"
        " SELECT {} + n, {}, '', {}, {}, '', ''{}",
        kNow, named("actor", "n % 50"), named("action", "n % 50"), named("subject", "n"), from));
    shell.run(fmt::format(
        "INSERT INTO redemption_codes (digest, prefix, amount, note, created_by, created_at)"
        " SELECT {}, '', 1, '', '', 1{}",
        named("digest", "n"), from));
    if (GetParam() == Server::kPostgresql) shell.run("ANALYZE");
    if (GetParam() == Server::kMysql) {
      shell.texts(
          "ANALYZE TABLE usage_logs, wallet_transactions, api_keys, users, audit_log,"
          " redemption_codes");
    }
  }

  /// What the server has read so far, in rows.
  int64_t rows_read() {
    AnyShell shell(place_);
    if (GetParam() == Server::kMysql) {
      return shell.integer(
          "SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.global_status WHERE"
          " variable_name IN ('HANDLER_READ_NEXT', 'HANDLER_READ_PREV', 'HANDLER_READ_RND_NEXT',"
          " 'HANDLER_READ_FIRST', 'HANDLER_READ_KEY')");
    }
    // A connection tells what it has read when it ends.
    while (shell.integer("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
                         " AND backend_type = 'client backend'") > 1) {
      continue;
    }
    return shell.integer(
        "SELECT CAST((SELECT SUM(seq_tup_read) FROM pg_stat_user_tables) +"
        " (SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes) AS BIGINT)");
  }

  using Ask = std::function<size_t(Database&)>;

  /// How many rows are read, or on SQLite how many steps are taken, in asking.
  int64_t cost_of(const Ask& ask) {
    if (GetParam() == Server::kSqlite) {
      const auto database = must_open(place_.options());
      const int64_t before = steps;
      ask(*database);
      return steps - before;
    }
    const auto read = [&](const Ask& what) {
      const int64_t before = rows_read();
      {
        const auto database = must_open(place_.options());
        what(*database);
      }
      return rows_read() - before;
    };
    if (opening_ == 0) opening_ = read([](Database&) { return 0; });
    return read(ask) - opening_;
  }

  void expect_few(const char* what, const Ask& ask) {
    // A page of 50 rows of 35 columns is some 7000 steps, and a walk through all above 50,000.
    const int64_t most = GetParam() == Server::kSqlite ? 15'000 : 1'500;
    EXPECT_LT(cost_of(ask), most) << what;
  }

  void ask_for_usage();
  void ask_for_entries();
  void ask_for_audit();
  void ask_for_keys_and_users();

  /// MariaDB takes an index by what is equal and walks back from its end.
  static bool walks_to_the_middle() { return GetParam() == Server::kMysql; }

  TestPlace place_{GetParam()};
  int64_t opening_ = 0;  // what opening, and looking, reads
};

void PlansTest::ask_for_usage() {
  using Filter = Database::UsageFilter;
  const auto page = [](const Filter& filter) {
    return [filter](Database& database) { return database.usage(filter).value().size(); };
  };
  const std::string middle = "use_105000";
  expect_few("newest", page({}));
  expect_few("from the middle", page({.before_id = middle}));
  expect_few("of a time", page({.from = kNow + 4000 * kMinute, .to = kNow + 4100 * kMinute}));
  expect_few("of one with much", page({.user_id = 1}));
  if (!walks_to_the_middle()) {
    expect_few("of one with much, from the middle", page({.user_id = 1, .before_id = middle}));
  }
  expect_few("of one with little", page({.user_id = 4}));
  expect_few("by a user's name", page({.user = "user3"}));
  expect_few("of nobody", page({.user_id = 1'000'000}));
  expect_few("of a key", page({.key_name = "key3"}));
  expect_few("of no key", page({.key_name = "none"}));
  expect_few("of a key of one with much", page({.key_name = "key4", .user_id = 1}));
  expect_few("of a key that he has not", page({.key_name = "key3", .user_id = 1}));
  expect_few("of a model", page({.model = "model3"}));
  expect_few("of a model, from the middle", page({.model = "model3", .before_id = middle}));
  expect_few("of no model", page({.model = "none"}));
  expect_few("of a provider", page({.provider = "provider2"}));
  expect_few("of no provider", page({.provider = "none"}));
  expect_few("one row", [](Database& database) {
    return static_cast<size_t>(database.usage_row("use_101234").value()->attempts);
  });
}

void PlansTest::ask_for_entries() {
  const auto page = [](int64_t wallet, int64_t before) {
    return [=](Database& database) {
      return database.transactions(wallet, before, 50).value().size();
    };
  };
  expect_few("newest", page(1, 0));
  if (!walks_to_the_middle()) expect_few("from the middle", page(1, kRows / 2));
  expect_few("of one with little", page(4, 0));
}

void PlansTest::ask_for_audit() {
  const auto page = [](const AuditFilter& filter) {
    return [filter](Database& database) { return database.audit().entries(filter).value().size(); };
  };
  expect_few("newest", page({}));
  expect_few("by an actor", page({.actor = "actor7"}));
  expect_few("by nobody", page({.actor = "nobody"}));
  expect_few("an action", page({.action = "action7"}));
  expect_few("of a subject", page({.subject = "subject77"}));
  expect_few("of a time", page({.from = kNow + 5000, .to = kNow + 5050}));
  expect_few("from the middle", page({.before_at = kNow + 5000, .before_id = 5001}));
}

void PlansTest::ask_for_keys_and_users() {
  const auto keys = [](const Keys::Page& page) {
    return [page](Database& database) { return database.api_keys().page(page).value().size(); };
  };
  expect_few("keys", keys({.limit = 50}));
  expect_few("keys from the middle", keys({.after = kRows / 2, .limit = 50}));
  expect_few("keys of one with many", keys({.user_id = 1, .limit = 50}));
  expect_few("his, from the middle", keys({.user_id = 1, .after = kRows / 2, .limit = 50}));
  expect_few("keys of one with few", keys({.user_id = 4, .limit = 50}));
  const auto users = [](int64_t after, std::string prefix) {
    return [=](Database& database) {
      return database.identities().users(after, 50, prefix).value().size();
    };
  };
  expect_few("users", users(0, ""));
  expect_few("users from the middle", users(kRows / 2, ""));
  expect_few("users by a name", users(0, "user77"));
  expect_few("users by a name that nobody has", users(0, "zzz"));
  expect_few("users by what begins all names", users(0, "user"));
  expect_few("codes",
             [](Database& database) { return database.codes().codes(0, 50).value().size(); });
}

TEST_P(PlansTest, APageReadsLittleMoreThanItself) {
  ask_for_usage();
  ask_for_entries();
  ask_for_audit();
  ask_for_keys_and_users();
}

INSTANTIATE_TEST_SUITE_P(Databases, PlansTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
