#include "quota/registry.hpp"

#include <gtest/gtest.h>

#include "quota/lease.hpp"

namespace sluice::quota {
namespace {

store::Key key(int64_t id, std::optional<int64_t> quota, int64_t used = 0) {
  store::Key out;
  out.id = id;
  out.quota_tokens = quota;
  out.used_tokens = used;
  return out;
}

TEST(Registry, ANewAccountStartsWithWhatIsLeft) {
  Registry registry;
  Account& account = registry.account(key(1, 1000, 400), {}, nullptr);
  EXPECT_TRUE(account.has_quota());
  EXPECT_EQ(account.tokens().available(), 600);
  EXPECT_EQ(account.key_id(), 1);
  EXPECT_EQ(registry.account(key(2, 100, 400), {}, nullptr).tokens().available(), -300);
}

TEST(Registry, AReloadReplacesLimitsAndKeepsWhatIsSpent) {
  Registry registry;
  Account& account = registry.account(key(1, 1000), {.max_parallel = 5}, nullptr);
  Lease lease(account, {}, 500);
  ASSERT_EQ(lease.take(100, 100, 1), Lease::Held::kAll);
  // The database does not know yet what runs here, and its figure is not taken again.
  Account& again = registry.account(key(1, 1500, 0), {.max_parallel = 2}, nullptr);
  EXPECT_EQ(&again, &account);
  EXPECT_EQ(account.limits().max_parallel, 2);
  EXPECT_EQ(account.tokens().available(), 1300);
  lease.settle(150, {});
  EXPECT_EQ(account.tokens().available(), 1350);
  registry.account(key(1, 100, 150), {}, nullptr);
  EXPECT_EQ(account.tokens().available(), -50);
}

TEST(Registry, AQuotaThatIsGrantedLaterCountsWhatWasUsedBefore) {
  Registry registry;
  Account& account = registry.account(key(1, std::nullopt, 40), {}, nullptr);
  Lease before(account, {}, 500);
  ASSERT_EQ(before.take(100, 500, 1), Lease::Held::kAll);
  registry.account(key(1, 1000, 40), {}, nullptr);
  EXPECT_EQ(account.tokens().available(), 960);
  // It runs as it began, without a quota, and is counted nevertheless.
  EXPECT_TRUE(before.cover(100, 1'000'000));
  before.settle(300, {});
  EXPECT_EQ(account.tokens().available(), 660);
}

TEST(Registry, AQuotaThatIsTakenAwayLimitsNoMore) {
  Registry registry;
  Account& account = registry.account(key(1, 100), {}, nullptr);
  Lease running(account, {}, 50);
  ASSERT_EQ(running.take(50, 50, 1), Lease::Held::kAll);
  registry.account(key(1, std::nullopt), {}, nullptr);
  Lease free(account, {}, 1000);
  EXPECT_EQ(free.take(1000, 1000, 1), Lease::Held::kAll);
  running.settle(60, {});
  free.settle(500, {});
  registry.account(key(1, 1000), {}, nullptr);
  EXPECT_EQ(account.tokens().available(), 440);
}

TEST(Registry, ALeaseStaysWithTheWalletThatItBeganWith) {
  Registry registry;
  Wallet& old_wallet = registry.wallet({.id = 1, .user_id = 1, .user = "a", .balance = {1000}});
  Wallet& new_wallet = registry.wallet({.id = 2, .user_id = 2, .user = "b", .balance = {1000}});
  Account& account = registry.account(key(1, std::nullopt), {}, &old_wallet);
  Lease lease(account, {.output = {1'000'000}}, 100);
  ASSERT_EQ(lease.take(0, 100, 1), Lease::Held::kAll);
  EXPECT_EQ(old_wallet.balance.available(), 900);
  registry.account(key(1, std::nullopt), {}, &new_wallet);
  EXPECT_EQ(lease.wallet(), &old_wallet);
  lease.settle(30, {30});
  EXPECT_EQ(old_wallet.balance.available(), 970);
  EXPECT_EQ(new_wallet.balance.available(), 1000);
  registry.account(key(1, std::nullopt), {}, nullptr);
  EXPECT_FALSE(Lease(account, {.output = {1'000'000}}, 100).bounded());
}

TEST(Registry, AKnownWalletKeepsItsOwnFigure) {
  Registry registry;
  EXPECT_EQ(registry.find_wallet(3), nullptr);
  Wallet& wallet = registry.wallet({.id = 3, .user_id = 8, .user = "a", .balance = {50}});
  EXPECT_EQ(wallet.user_id, 8);
  wallet.balance.add(-20);
  EXPECT_EQ(&registry.wallet({.id = 3, .user_id = 8, .user = "a", .balance = {50}}), &wallet);
  EXPECT_EQ(registry.find_wallet(3), &wallet);
  EXPECT_EQ(wallet.balance.available(), 30);
}

TEST(Registry, WhatOthersHaveSpentIsTakenFromWhatIsLeftHere) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 3, .user_id = 8, .user = "a", .balance = {1000}});
  Account& account = registry.account(key(1, 500), {}, &wallet);
  wallet.balance.add(-100);  // a lease, or what has been spent and not been carried
  registry.observe({.wallets = {{3, 8, {700}}, {4, 9, {5}}}, .keys = {{1, 80, {}}, {2, 5, {}}}});
  EXPECT_EQ(wallet.balance.available(), 600);
  EXPECT_EQ(account.tokens().available(), 420);
  registry.observe({.wallets = {{3, 8, {700}}}, .keys = {{1, 80, {}}}});
  EXPECT_EQ(wallet.balance.available(), 600) << "heard twice";
  registry.observe({.wallets = {{3, 8, {2700}}}, .keys = {}});
  EXPECT_EQ(wallet.balance.available(), 2600) << "a top-up elsewhere";
}

TEST(Registry, WhatThisGatewayHasSpentIsNotTakenAgainWhenTheBooksHaveIt) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 3, .user_id = 8, .user = "a", .balance = {1000}});
  Account& account = registry.account(key(1, 500), {}, &wallet);
  wallet.balance.add(-100);
  account.tokens().add(-20);
  registry.booked({.wallets = {{3, 0, {100}}}, .keys = {{1, 20, {100}}}});
  EXPECT_EQ(wallet.balance.available(), 900);
  // The books have it now, and 50 of somebody else's.
  registry.observe({.wallets = {{3, 8, {850}}}, .keys = {{1, 30, {150}}}});
  EXPECT_EQ(wallet.balance.available(), 850);
  EXPECT_EQ(account.tokens().available(), 470);
}

TEST(Registry, WhatWasSeenInTheBooksBeforeItWasToldIsGivenBack) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 3, .user_id = 8, .user = "a", .balance = {1000}});
  wallet.balance.add(-100);
  registry.observe({.wallets = {{3, 8, {900}}}, .keys = {}});  // it arrived, and nobody knew
  EXPECT_EQ(wallet.balance.available(), 800) << "too little rather than too much";
  registry.booked({.wallets = {{3, 0, {100}}}, .keys = {}, .uncertain = true});
  registry.observe({.wallets = {{3, 8, {900}}}, .keys = {}});
  EXPECT_EQ(wallet.balance.available(), 900);
}

TEST(Registry, WithoutAKeyThereIsNoLimit) {
  Registry registry;
  EXPECT_EQ(registry.anonymous().limits(), Limits{});
  EXPECT_FALSE(registry.anonymous().has_quota());
  EXPECT_EQ(registry.anonymous().key_id(), 0);
}

}  // namespace
}  // namespace sluice::quota
