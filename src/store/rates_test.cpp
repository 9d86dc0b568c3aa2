#include <gtest/gtest.h>

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
  const std::vector<Rate> all = database->rates().value();
  ASSERT_EQ(all.size(), 4u);
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

INSTANTIATE_TEST_SUITE_P(Databases, Rates, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
