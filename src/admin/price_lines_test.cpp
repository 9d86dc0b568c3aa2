#include "admin/price_lines.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

TEST(PriceLines, AmountsAreExact) {
  EXPECT_EQ(exact_amount(100, Money{2'500'000'000}), "0.00025");
  EXPECT_EQ(exact_amount(1, Money{1}), "0.000000000000001");
  EXPECT_EQ(exact_amount(0, Money{5}), "0");
  EXPECT_EQ(exact_amount(1'000'000, Money{3'000'000'000}), "3");
  EXPECT_EQ(exact_amount(10'000'000, Money{10'000'000'000}), "100");
  EXPECT_EQ(exact_amount(INT64_MAX, Money{INT64_MAX}), "85070591730234615847396.907784232501249");
}

}  // namespace
}  // namespace sluice::admin
