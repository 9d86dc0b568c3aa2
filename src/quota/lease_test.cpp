#include "quota/lease.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <utility>

namespace sluice::quota {

/// Takes without the look, as one does whom others have overtaken between the two.
class LeasePeer {
 public:
  static Lease::Held take_now(Lease& lease, int64_t prompt, int64_t wanted, int64_t least) {
    return lease.take_now(prompt, wanted, least);
  }
};

namespace {

using enum Lease::Held;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
// A token of input costs 1 nano-USD and one of output 10.
constexpr accounts::Price kPrice{.id = 1, .input = {1'000'000}, .output = {10'000'000}};

/// An account with a quota, a wallet, or both.
struct Fixture {
  explicit Fixture(std::optional<int64_t> tokens, std::optional<int64_t> money = std::nullopt)
      : wallet{.id = 1, .user_id = 1, .balance = Balance(money.value_or(0))} {
    account.set_has_quota(tokens.has_value());
    account.tokens().add(tokens.value_or(0));
    if (money) account.set_wallet(&wallet);
  }
  int64_t tokens() { return account.tokens().available(); }
  int64_t money() { return wallet.balance.available(); }

  Wallet wallet;
  Account account{1};
};

Lease stream(Fixture& fixture, int64_t prompt, int64_t limit = 1'000'000,
             const accounts::Price& price = kPrice) {
  Lease lease(fixture.account, price, limit);
  EXPECT_EQ(lease.take(prompt, std::min(kLeaseStep, limit), 1), kAll);
  return lease;
}

TEST(Lease, TakesTokensAndMoney) {
  Fixture fixture(1000, 10'000);
  Lease lease = stream(fixture, 100);
  EXPECT_EQ(lease.tokens(), 356);
  EXPECT_EQ(lease.money().nanos, 100 + 2560);
  EXPECT_EQ(fixture.tokens(), 644);
  EXPECT_EQ(fixture.money(), 10'000 - 2660);
}

TEST(Lease, TakesNothingWhenOneOfTheTwoRefuses) {
  Fixture poor(1000, 109);
  Lease lease(poor.account, kPrice, 100);
  EXPECT_EQ(lease.take(100, 50, 1), kNoMoney);
  EXPECT_EQ(poor.tokens(), 1000);
  EXPECT_EQ(poor.money(), 109);
  Fixture spent(100, 10'000);
  Lease other(spent.account, kPrice, 100);
  EXPECT_EQ(other.take(100, 50, 1), kNoTokens);
  EXPECT_EQ(spent.tokens(), 100);
  EXPECT_EQ(spent.money(), 10'000);
}

TEST(Lease, TakesWhatBothCover) {
  Fixture by_money(1000, 100 + 39);
  Lease lease(by_money.account, kPrice, 100);
  EXPECT_EQ(lease.take(100, 50, 1), kPart);
  EXPECT_EQ(lease.output(), 3);
  EXPECT_EQ(by_money.tokens(), 1000 - 103);
  EXPECT_EQ(by_money.money(), 9);
  Fixture by_tokens(105, 10'000);
  Lease other(by_tokens.account, kPrice, 100);
  EXPECT_EQ(other.take(100, 50, 1), kPart);
  EXPECT_EQ(other.output(), 5);
  EXPECT_EQ(by_tokens.tokens(), 0);
  EXPECT_EQ(by_tokens.money(), 10'000 - 150);
}

TEST(Lease, GivesTheTokensBackWhenOthersWereQuickerToTheMoney) {
  Fixture fixture(1000, 109);
  Lease lease(fixture.account, kPrice, 100);
  EXPECT_EQ(LeasePeer::take_now(lease, 100, 50, 1), kNoMoney);
  EXPECT_EQ(fixture.tokens(), 1000);
  EXPECT_EQ(fixture.money(), 109);
  EXPECT_EQ(lease.tokens(), 0);
  EXPECT_EQ(lease.money().nanos, 0);
  // Where there is some, it keeps what that pays for.
  fixture.wallet.balance.add(30);
  EXPECT_EQ(LeasePeer::take_now(lease, 100, 50, 1), kAll);
  EXPECT_EQ(lease.tokens(), 103);
  EXPECT_EQ(lease.money().nanos, 130);
  EXPECT_EQ(fixture.tokens(), 897);
  EXPECT_EQ(fixture.money(), 9);
}

TEST(Lease, TakesNoMoneyWhenOthersWereQuickerToTheTokens) {
  Fixture fixture(100, 10'000);
  Lease lease(fixture.account, kPrice, 100);
  EXPECT_EQ(LeasePeer::take_now(lease, 100, 50, 1), kNoTokens);
  EXPECT_EQ(fixture.money(), 10'000);
  fixture.account.tokens().add(5);
  EXPECT_EQ(LeasePeer::take_now(lease, 100, 50, 1), kAll);
  EXPECT_EQ(lease.money().nanos, 150);
  EXPECT_EQ(fixture.tokens(), 0);
}

TEST(Lease, TakesMoneyAtTheDearestInputClass) {
  Fixture fixture(std::nullopt, 1000);
  accounts::Price price = kPrice;
  price.cache_write = {3'000'000};
  Lease lease(fixture.account, price, 10);
  EXPECT_EQ(lease.take(100, 10, 1), kAll);
  EXPECT_EQ(lease.money().nanos, 400);
}

TEST(Lease, GrowsAheadOfNeed) {
  Fixture fixture(10'000);
  Lease lease = stream(fixture, 100);
  EXPECT_TRUE(lease.cover(100, 192));
  EXPECT_EQ(lease.grown(), 0);
  // 63 would be left.
  EXPECT_TRUE(lease.cover(100, 193));
  EXPECT_EQ(lease.grown(), 1);
  EXPECT_EQ(lease.tokens(), 100 + 512);
  // One event that is larger than all that is leased.
  EXPECT_TRUE(lease.cover(100, 5000));
  EXPECT_EQ(lease.tokens(), 100 + 5256);
}

TEST(Lease, DoesNotGrowBeyondTheLongestAnswerUnlessItIsLonger) {
  Fixture fixture(10'000);
  Lease lease = stream(fixture, 100, 300);
  EXPECT_TRUE(lease.cover(100, 250));
  EXPECT_EQ(lease.tokens(), 400);
  EXPECT_TRUE(lease.cover(100, 300));
  EXPECT_EQ(lease.tokens(), 400);
  EXPECT_TRUE(lease.cover(100, 301));
  EXPECT_EQ(lease.tokens(), 401);
}

TEST(Lease, CoversToTheLastTokenAndNoFurther) {
  Fixture fixture(1000);
  Lease lease = stream(fixture, 100);
  int64_t output = 0;
  while (lease.cover(100, output + 1)) ++output;
  EXPECT_EQ(output, 900);
  EXPECT_EQ(fixture.tokens(), 0);
  EXPECT_TRUE(lease.cover(100, 900));
  EXPECT_FALSE(lease.cover(100, 901));
  lease.settle(1000, {});
  EXPECT_EQ(fixture.tokens(), 0);
}

TEST(Lease, CoversToTheLastNanoDollar) {
  Fixture fixture(std::nullopt, 100 + 10 * 777 + 9);
  Lease lease = stream(fixture, 100);
  int64_t output = 0;
  while (lease.cover(100, output + 1)) ++output;
  EXPECT_EQ(output, 777);
  lease.settle(877, *accounts::cost_of(kPrice, {100, 0, 0, output, 0}));
  EXPECT_EQ(fixture.money(), 9);
}

TEST(Lease, WhatOthersGiveBackCoversAgain) {
  Fixture fixture(100 + 256 + 100 + 256);
  Lease one = stream(fixture, 100);
  Lease two = stream(fixture, 100);
  EXPECT_TRUE(one.cover(100, 256));
  EXPECT_FALSE(one.cover(100, 257));
  two.settle(110, {});
  EXPECT_TRUE(one.cover(100, 257));
  EXPECT_EQ(one.tokens() + fixture.tokens(), 100 + 256 + 246);
}

TEST(Lease, ARefusalLeavesItAsItWas) {
  Fixture fixture(400, 5000);
  Lease lease = stream(fixture, 100);
  EXPECT_FALSE(lease.cover(100, 301));
  EXPECT_EQ(lease.tokens(), 356);
  EXPECT_EQ(fixture.tokens(), 44);
  EXPECT_TRUE(lease.cover(100, 300));
  EXPECT_EQ(fixture.money() + lease.money().nanos, 5000);
}

// Counted exactly at the moment when the bound would have ended the stream.
TEST(Lease, APromptThatTurnsOutShorterLeavesMoreForTheAnswer) {
  Fixture fixture(300, 4000);
  Lease lease = stream(fixture, 44);
  EXPECT_FALSE(lease.cover(44, 257));
  EXPECT_TRUE(lease.cover(40, 260));
  EXPECT_FALSE(lease.cover(40, 261));
  // And one that turns out longer needs more.
  EXPECT_FALSE(lease.cover(41, 260));
}

TEST(Lease, SettlingTakesWhatWasUsedAndGivesTheRestBack) {
  Fixture fixture(1000, 10'000);
  Lease lease = stream(fixture, 100);
  lease.settle(150, {321});
  EXPECT_EQ(fixture.tokens(), 850);
  EXPECT_EQ(fixture.money(), 10'000 - 321);
  lease.settle(150, {321});
  EXPECT_EQ(fixture.tokens(), 850);
  EXPECT_FALSE(lease.cover(1, 1));
  // What it held is still told.
  EXPECT_EQ(lease.tokens(), 356);
}

TEST(Lease, SettlingAboveTheLeaseMakesADebt) {
  Fixture fixture(400, 3000);
  Lease lease = stream(fixture, 100);
  lease.settle(500, {3500});
  EXPECT_EQ(fixture.tokens(), -100);
  EXPECT_EQ(fixture.money(), -500);
  Lease next(fixture.account, kPrice, 10);
  EXPECT_EQ(next.take(0, 1, 1), kNoTokens);
}

TEST(Lease, WhatIsNotSettledIsGivenBack) {
  Fixture fixture(1000, 10'000);
  {
    Lease lease = stream(fixture, 100);
    Lease moved = std::move(lease);
    EXPECT_EQ(fixture.tokens(), 644);
    moved = stream(fixture, 200);
    EXPECT_EQ(fixture.tokens(), 1000 - 456);
  }
  EXPECT_EQ(fixture.tokens(), 1000);
  EXPECT_EQ(fixture.money(), 10'000);
}

TEST(Lease, WithoutQuotaAndMoneyEverythingIsCovered) {
  Lease none;
  EXPECT_TRUE(none.cover(kMost, kMost));
  Fixture fixture(std::nullopt);
  Lease lease = stream(fixture, 100);
  EXPECT_FALSE(lease.bounded());
  EXPECT_TRUE(lease.cover(kMost, kMost));
  EXPECT_EQ(lease.tokens(), 0);
}

TEST(Lease, WhatCostsNothingTakesNoMoney) {
  Fixture fixture(1000, -5);
  Lease lease = stream(fixture, 100, 1000, {});
  EXPECT_EQ(lease.money().nanos, 0);
  EXPECT_TRUE(lease.cover(100, 900));
  EXPECT_FALSE(lease.cover(100, 901));
  lease.settle(1000, {});
  EXPECT_EQ(fixture.money(), -5);
}

TEST(Lease, AbsurdFiguresDoNotWrap) {
  Fixture fixture(kMost - 1, kMost - 1);
  Lease lease(fixture.account, {.input = {kMost}, .output = {kMost}}, kMost);
  EXPECT_EQ(lease.take(kMost, kMost, 1), kNoTokens);
  EXPECT_EQ(lease.take(kMost - 2, kMost, 1), kNoMoney);
  EXPECT_EQ(fixture.tokens(), kMost - 1);
  EXPECT_EQ(lease.take(3, kMost, 1), kPart);
  EXPECT_EQ(lease.tokens(), 999'999);
  EXPECT_FALSE(lease.cover(kMost, kMost));
  EXPECT_FALSE(lease.cover(3, kMost));
  EXPECT_TRUE(lease.cover(-1, -1));
  lease.settle(kMost, {kMost});
  EXPECT_EQ(fixture.tokens(), -1);
  EXPECT_EQ(fixture.money(), -1);
  Lease debt(fixture.account, kPrice, 1);
  debt.settle(kMost, {kMost});
  EXPECT_LT(fixture.tokens(), 0);
  Lease more(fixture.account, kPrice, 1);
  more.settle(kMost, {kMost});
  EXPECT_EQ(fixture.tokens(), std::numeric_limits<int64_t>::min());
}

// cover() against the plain rule: what is held and what is there must be enough for all of it.
TEST(Lease, CoversExactlyWhatCanBeHad) {
  std::mt19937_64 random(7);
  const auto below = [&](int64_t end) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(end));
  };
  for (int round = 0; round < 3000; ++round) {
    const bool quota = below(4) != 0;
    const bool paid = below(4) != 0;
    Fixture fixture(quota ? std::optional(below(3000)) : std::nullopt,
                    paid ? std::optional(below(20'000)) : std::nullopt);
    const accounts::Price price{
        .id = 1, .input = {below(4'000'000)}, .output = {below(3) == 0 ? 0 : below(20'000'000)}};
    const int64_t all_tokens = fixture.tokens();
    const int64_t all_money = fixture.money();
    const auto affordable = [&](int64_t prompt, int64_t output) {
      return (!quota || prompt + output <= all_tokens) &&
             (!paid || price.is_free() ||
              accounts::cost_bound(price, prompt, output).nanos <= all_money);
    };
    const int64_t limit = below(2000) + 1;
    int64_t prompt = below(500);
    int64_t output = 0;
    Lease lease(fixture.account, price, limit);
    const Lease::Held held = lease.take(prompt, std::min(limit, kLeaseStep), 1);
    ASSERT_EQ(held == kAll || held == kPart, affordable(prompt, 1)) << round;
    if (held != kAll && held != kPart) continue;
    ASSERT_EQ(held == kAll, affordable(prompt, std::min(limit, kLeaseStep))) << round;
    for (int event = 0; event < 200; ++event) {
      if (below(30) == 0) prompt = below(500);
      output += below(30);
      ASSERT_EQ(lease.cover(prompt, output), affordable(prompt, output)) << round << ' ' << event;
      ASSERT_GE(fixture.tokens(), quota ? 0 : kMost * -1);
      ASSERT_EQ(fixture.tokens() + lease.tokens(), all_tokens);
      ASSERT_EQ(fixture.money() + lease.money().nanos, all_money);
    }
  }
}

}  // namespace
}  // namespace sluice::quota
