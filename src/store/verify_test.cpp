#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using ::testing::IsEmpty;
using testing::must_open;
using testing::settle_now;
using testing::settlement;
using testing::TestPlace;

class Verify : public ::testing::TestWithParam<Server> {
 protected:
  Verify() {
    wallet_ = database_->ensure_wallet("alice").value();
    database_->post("alice", "top_up", Money{kNanosPerUsd}, "", "a", "cli").value();
    key_ = database_->create_key(testing::key("demo", wallet_.user_id)).value();
    settle_now(*database_, settlement("use_1", key_.id, wallet_.id));
    settle_now(*database_, settlement("use_2", key_.id, wallet_.id));
  }
  std::string only_difference() {
    const auto found = database_->verify().value();
    if (found.size() != 1) return fmt::format("{} differences", found.size());
    return fmt::format("{}: {}, not {}", found[0].what, found[0].kept, found[0].recomputed);
  }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
  Wallet wallet_;
  Key key_;
  AnyShell shell_{folder_};
};

TEST_P(Verify, FindsNothingWrongWithWhatTheLedgerWrote) {
  EXPECT_THAT(database_->verify().value(), IsEmpty());
}

TEST_P(Verify, FindsABalanceThatWasChangedByHand) {
  shell_.run("UPDATE wallets SET balance = balance + 1000000000");
  EXPECT_EQ(only_difference(), "wallet of alice: 1.997530866, not 0.997530866");
}

TEST_P(Verify, FindsUsedTokensThatWereChangedByHand) {
  shell_.run("UPDATE api_keys SET used_tokens = 0");
  EXPECT_EQ(only_difference(), "key demo: 0, not 326");
}

TEST_P(Verify, FindsSpentMoneyOfAKeyThatWasChangedByHand) {
  shell_.run("UPDATE api_keys SET used_nanos = 5");
  EXPECT_EQ(only_difference(), "money of key demo: 0.000000005, not 0.002469134");
}

TEST_P(Verify, FindsAnEntryWithAWrongBalanceAfterIt) {
  shell_.run(
      "INSERT INTO wallet_transactions (wallet_id, kind, amount, balance_after, reference, actor,"
      " reason, created_at) SELECT id, 'grant', 0, 5, 'forged', '', '', 0 FROM wallets");
  EXPECT_EQ(only_difference(), "entry 4 of the wallet of alice: 0.000000005, not 0.997530866");
}

TEST_P(Verify, FindsUsageThatWasNotChargedAndAChargeWithoutUsage) {
  shell_.run(
      "UPDATE usage_logs SET cost = 5 WHERE id = 'use_2';"
      "UPDATE api_keys SET used_nanos = 1234572");
  EXPECT_EQ(only_difference(), "charge of use_2: -0.001234567, not -0.000000005");
  shell_.run(
      "UPDATE usage_logs SET cost = 1234567; UPDATE usage_logs SET id = 'x', cost = 0"
      " WHERE id = 'use_2';"
      "UPDATE api_keys SET used_nanos = 1234567");
  EXPECT_EQ(only_difference(), "charge without usage use_2: -0.001234567, not nothing");
}

TEST_P(Verify, FindsAChargeThatWasWrittenTwice) {
  shell_.run(
      "INSERT INTO wallet_transactions (wallet_id, kind, amount, balance_after, reference, actor,"
      " reason, created_at) SELECT t.wallet_id, t.kind, t.amount, w.balance + t.amount,"
      " t.reference, t.actor, t.reason, t.created_at FROM wallet_transactions t, wallets w"
      " WHERE t.reference = 'use_1';"
      "UPDATE wallets SET balance = balance - 1234567");
  EXPECT_EQ(only_difference(), "charges of use_1: -0.002469134, not -0.001234567");
}

INSTANTIATE_TEST_SUITE_P(Databases, Verify, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
