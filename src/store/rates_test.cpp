#include <gtest/gtest.h>

#include <algorithm>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::must_open;
using testing::TestPlace;

Rate rate(const std::string& model, int64_t input) {
  Rate out;
  out.model = model;
  out.input = Money{input};
  out.output = Money{10'000'000'000};
  out.cache_read = Money{1'250'000'000};
  out.cache_write = Money{3'125'000'000};
  return out;
}

class Rates : public ::testing::TestWithParam<Server> {
 protected:
  TestPlace folder_{GetParam()};
};

TEST_P(Rates, APriceThatChangesBecomesANewVersion) {
  const auto database = must_open(folder_.options());
  const Rate first = database->ensure_rate(rate("gpt-4o", 2'500'000'000)).value();
  EXPECT_GT(first.valid_from, 0);
  EXPECT_EQ(database->ensure_rate(rate("gpt-4o", 2'500'000'000)).value().id, first.id);
  const Rate second = database->ensure_rate(rate("gpt-4o", 3'000'000'000)).value();
  EXPECT_GT(second.id, first.id);
  EXPECT_GE(second.valid_from, first.valid_from);
  // Back to the old price: that is a version again, the old one has ended.
  EXPECT_GT(database->ensure_rate(rate("gpt-4o", 2'500'000'000)).value().id, second.id);
  database->ensure_rate(rate("other", 1)).value();
  std::vector<Rate> all = database->prices().versions("", 0, 10).value();
  ASSERT_EQ(all.size(), 4u);
  std::ranges::reverse(all);  // newest first
  EXPECT_EQ(all[1].input, Money{3'000'000'000});
  EXPECT_EQ(all[1].output, Money{10'000'000'000});
  EXPECT_EQ(all[1].cache_read, Money{1'250'000'000});
  EXPECT_EQ(all[1].cache_write, Money{3'125'000'000});
  EXPECT_EQ(all[3].model, "other");
}

TEST_P(Rates, NegativeAndNamelessPricesAreRefused) {
  const auto database = must_open(folder_.options());
  EXPECT_EQ(database->ensure_rate(rate("", 1)).error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(database->ensure_rate(rate("m", -1)).error().code, ErrorCode::kInvalidRequest);
}

TEST_P(Rates, LearnedFactorsAreReplacedByModel) {
  const auto database = must_open(folder_.options());
  const Database::Factor before[] = {{"claude", 1.125, 10}, {"gemini", 0.9, 3}};
  ASSERT_TRUE(database->keep_factors(before));
  const Database::Factor after[] = {{"claude", 1.0625, 11}};
  ASSERT_TRUE(database->keep_factors(after));
  const std::vector<Database::Factor> all = database->factors().value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].model, "claude");
  EXPECT_EQ(all[0].factor, 1.0625);
  EXPECT_EQ(all[0].samples, 11);
  EXPECT_EQ(all[1].samples, 3);
}

TEST_P(Rates, ThoseInForceAreTheLatestOfEachScopeThatNobodyHasWithdrawn) {
  const auto database = must_open(folder_.options());
  Prices& prices = database->prices();
  Rate one = rate("m", 1);
  one.created_by = "root";
  prices.set(one).value();
  one.input = Money{2};
  prices.set(one).value();
  one.scope = "user:alice";
  const int64_t alice = prices.set(one).value().id;
  one.scope = "group:friends";
  prices.set(one).value();
  ASSERT_TRUE(prices.withdraw("group:friends", "m", "root"));
  EXPECT_EQ(prices.withdraw("group:friends", "m", "root").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(prices.withdraw("group:other", "m", "root").error().code, ErrorCode::kNotFound);
  const std::vector<Rate> all = prices.in_force().value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].scope, "");
  EXPECT_EQ(all[0].input, Money{2});
  EXPECT_EQ(all[0].created_by, "root");
  EXPECT_EQ(all[1].scope, "user:alice");
  EXPECT_EQ(prices.version(alice).value().value().scope, "user:alice");
  EXPECT_FALSE(prices.version(9999).value());
  EXPECT_EQ(prices.versions("m", 0, 10).value().size(), 5u);
  EXPECT_EQ(prices.versions("m", alice, 10).value().size(), 2u);
  // Once more, as before: a version again.
  EXPECT_GT(prices.set(one).value().id, alice);
}

TEST_P(Rates, WhatStandsInTheConfigurationIsChangedThere) {
  const auto database = must_open(folder_.options());
  Prices& prices = database->prices();
  database->ensure_rate(rate("m", 1)).value();
  Rate mine = rate("m", 2);
  mine.created_by = "root";
  EXPECT_EQ(prices.set(mine).error().code, ErrorCode::kConflict);
  EXPECT_EQ(prices.withdraw("", "m", "root").error().code, ErrorCode::kConflict);
  ASSERT_TRUE(prices.withdraw("", "m", Rate::kConfigured));
  EXPECT_TRUE(prices.set(mine));
  // And the file's price wins where it comes back.
  EXPECT_EQ(database->ensure_rate(rate("m", 2)).value().created_by, Rate::kConfigured);
}

TEST_P(Rates, UsersHaveAGroup) {
  const auto database = must_open(folder_.options());
  const int64_t alice = database->ensure_wallet("alice").value().user_id;
  ASSERT_TRUE(database->prices().set_group("alice", "friends"));
  EXPECT_EQ(database->prices().set_group("bob", "x").error().code, ErrorCode::kNotFound);
  const auto groups = database->prices().groups().value();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0], std::pair(alice, std::string("friends")));
}

INSTANTIATE_TEST_SUITE_P(Databases, Rates, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
