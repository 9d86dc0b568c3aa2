#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using ::testing::IsEmpty;
using testing::lease;
using testing::must_open;
using testing::settlement;
using testing::Shell;
using testing::TestPlace;

/// Settles until it is killed; the number of each settlement goes to `durable` when it is, as the
/// end of a stream goes to a client.
[[noreturn]] void settle_for_ever(const Options& options, int durable) {
  const auto database = must_open(options);
  const Wallet wallet = database->ensure_wallet("alice").value();
  const int64_t key =
      database->ensure_configured_key(testing::key("demo", wallet.user_id)).value().id;
  std::atomic<uint32_t> done{0};
  for (uint32_t n = 1;; ++n) {
    const std::string id = fmt::format("use_{}_{}", ::getpid(), n);
    database->ledger().opened(lease(id, key, wallet.id));
    database->ledger().progress({.id = id, .counts = {.input = 50, .output = 3}, .cost = Money{7}});
    if (n % 7 == 0) continue;  // is never settled: its process dies first
    database->ledger().settle(settlement(id, key, wallet.id), [&done, durable, n] {
      if (::write(durable, &n, sizeof n) != sizeof n) ::_exit(1);
      done.fetch_add(1);
      done.notify_one();
    });
    for (uint32_t seen = done.load(); n - n / 7 > seen + 40; seen = done.load()) done.wait(seen);
  }
}

/// Starts such a process, kills it when it has reported `after` settlements, and returns all that
/// it reported, as ids.
std::vector<std::string> run_and_kill(const Options& options, size_t after) {
  int ends[2] = {};
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    settle_for_ever(options, ends[1]);
  }
  ::close(ends[1]);
  std::vector<std::string> reported;
  uint32_t number = 0;
  while (::read(ends[0], &number, sizeof number) == sizeof number) {
    reported.push_back(fmt::format("use_{}_{}", child, number));
    if (reported.size() == after) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  return reported;
}

class Recovery : public ::testing::TestWithParam<Server> {
 protected:
  TestPlace folder_{GetParam()};
};

TEST_P(Recovery, EverySettlementThatWasReportedSurvivesAKillExactlyOnce) {
  std::vector<std::string> reported;
  size_t recovered = 0;
  std::vector<size_t> deaths = {1, 50, 3000};
  if (GetParam() == Server::kSqlite) deaths.insert(deaths.end(), {333, 5000});
  for (const size_t after : deaths) {
    const std::vector<std::string> more = run_and_kill(folder_.options(), after);
    EXPECT_GE(more.size(), after);
    reported.insert(reported.end(), more.begin(), more.end());

    const auto database = must_open(folder_.options());
    recovered += database->recovered();
    EXPECT_THAT(database->verify().value(), IsEmpty());
    Shell shell(folder_.ledger_file());
    EXPECT_EQ(shell.integer("SELECT COUNT(*) FROM open_leases"), 0);
  }
  AnyShell shell(folder_);
  const std::vector<std::string> rows =
      shell.texts("SELECT id FROM usage_logs WHERE outcome = 'finished'");
  const std::set<std::string> finished(rows.begin(), rows.end());
  EXPECT_EQ(finished.size(), rows.size());
  std::map<std::string, int> charges;
  for (const std::string& id :
       shell.texts("SELECT reference FROM wallet_transactions WHERE kind = 'charge'")) {
    ++charges[id];
  }
  for (const std::string& id : reported) {
    EXPECT_TRUE(finished.contains(id)) << id;
    EXPECT_EQ(charges[id], 1) << id;
  }
  EXPECT_GT(recovered, 0u);
  EXPECT_EQ(shell.integer("SELECT COUNT(*) FROM usage_logs WHERE outcome = 'recovered'"),
            static_cast<int64_t>(recovered));
}

class Recover : public ::testing::TestWithParam<Server> {
 protected:
  /// What a process that dies now leaves: its marks, and no settlements.
  void leave_open(const std::string& id, int marks) {
    Shell(folder_.ledger_file()).run(open(id, marks));
  }
  std::string open(const std::string& id, int marks) const {
    return fmt::format(
        "INSERT INTO open_leases VALUES ('{}', 'req_1', {}, {}, {}, 'asked', 'upstream',"
        " 'openai', 1, 1000, 1767225600000, {}, 900, 50, 0, 512, 10, 77);",
        id, key_, wallet_, price_, marks);
  }
  void SetUp() override {
    const auto database = must_open(folder_.options());
    const Wallet wallet = database->ensure_wallet("alice").value();
    user_ = wallet.user_id;
    wallet_ = wallet.id;
    key_ = database->create_key(testing::key("demo", user_)).value().id;
    Rate rate;
    rate.model = "asked";
    rate.input = Money{2'500'500};  // 1000 tokens: 2500.5 nano-USD
    price_ = database->ensure_rate(rate).value().id;
  }

  TestPlace folder_{GetParam()};
  int64_t user_ = 0;
  int64_t wallet_ = 0;
  int64_t key_ = 0;
  int64_t price_ = 0;
};

TEST_P(Recover, ALeaseIsSettledAtItsLastMark) {
  leave_open("marked", 2);
  const auto database = must_open(folder_.options());
  EXPECT_EQ(database->recovered(), 1u);
  const Settlement row = database->usage_row("marked").value().value();
  EXPECT_EQ(row.charged,
            (TokenCounts{.input = 900, .cache_read = 50, .output = 512, .reasoning = 10}));
  EXPECT_EQ(row.cost, Money{77});
  EXPECT_EQ(row.basis, "estimated");
  EXPECT_EQ(row.outcome, "recovered");
  EXPECT_EQ(row.key_name, "demo");
  EXPECT_EQ(row.user_id, user_);
  EXPECT_EQ(row.price_id, price_);
  EXPECT_EQ(row.requested_model, "asked");
  EXPECT_EQ(row.started_at, 1'767'225'600'000);
  EXPECT_TRUE(row.stream);
  EXPECT_EQ(database->wallet("alice").value().balance, Money{-77});
  EXPECT_EQ(database->keys().value().at(0).used_tokens, 900 + 50 + 512);
  EXPECT_THAT(database->verify().value(), IsEmpty());
}

TEST_P(Recover, AUserPaysForWhatADeletedKeyHadOpen) {
  ASSERT_TRUE(must_open(folder_.options())->delete_key(key_));
  leave_open("keyless", 1);
  const auto database = must_open(folder_.options());
  const Settlement row = database->usage_row("keyless").value().value();
  EXPECT_EQ(row.user_id, user_);
  EXPECT_EQ(row.cost, Money{77});
  EXPECT_EQ(database->wallet("alice").value().balance, Money{-77});
  EXPECT_THAT(database->verify().value(), IsEmpty());
}

TEST_P(Recover, WithoutAMarkThePromptAloneIsCharged) {
  leave_open("unmarked", 0);
  const auto database = must_open(folder_.options());
  const Settlement row = database->usage_row("unmarked").value().value();
  EXPECT_EQ(row.charged, TokenCounts{.input = 1000});
  EXPECT_EQ(row.cost, Money{2501}) << "half up";
}

TEST_P(Recover, ALeaseThatIsInTheLedgerAlreadyIsNotChargedAgain) {
  testing::settle_now(*must_open(folder_.options()), settlement("done", key_, wallet_));
  leave_open("done", 1);
  const auto database = must_open(folder_.options());
  EXPECT_EQ(database->usage_row("done").value()->outcome, "finished");
  EXPECT_EQ(database->wallet("alice").value().balance, Money{-1'234'567});
  EXPECT_EQ(database->transactions(wallet_, 0, 10).value().size(), 1u);
}

TEST_P(Recover, ManyLeasesAndOneThatCannotBeChargedDoNotKeepTheGatewayDown) {
  std::string sql = "BEGIN;";
  for (int i = 0; i < 600; ++i) sql += open(fmt::format("use_{}", i), 1);
  wallet_ = 4711;
  Shell(folder_.ledger_file()).run(sql + open("orphan", 1) + "COMMIT");
  {
    const auto database = must_open(folder_.options());
    EXPECT_EQ(database->recovered(), 601u);
    EXPECT_EQ(database->wallet("alice").value().balance, Money{-600 * 77});
    EXPECT_EQ(database->verify().value().size(), 1u) << "the orphan is told of";
  }
  EXPECT_EQ(must_open(folder_.options())->recovered(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Databases, Recover, testing::all_databases(), testing::database_name);

INSTANTIATE_TEST_SUITE_P(Databases, Recovery, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
