// What is true of databases behind a server alone: it goes away and comes back, it is shared, and
// its schema is somebody's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "store/server/copy.hpp"
#include "store/server/migrate.hpp"
#include "store/sqlite/file.hpp"
#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::lease;
using testing::must_open;
using ::testing::Not;
using testing::settlement;
using testing::Shell;
using testing::Tally;
using testing::TempFolder;
using testing::TestPlace;
using testing::TestServer;

class Servers : public ::testing::TestWithParam<Server> {
 protected:
  struct Account {
    int64_t key = 0;
    int64_t wallet = 0;
  };
  static Account make_account(Database& database) {
    const Wallet wallet = database.ensure_wallet("alice").value();
    database.post("alice", "top_up", Money{kNanosPerUsd}, "", "a", "cli").value();
    return {.key = database.create_key(testing::key("demo", wallet.user_id)).value().id,
            .wallet = wallet.id};
  }
  TestServer& server() const { return TestServer::of(GetParam()); }

  TestPlace folder_{GetParam()};
};

TEST_P(Servers, WhatIsSettledWhileTheServerIsAwayArrivesOnce) {
  const auto database = must_open(folder_.options());
  const Account account = make_account(*database);
  Tally durable;
  server().kill();
  for (int i = 0; i < 1200; ++i) {
    const std::string id = fmt::format("use_{}", i);
    database->ledger().opened(lease(id, account.key, account.wallet));
    database->ledger().settle(settlement(id, account.key, account.wallet), durable.adder());
    if (i % 3 == 0) {
      database->ledger().settle(settlement(id, account.key, account.wallet), durable.adder());
    }
  }
  durable.wait_for(1600);
  EXPECT_TRUE(database->ledger().healthy()) << "calls are served meanwhile";
  EXPECT_EQ(database->post("alice", "top_up", Money{1}, "", "b", "cli").error().code,
            ErrorCode::kLedgerUnavailable);
  EXPECT_EQ(database->usage({}).error().code, ErrorCode::kLedgerUnavailable);
  server().start();
  while (database->uncarried() > 0) std::this_thread::yield();
  const auto sums = database->usage_summary({{Database::UsageBy::kKey}}, {}).value();
  EXPECT_EQ(sums.at(0).requests, 1200);
  EXPECT_EQ(database->wallet("alice").value().balance, Money{kNanosPerUsd - 1200 * 1'234'567});
  EXPECT_EQ(database->keys().value().at(0).used_tokens, 1200 * 163);
  EXPECT_FALSE(database->post("alice", "top_up", Money{1}, "", "b", "cli").value().repeated);
  EXPECT_THAT(database->verify().value(), IsEmpty());
  // In the order in which they came.
  AnyShell shell(folder_);
  EXPECT_EQ(shell.text("SELECT reference FROM wallet_transactions WHERE kind = 'charge'"
                       " ORDER BY id LIMIT 1 OFFSET 700"),
            "use_700");
}

TEST_P(Servers, WhatAnEndedProcessHasLeftInTheSpoolIsCarriedAtTheNextStart) {
  Account account;
  Tally durable;
  {
    const auto database = must_open(folder_.options());
    account = make_account(*database);
    server().kill();
    database->ledger().settle(settlement("use_1", account.key, account.wallet), durable.adder());
    durable.wait_for(1);
  }
  EXPECT_EQ(Shell(folder_.ledger_file()).integer("SELECT COUNT(*) FROM usage_logs"), 1);
  const auto away = Database::open(folder_.options());
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ErrorCode::kLedgerUnavailable);
  server().start();
  const auto database = must_open(folder_.options());
  EXPECT_EQ(database->wallet("alice").value().balance, Money{kNanosPerUsd - 1'234'567});
  EXPECT_EQ(Shell(folder_.ledger_file()).integer("SELECT COUNT(*) FROM usage_logs"), 0);
  EXPECT_THAT(database->verify().value(), IsEmpty());
}

TEST_P(Servers, ASpoolThatIsReplayedChargesNothingTwice) {
  const std::string copy = folder_.file("spool before");
  Account account;
  {
    const auto database = must_open(folder_.options());
    account = make_account(*database);
    Tally durable;
    server().kill();
    database->ledger().settle(settlement("use_1", account.key, account.wallet), durable.adder());
    database->ledger().settle(settlement("lost", account.key, 4711), durable.adder());
    durable.wait_for(2);
  }
  std::filesystem::copy_file(folder_.ledger_file(), copy);
  server().start();
  must_open(folder_.options());
  // As if the process had died after the server's commit and before its own.
  std::filesystem::copy_file(copy, folder_.ledger_file(),
                             std::filesystem::copy_options::overwrite_existing);
  const auto database = must_open(folder_.options());
  EXPECT_EQ(database->wallet("alice").value().balance, Money{kNanosPerUsd - 1'234'567});
  EXPECT_EQ(database->keys().value().at(0).used_tokens, 163);
  const auto found = database->verify().value();
  ASSERT_EQ(found.size(), 1u) << "kept aside once";
  EXPECT_THAT(found[0].what, HasSubstr("settlement lost, refused"));
}

TEST_P(Servers, ASettlementThatCanNeverBeWrittenIsKeptAsideAndHoldsUpNoOther) {
  const auto database = must_open(folder_.options());
  const Account account = make_account(*database);
  Tally durable;
  for (int i = 0; i < 4; ++i) {
    database->ledger().settle(settlement(fmt::format("good_{}", i), account.key, account.wallet),
                              durable.adder());
  }
  database->ledger().settle(settlement("lost", account.key, 4711), durable.adder());
  Settlement huge = settlement("huge", account.key, account.wallet);
  huge.cost = Money{INT64_MIN};
  database->ledger().settle(huge, durable.adder());
  Settlement odd = settlement("odd", account.key, account.wallet);
  odd.requested_model = std::string("nul\0and \xff", 9);
  database->ledger().settle(odd, durable.adder());
  durable.wait_for(7);
  EXPECT_EQ(database->usage({}).value().size(), 5u);
  EXPECT_EQ(database->usage_row("odd").value()->requested_model, "nul?and ?");
  const auto found = database->verify().value();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].what, "settlement lost, refused: there is no such wallet");
}

TEST_P(Servers, ASpoolIsNotCarriedToAnotherDatabase) {
  {
    const auto database = must_open(folder_.options());
    const Account account = make_account(*database);
    Tally durable;
    server().kill();
    database->ledger().settle(settlement("use_1", account.key, account.wallet), durable.adder());
    durable.wait_for(1);
  }
  server().start();
  Options other = folder_.options();
  other.url = TestPlace(GetParam()).url();
  const auto refused = Database::open(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConfig);
  EXPECT_THAT(refused.error().message, HasSubstr("belong to another database"));
  EXPECT_EQ(must_open(folder_.options())->usage({}).value().size(), 1u);
  EXPECT_TRUE(must_open(other)) << "an empty one may change hands";
}

TEST_P(Servers, ConnectionsThatTheServerHasClosedAreOpenedAnew) {
  const auto database = must_open(folder_.options());
  make_account(*database);
  server().kill();
  server().start();
  EXPECT_EQ(database->wallet("alice").value().balance, Money{kNanosPerUsd});
  EXPECT_TRUE(database->post("alice", "grant", Money{1}, "", "", "cli"));
}

TEST_P(Servers, TwoGatewaysThatStartAtOnceMakeTheSchemaOnce) {
  Options other = folder_.options();
  other.data_dir = folder_.file("other");
  other.spool.clear();
  std::thread thread([&] { must_open(other)->ensure_wallet("alice").value(); });
  must_open(folder_.options())->ensure_wallet("alice").value();
  thread.join();
  EXPECT_EQ(AnyShell(folder_).integer("SELECT COUNT(*) FROM users"), 1);
  EXPECT_EQ(AnyShell(folder_).integer("SELECT COUNT(*) FROM schema_migrations"),
            server::latest_version());
}

TEST_P(Servers, ANewerDatabaseOrAForeignOneIsRefusedAndLeftAlone) {
  must_open(folder_.options());
  AnyShell(folder_).run("INSERT INTO schema_migrations VALUES (999, 'future', 0)");
  const auto newer = Database::open(folder_.options());
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kConfig);
  EXPECT_THAT(newer.error().message, HasSubstr("written by a newer sluice"));
  EXPECT_THAT(newer.error().message, Not(HasSubstr("secret")));

  const TestPlace foreign(GetParam());
  AnyShell(foreign).run("CREATE TABLE songs (name VARCHAR(10))");
  const auto refused = Database::open(foreign.options());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is not a database of sluice"));
  EXPECT_EQ(AnyShell(foreign).integer("SELECT COUNT(*) FROM songs"), 0);
}

TEST_P(Servers, AWrongPasswordIsSaidAndNotShown) {
  Options options = folder_.options();
  options.url.replace(options.url.find("a%20secret"), 10, "hunter2");
  const auto refused = Database::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConfig) << "nobody waits for that to change";
  EXPECT_THAT(refused.error().message, HasSubstr("cannot connect to"));
  EXPECT_THAT(refused.error().message, HasSubstr("sluice@127.0.0.1"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("hunter2")));
}

/// Every row of every table, as text.
std::vector<std::string> dump(const std::string& file) {
  Shell shell(file);
  std::vector<std::string> all;
  for (const std::string& table :
       shell.texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_stat1'"
                   " AND name <> 'schema_migrations' ORDER BY name")) {
    std::string row;
    for (const std::string& column :
         shell.texts(fmt::format("SELECT name FROM pragma_table_info('{}') ORDER BY cid", table))) {
      row += fmt::format("{}quote({})", row.empty() ? "" : " || ' ' || ", column);
    }
    for (const std::string& each :
         shell.texts(fmt::format("SELECT {} AS line FROM {} ORDER BY line", row, table))) {
      all.push_back(fmt::format("{}: {}", table, each));
    }
  }
  return all;
}

TEST_P(Servers, ABackupGoesFromOneKindOfDatabaseToAnotherAndBackUnchanged) {
  const TempFolder embedded;
  {
    const auto database = must_open(embedded.options());
    const Account account = make_account(*database);
    const int64_t gone = database->create_key(testing::key("gone")).value().id;
    ASSERT_TRUE(database->delete_key(gone));
    Key full = testing::key("full");
    full.quota_tokens = 5'000'000'000;
    full.models = {"gpt-*", "with \"quotes\" and \\ and 'these' :x"};
    database->create_key(full).value();
    const Database::Factor factor{"claude", 1.0 / 3, 10};
    ASSERT_TRUE(database->keep_factors({&factor, 1}));
    Rate rate;
    rate.model = "m\xc3\xa9";
    rate.input = Money{7};
    database->ensure_rate(rate).value();
    for (int i = 0; i < 300; ++i) {
      Settlement one = settlement(fmt::format("use_{}", i), account.key, account.wallet);
      if (i % 2 == 0) one.reported.reset();
      if (i % 3 == 0) one.decision = "tab\t line\n return\r back\\ \\N \\. 'quoted' \"twice\" :x ?";
      testing::settle_now(*database, one);
    }
    ASSERT_TRUE(database->backup(folder_.file("first.db")));
  }
  Shell(folder_.file("first.db"))
      .run(
          "INSERT INTO open_leases VALUES ('open', 'req_1', 1, 1, 0, 'asked', 'upstream',"
          " 'openai', 1, 1000, 1767225600000, 1, 900, 50, 0, 512, 10, 77)");
  ASSERT_TRUE(Database::migrate(folder_.options()));
  const auto indexes = [&] {
    return testing::AnyShell(folder_).integer(
        GetParam() == Server::kPostgresql
            ? "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = current_schema()"
            : "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()");
  };
  const int64_t made = indexes();
  ASSERT_TRUE(Database::restore(folder_.options(), folder_.file("first.db")));
  EXPECT_EQ(indexes(), made);
  // Before it is opened: what is open would be settled.
  ASSERT_TRUE(server::save(http::parse_database_url(folder_.url()).value(), folder_.ledger_file(),
                           folder_.file("second.db")));
  EXPECT_EQ(dump(folder_.file("second.db")), dump(folder_.file("first.db")));

  const auto database = must_open(folder_.options());
  EXPECT_EQ(database->recovered(), 1u);
  EXPECT_THAT(database->verify().value(), IsEmpty());
  EXPECT_EQ(database->wallet("alice").value().balance, Money{kNanosPerUsd - 300 * 1'234'567 - 77});
  EXPECT_EQ(database->create_key(testing::key("next")).value().id, 4) << "2 is not given again";
  ASSERT_TRUE(database->backup(folder_.file("third.db")));
  const TempFolder back;
  ASSERT_TRUE(Database::restore(back.options(), folder_.file("third.db")));
  EXPECT_THAT(must_open(back.options())->verify().value(), IsEmpty());
}

TEST_P(Servers, ARestoreIntoADatabaseThatIsNotEmptyIsRefusedAndChangesNothing) {
  {
    const auto database = must_open(folder_.options());
    make_account(*database);
    ASSERT_TRUE(database->backup(folder_.file("copy.db")));
  }
  const Status restored = Database::restore(folder_.options(), folder_.file("copy.db"));
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, ErrorCode::kConfig);
  EXPECT_THAT(restored.error().message, HasSubstr("is not empty"));
  EXPECT_EQ(AnyShell(folder_).integer("SELECT COUNT(*) FROM users"), 1);
}

INSTANTIATE_TEST_SUITE_P(Databases, Servers, testing::servers(), testing::database_name);

TEST(Copies, TheFirstColumnOfEveryTableIsUniqueSoThatRowsCanBeReadInPieces) {
  const TempFolder folder;
  must_open(folder.options());
  Shell shell(folder.database());
  for (const std::string& table : shell.texts("SELECT name FROM sqlite_schema WHERE type = 'table'"
                                              " AND name NOT LIKE 'sqlite_%'")) {
    EXPECT_EQ(
        shell.integer(fmt::format(
            "SELECT EXISTS (SELECT 1 FROM pragma_table_info('{0}') c WHERE cid = 0 AND (pk = 1"
            " OR EXISTS (SELECT 1 FROM pragma_index_list('{0}') l,"
            " pragma_index_info(l.name) i WHERE l.\"unique\" = 1 AND i.name = c.name"
            " AND (SELECT COUNT(*) FROM pragma_index_info(l.name)) = 1)))",
            table)),
        1)
        << table;
  }
}

}  // namespace
}  // namespace sluice::store
