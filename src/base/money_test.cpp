#include "base/money.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace sluice {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(Money, ReadsAndWritesTheSameAmount) {
  for (const char* text : {"0", "2.5", "10", "-1", "0.000000001", "-0.000000001", "1234567.89",
                           "9223372036.854775807", "-9223372036.854775808"}) {
    const auto amount = parse_money(text);
    ASSERT_TRUE(amount) << text;
    EXPECT_EQ(to_string(*amount), text);
  }
  EXPECT_EQ(parse_money("9223372036.854775807")->nanos, kMax);
  EXPECT_EQ(parse_money("-9223372036.854775808")->nanos, kMin);
  EXPECT_EQ(to_string(*parse_money("2.50")), "2.5");
  EXPECT_EQ(to_string(*parse_money("-0")), "0");
}

TEST(Money, RefusesWhatIsNoAmount) {
  for (const char* text :
       {"", "-", ".", ".5", "1.", "1e3", " 1", "1 ", "+1", "1,5", "0x1", "1.2.3", "0.0000000001",
        "9223372036.854775808", "-9223372036.854775809", "99999999999999999999", "nan"}) {
    EXPECT_FALSE(parse_money(text)) << text;
  }
}

TEST(Money, NeverWraps) {
  EXPECT_FALSE(checked_add({kMax}, {1}));
  EXPECT_FALSE(checked_subtract({kMin}, {1}));
  EXPECT_EQ(checked_add({kMax}, {-1})->nanos, kMax - 1);
  EXPECT_EQ(checked_subtract({1}, {2})->nanos, -1);
}

}  // namespace
}  // namespace sluice
