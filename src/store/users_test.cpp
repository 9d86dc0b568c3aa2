#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using testing::must_open;
using testing::Shell;
using testing::TempFolder;
using testing::TestPlace;

constexpr Money kDollar{kNanosPerUsd};

class Users : public ::testing::TestWithParam<Server> {
 protected:
  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
};

TEST_P(Users, AWalletIsMadeOnceWithItsUser) {
  const Wallet made = database_->ensure_wallet("alice").value();
  EXPECT_GT(made.id, 0);
  EXPECT_GT(made.user_id, 0);
  EXPECT_EQ(made.user, "alice");
  EXPECT_EQ(made.balance, Money{});
  EXPECT_EQ(database_->ensure_wallet("alice").value().id, made.id);
  database_->ensure_wallet("bob").value();
  EXPECT_EQ(database_->wallets().value().size(), 2u);
  EXPECT_EQ(database_->wallet("carol").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(database_->ensure_wallet("").error().code, ErrorCode::kInvalidRequest);
}

TEST_P(Users, NoWalletIsMadeForATopUpWhoseKeyIsTaken) {
  const Wallet alice = database_->ensure_wallet_for("alice", "k").value();
  database_->post("alice", "top_up", kDollar, "", "k", "test").value();
  EXPECT_EQ(database_->ensure_wallet_for("alice", "k").value().id, alice.id);
  EXPECT_EQ(database_->ensure_wallet_for("bob", "k").error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(database_->wallet("bob").error().code, ErrorCode::kNotFound);
}

TEST_P(Users, NamesAreDataAndNotSql) {
  const std::string name = "o'brien\"; DROP TABLE users; -- \xc3\xa9 :name %_";
  database_->ensure_wallet(name).value();
  EXPECT_EQ(database_->wallet(name).value().user, name);
  EXPECT_EQ(database_->wallets().value().size(), 1u);
}

TEST_P(Users, PostingsAddUpWithTheBalanceAfterEach) {
  const Wallet wallet = database_->ensure_wallet("alice").value();
  database_->post("alice", "top_up", Money{5 * kDollar.nanos}, "card", "a", "admin").value();
  database_->post("alice", "grant", kDollar, "welcome", "b", "admin").value();
  database_->post("alice", "refund", Money{1}, "", "c", "admin").value();
  const Transaction last =
      database_->post("alice", "adjust", Money{-7 * kDollar.nanos}, "chargeback", "d", "admin")
          .value()
          .entry;
  EXPECT_EQ(last.balance_after, Money{1 - kDollar.nanos});
  EXPECT_EQ(last.actor, "admin");
  EXPECT_EQ(last.reason, "chargeback");
  EXPECT_GT(last.at, 1'700'000'000'000);
  EXPECT_EQ(database_->wallet("alice").value().balance, last.balance_after);
  const auto newest = database_->transactions(wallet.id, 0, 3).value();
  ASSERT_EQ(newest.size(), 3u);
  EXPECT_EQ(newest[0].id, last.id);
  const auto rest = database_->transactions(wallet.id, newest[2].id, 3).value();
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].kind, "top_up");
}

TEST_P(Users, TheSameIdempotencyKeyPostsOnce) {
  database_->ensure_wallet("alice").value();
  database_->ensure_wallet("bob").value();
  const auto first = database_->post("alice", "top_up", kDollar, "", "once", "cli").value();
  EXPECT_FALSE(first.repeated);
  const auto again = database_->post("alice", "top_up", kDollar, "", "once", "cli").value();
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.entry.id, first.entry.id);
  EXPECT_EQ(database_->wallet("alice").value().balance, kDollar);
  EXPECT_EQ(database_->post("alice", "top_up", Money{2}, "", "once", "cli").error().code,
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(database_->post("bob", "top_up", kDollar, "", "once", "cli").error().code,
            ErrorCode::kInvalidRequest);
  // Of another kind it is another posting.
  EXPECT_FALSE(database_->post("alice", "grant", kDollar, "", "once", "cli").value().repeated);
  // Without a key every one counts.
  database_->post("alice", "grant", kDollar, "", "", "cli").value();
  database_->post("alice", "grant", kDollar, "", "", "cli").value();
  EXPECT_EQ(database_->wallet("alice").value().balance, Money{4 * kDollar.nanos});
}

TEST_P(Users, ParallelPostingsWithOneKeyPostOnce) {
  database_->ensure_wallet("alice").value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 5; ++n) {
        database_->post("alice", "top_up", kDollar, "", "shared", "cli").value();
        database_->post("alice", "top_up", Money{1}, "", fmt::format("{}-{}", i, n), "cli").value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(database_->wallet("alice").value().balance, Money{kDollar.nanos + 40});
  EXPECT_THAT(database_->verify().value(), ::testing::IsEmpty());
}

TEST_P(Users, WhatCannotBePostedIsRefused) {
  database_->ensure_wallet("alice").value();
  const auto code = [&](const char* user, const char* kind, int64_t nanos) {
    return database_->post(user, kind, Money{nanos}, "", "", "cli").error().code;
  };
  EXPECT_EQ(code("nobody", "top_up", 1), ErrorCode::kNotFound);
  EXPECT_EQ(code("alice", "charge", 1), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code("alice", "top_up", 0), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code("alice", "top_up", -1), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code("alice", "adjust", 0), ErrorCode::kInvalidRequest);
  database_->post("alice", "top_up", Money{INT64_MAX}, "", "", "cli").value();
  EXPECT_EQ(code("alice", "top_up", 1), ErrorCode::kInvalidRequest);
  EXPECT_EQ(database_->wallet("alice").value().balance, Money{INT64_MAX});
  EXPECT_THAT(database_->verify().value(), ::testing::IsEmpty());
}

TEST_P(Users, TransactionsCannotBeChangedOrRemoved) {
  database_->ensure_wallet("alice").value();
  database_->post("alice", "top_up", kDollar, "", "a", "cli").value();
  AnyShell shell(folder_);
  const Status changed = shell.attempt("UPDATE wallet_transactions SET amount = 1");
  ASSERT_FALSE(changed);
  EXPECT_THAT(changed.error().message, ::testing::HasSubstr("append-only"));
  EXPECT_FALSE(shell.attempt("DELETE FROM wallet_transactions"));
  EXPECT_EQ(shell.integer("SELECT amount FROM wallet_transactions"), kDollar.nanos);
}

TEST(Posting, ThatCannotBeWrittenSaysSoAndLeavesNothing) {
  const TempFolder folder;
  const auto database = must_open(folder.options());
  database->ensure_wallet("alice").value();
  Shell shell(folder.database());
  shell.run("BEGIN EXCLUSIVE");
  EXPECT_EQ(database->post("alice", "top_up", kDollar, "", "a", "cli").error().code,
            ErrorCode::kLedgerUnavailable);
  EXPECT_EQ(database->wallet("alice").value().balance, Money{}) << "reading goes on";
  shell.run("ROLLBACK");
  EXPECT_FALSE(database->post("alice", "top_up", kDollar, "", "a", "cli").value().repeated);
}

INSTANTIATE_TEST_SUITE_P(Databases, Users, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
