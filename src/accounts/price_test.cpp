#include "accounts/price.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace sluice::accounts {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

/// A slow natural number of any size, digits in base 1000, that shares nothing with the code under
/// test.
class Natural {
 public:
  explicit Natural(uint64_t value = 0) {
    for (; value != 0; value /= 1000) digits_.push_back(value % 1000);
  }
  Natural operator+(const Natural& other) const {
    Natural out = *this;
    out.digits_.resize(std::max(digits_.size(), other.digits_.size()));
    for (size_t i = 0; i < other.digits_.size(); ++i) out.digits_[i] += other.digits_[i];
    return out.carried();
  }
  Natural operator*(const Natural& other) const {
    Natural out;
    out.digits_.resize(digits_.size() + other.digits_.size() + 1);
    for (size_t i = 0; i < digits_.size(); ++i) {
      for (size_t j = 0; j < other.digits_.size(); ++j) {
        out.digits_[i + j] += digits_[i] * other.digits_[j];
      }
    }
    return out.carried();
  }
  /// Whole millions.
  Natural millions() const {
    Natural out = *this;
    out.digits_.erase(out.digits_.begin(),
                      out.digits_.begin() + std::min<ptrdiff_t>(2, std::ssize(out.digits_)));
    return out;
  }
  bool operator<=(const Natural& other) const {
    if (digits_.size() != other.digits_.size()) return digits_.size() < other.digits_.size();
    return !std::lexicographical_compare(other.digits_.rbegin(), other.digits_.rend(),
                                         digits_.rbegin(), digits_.rend());
  }
  bool operator==(const Natural&) const = default;

 private:
  Natural carried() {
    for (size_t i = 0; i < digits_.size(); ++i) {
      if (digits_[i] < 1000) continue;
      if (i + 1 == digits_.size()) digits_.push_back(0);
      digits_[i + 1] += digits_[i] / 1000;
      digits_[i] %= 1000;
    }
    while (!digits_.empty() && digits_.back() == 0) digits_.pop_back();
    return *this;
  }
  std::vector<uint64_t> digits_;
};

Natural natural(int64_t value) { return Natural(static_cast<uint64_t>(value)); }

Natural sum_of(const Price& price, const TokenCounts& counts) {
  return natural(counts.input) * natural(price.input.nanos) +
         natural(counts.cache_read) * natural(price.cache_read.nanos) +
         natural(counts.cache_write) * natural(price.cache_write.nanos) +
         natural(counts.output) * natural(price.output.nanos);
}

Natural bound_of(const Price& price, int64_t input, int64_t output) {
  return (natural(input) * natural(price.dearest_input().nanos) +
          natural(output) * natural(price.output.nanos) + Natural(999'999))
      .millions();
}

/// Numbers of every size, the ends of the range among them.
class Numbers {
 public:
  int64_t next() {
    const auto shift = random_() % 70;
    if (shift >= 63) return shift >= 67 ? kMost - static_cast<int64_t>(random_() % 3) : 0;
    return static_cast<int64_t>(random_() >> 1 >> shift);
  }
  Price price() { return {1, {next()}, {next()}, {next()}, {next()}}; }

 private:
  std::mt19937_64 random_{20'240'607};
};

TEST(Price, ChargesEveryClassAtItsOwnPriceRoundedOnce) {
  const Price gpt{.id = 1,
                  .input = {2'500'000'000},
                  .output = {10'000'000'000},
                  .cache_read = {1'250'000'000},
                  .cache_write = {2'500'000'000}};
  struct Case {
    const char* what;
    Price price;
    TokenCounts counts;
    int64_t nanos;
  };
  const Case cases[] = {
      {"nothing", gpt, {}, 0},
      {"one million of input", gpt, {.input = 1'000'000}, 2'500'000'000},
      {"all classes", gpt, {1000, 2000, 3000, 4000, 0}, 52'500'000},
      {"reasoning is paid as output", gpt, {.output = 10, .reasoning = 10}, 100'000},
      {"below half of a nano-dollar", {.input = {499'999}}, {.input = 1}, 0},
      {"half of one goes up", {.input = {500'000}}, {.input = 1}, 1},
      {"one and a half goes up", {.input = {500'000}}, {.input = 3}, 2},
      // Rounded apart, two halves would be two.
      {"the sum is rounded", {.input = {500'000}, .output = {500'000}}, {1, 0, 0, 1, 0}, 1},
      {"the most that fits", {.output = {kMost}}, {.output = 1'000'000}, kMost},
  };
  for (const Case& each : cases) {
    const auto cost = cost_of(each.price, each.counts);
    ASSERT_TRUE(cost) << each.what;
    EXPECT_EQ(cost->nanos, each.nanos) << each.what;
  }
}

TEST(Price, RefusesWhatDoesNotFitAndWhatIsNegative) {
  const Price dear{
      .id = 1, .input = {kMost}, .output = {kMost}, .cache_read = {kMost}, .cache_write = {kMost}};
  EXPECT_FALSE(cost_of(dear, {kMost, kMost, kMost, kMost, 0}));
  EXPECT_FALSE(cost_of(dear, {.output = 1'000'001}));
  EXPECT_FALSE(cost_of({.output = {1}}, {.output = -1}));
  EXPECT_FALSE(cost_of({.output = {1}}, {.input = -1, .output = 5}));
  EXPECT_FALSE(cost_of({.output = {-1}}, {.output = 1}));
  EXPECT_EQ(cost_of(dear, {.output = -1}).error().code, ErrorCode::kInvalidRequest);
}

TEST(Price, AgreesWithArithmeticOfAnySize) {
  Numbers numbers;
  int fitting = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Price price = numbers.price();
    const TokenCounts counts{numbers.next(), numbers.next(), numbers.next(), numbers.next(), 0};
    const Natural expected = (sum_of(price, counts) + Natural(500'000)).millions();
    const auto cost = cost_of(price, counts);
    ASSERT_EQ(cost.has_value(), expected <= natural(kMost)) << i;
    if (!cost) continue;
    ++fitting;
    ASSERT_EQ(natural(cost->nanos), expected) << i;
  }
  EXPECT_GT(fitting, 1000);
}

TEST(Price, TheBoundIsRoundedUpAndNeverBelowTheCost) {
  EXPECT_EQ(cost_bound({.output = {1}}, 0, 1).nanos, 1);
  EXPECT_EQ(cost_bound({.output = {1}}, 0, 1'000'001).nanos, 2);
  EXPECT_EQ(cost_bound({.output = {1}}, -5, -5).nanos, 0);
  EXPECT_EQ(cost_bound({.input = {1'000'000}, .cache_write = {3'000'000}}, 7, 0).nanos, 21);
  Numbers numbers;
  for (int i = 0; i < 20'000; ++i) {
    const Price price = numbers.price();
    const int64_t input = numbers.next();
    const int64_t output = numbers.next();
    const Natural expected = bound_of(price, input, output);
    const Money bound = cost_bound(price, input, output);
    ASSERT_EQ(natural(bound.nanos), expected <= natural(kMost) ? expected : natural(kMost)) << i;
    for (const TokenCounts& counts :
         {TokenCounts{input, 0, 0, output, 0}, TokenCounts{0, input, 0, output, 0},
          TokenCounts{0, 0, input, output, 0}}) {
      if (const auto cost = cost_of(price, counts)) {
        ASSERT_LE(*cost, bound) << i;
      }
    }
  }
}

TEST(Price, AffordsTheLastTokenAndNotOneMore) {
  const Price price{.input = {1'000'000}, .output = {10'000'000}};
  EXPECT_EQ(affordable_output(price, 5, {4}), -1);
  EXPECT_EQ(affordable_output(price, 5, {5}), 0);
  EXPECT_EQ(affordable_output(price, 5, {14}), 0);
  EXPECT_EQ(affordable_output(price, 5, {15}), 1);
  EXPECT_EQ(affordable_output(price, 0, {-1}), -1);
  EXPECT_EQ(affordable_output({}, kMost, {0}), kMost);
  Numbers numbers;
  for (int i = 0; i < 20'000; ++i) {
    const Price any = numbers.price();
    const int64_t input = numbers.next();
    const Money money{numbers.next()};
    const int64_t output = affordable_output(any, input, money);
    // By hand, since the bound itself saturates.
    const bool pays_input = bound_of(any, input, 0) <= natural(money.nanos);
    ASSERT_EQ(output >= 0, pays_input) << i;
    if (!pays_input) continue;
    ASSERT_TRUE(bound_of(any, input, output) <= natural(money.nanos)) << i;
    if (output < kMost) {
      ASSERT_FALSE(bound_of(any, input, output + 1) <= natural(money.nanos)) << i;
    }
  }
}

TEST(PriceList, TheNameThatWasAskedForGoesFirst) {
  PriceList prices;
  prices.set("fast", {.id = 1});
  prices.set("gpt-4o", {.id = 2});
  EXPECT_EQ(prices.find("fast", "gpt-4o")->id, 1);
  EXPECT_EQ(prices.find("alias", "gpt-4o")->id, 2);
  EXPECT_EQ(prices.find("alias", "other"), nullptr);
  prices.set("fast", {.id = 3});
  EXPECT_EQ(prices.find("fast", "")->id, 3);
}

TEST(PriceList, TheUsersOwnGoesBeforeHisGroupsAndEverybodys) {
  PriceList prices;
  prices.set("", "m", {.id = 1});
  prices.set("group:friends", "m", {.id = 2});
  prices.set("user:alice", "m", {.id = 3});
  prices.set("user:alice", "other", {.id = 4});
  prices.set("group:friends", "upstream", {.id = 5});
  prices.add_user(10, "alice", "friends");
  prices.add_user(11, "bob", "friends");
  prices.add_user(12, "carol", "");
  prices.add_user(13, "dave", "strangers");
  EXPECT_EQ(prices.find(10, "m", "")->id, 3);
  EXPECT_EQ(prices.find(10, "other", "")->id, 4);
  EXPECT_EQ(prices.find(10, "alias", "upstream")->id, 5);
  EXPECT_EQ(prices.find(11, "m", "")->id, 2);
  EXPECT_EQ(prices.find(11, "other", "x"), nullptr);
  for (const int64_t user : {0, 12, 13, 99}) EXPECT_EQ(prices.find(user, "m", "")->id, 1) << user;
}

TEST(PriceList, AnyModelIsTheLastResort) {
  PriceList prices;
  prices.set("", "m", {.id = 1});
  prices.set("", "*", {.id = 2});
  prices.set("user:alice", "*", {.id = 3});
  prices.add_user(10, "alice", "");
  EXPECT_EQ(prices.find(0, "x", "y")->id, 2);
  EXPECT_EQ(prices.find(10, "x", "y")->id, 3);
  // A price of its own goes before another's for any.
  EXPECT_EQ(prices.find(10, "m", "y")->id, 1);
}

TEST(PriceList, KnowsWhatProvidersCharge) {
  PriceList prices;
  EXPECT_EQ(prices.upstream("openai", "m", "n"), nullptr);
  prices.set("m", {.id = 1});
  prices.set("upstream:openai", "n", {.id = 2});
  prices.set("upstream:openai", "*", {.id = 3});
  EXPECT_EQ(prices.upstream("openai", "m", "n")->id, 2);
  EXPECT_EQ(prices.upstream("openai", "m", "x")->id, 3);
  EXPECT_EQ(prices.upstream("azure", "m", "n"), nullptr);
  EXPECT_EQ(prices.find(0, "n", "n"), nullptr);
}

}  // namespace
}  // namespace sluice::accounts
