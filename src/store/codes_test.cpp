#include "store/codes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using ::testing::IsEmpty;
using testing::must_open;
using testing::TestPlace;

class CodesTest : public ::testing::TestWithParam<Server> {
 protected:
  Codes& codes() { return database_->codes(); }
  int64_t user(const std::string& name) { return database_->ensure_wallet(name).value().user_id; }
  static Code worth(std::string digest, Money amount) {
    Code code;
    code.digest = std::move(digest);
    code.prefix = "code_ab";
    code.amount = amount;
    code.note = "spring";
    code.created_by = "root";
    return code;
  }
  Code add(std::string digest, Money amount = Money{kNanosPerUsd}) {
    return codes().add_codes(std::array{worth(std::move(digest), amount)}).value().front();
  }
  ErrorCode refusal(std::string_view digest, int64_t user_id) {
    const auto redeemed = codes().redeem(digest, user_id, "somebody");
    return redeemed ? ErrorCode::kInternal : redeemed.error().code;
  }
  Money balance(const std::string& name) { return database_->wallet(name).value().balance; }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
};

TEST_P(CodesTest, ACodePaysOnceIntoTheWalletOfWhoeverHasIt) {
  const int64_t alice = user("alice");
  const Code made = add("d1", Money{1});
  const Transaction entry = codes().redeem("d1", alice, "alice").value();
  EXPECT_EQ(entry.kind, "grant");
  EXPECT_EQ(entry.amount, Money{1});
  EXPECT_EQ(entry.balance_after, Money{1});
  EXPECT_EQ(entry.reference, fmt::format("code:{}", made.id));
  EXPECT_EQ(entry.actor, "alice");
  EXPECT_EQ(refusal("d1", alice), ErrorCode::kConflict);
  EXPECT_EQ(refusal("d1", user("bob")), ErrorCode::kConflict);
  EXPECT_EQ(balance("alice"), Money{1});
  const auto listed = codes().codes(0, 10).value();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].redeemed_by, "alice");
  EXPECT_EQ(listed[0].redeemed_at, entry.at);
  EXPECT_EQ(listed[0].digest, "");
  EXPECT_THAT(database_->verify().value(), IsEmpty());
}

TEST_P(CodesTest, OfManyWhoRedeemOneCodeAtOnceOneGetsIt) {
  constexpr int kUsers = 8;
  std::vector<int64_t> users;
  for (int i = 0; i < kUsers; ++i) users.push_back(user(fmt::format("user{}", i)));
  add("d1");
  std::atomic<int> redeemed{0};
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> threads;
    for (const int64_t id : users) {
      threads.emplace_back([&, id] {
        for (int n = 0; n < 3; ++n) {
          const auto done = codes().redeem("d1", id, "x");
          if (done) ++redeemed;
          if (!done && done.error().code == ErrorCode::kConflict) ++refused;
        }
      });
    }
  }
  EXPECT_EQ(redeemed, 1);
  EXPECT_EQ(refused, 3 * kUsers - 1);
  Money sum;
  for (const Wallet& wallet : database_->wallets().value()) sum.nanos += wallet.balance.nanos;
  EXPECT_EQ(sum, Money{kNanosPerUsd});
  EXPECT_THAT(database_->verify().value(), IsEmpty());
}

TEST_P(CodesTest, WhatIsUnknownOrExpiredPaysNothing) {
  const int64_t alice = user("alice");
  EXPECT_EQ(refusal("never", alice), ErrorCode::kNotFound);
  Code expired = worth("d1", Money{5});
  expired.expires_at = 1;
  codes().add_codes(std::array{expired}).value();
  EXPECT_EQ(refusal("d1", alice), ErrorCode::kConflict);
  add("d2");
  EXPECT_EQ(refusal("d2", 999'999), ErrorCode::kNotFound);
  EXPECT_EQ(balance("alice"), Money{});
  // Nothing was used up by it.
  EXPECT_TRUE(codes().redeem("d2", alice, "alice").has_value());
}

TEST_P(CodesTest, ABalanceThatWouldNotFitLeavesTheCode) {
  const int64_t alice = user("alice");
  database_->post("alice", "top_up", Money{INT64_MAX}, "", "", "cli").value();
  add("d1");
  EXPECT_EQ(refusal("d1", alice), ErrorCode::kInvalidRequest);
  EXPECT_TRUE(codes().redeem("d1", user("bob"), "bob").has_value());
}

TEST_P(CodesTest, CodesAreListedNewestFirstAndDeletedUntilTheyAreRedeemed) {
  std::vector<Code> many;
  for (int i = 0; i < 5; ++i) many.push_back(worth(fmt::format("d{}", i), Money{i + 1}));
  const auto made = codes().add_codes(many).value();
  ASSERT_EQ(made.size(), 5U);
  EXPECT_EQ(made[3].digest, "d3");
  const auto page = codes().codes(made[4].id, 2).value();
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].id, made[3].id);
  EXPECT_EQ(page[0].amount, Money{4});
  EXPECT_EQ(page[0].note, "spring");
  EXPECT_EQ(page[1].id, made[2].id);
  EXPECT_TRUE(codes().delete_code(made[0].id).has_value());
  EXPECT_EQ(codes().delete_code(made[0].id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(refusal("d0", user("alice")), ErrorCode::kNotFound);
  codes().redeem("d1", user("alice"), "alice").value();
  EXPECT_EQ(codes().delete_code(made[1].id).error().code, ErrorCode::kConflict);
}

INSTANTIATE_TEST_SUITE_P(All, CodesTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
