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
  registry.booked({.charges = {{.paid = {3, 8}, .key_id = 1, .tokens = 20, .cost = {100}}}});
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
  registry.booked({.charges = {{.paid = {3, 8}, .cost = {100}}}, .uncertain = true});
  registry.observe({.wallets = {{3, 8, {900}}}, .keys = {}});
  EXPECT_EQ(wallet.balance.available(), 900);
}

/// In nano-USD.
store::Spent spent(int64_t on, int64_t day, int64_t week, int64_t month) {
  return {.on = on, .day = Money{day}, .week = Money{week}, .month = Money{month}};
}
constexpr int64_t kDay = 20'608;  // Thursday, 2026-06-04

/// A key, and a member of a team, with the same budgets; a key is seen by its own sums, a member by
/// those of his membership.
class Followed : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr int64_t kMember = 7;

  Followed() {
    const store::Budgets budgets{.day = Money{1000}, .week = Money{2000}, .month = Money{3000}};
    member_.id = kMember;
    member_.team_id = 8;
    member_.user_id = 5;
    key_.id = 1;
    if (GetParam()) {
      member_.budgets = budgets;
    } else {
      key_.budget_day = budgets.day;
      key_.budget_week = budgets.week;
      key_.budget_month = budgets.month;
    }
  }

  void start(const store::Spent& from) {
    member_.spent = from;
    key_.spent = from;
    Wallet& wallet =
        registry_.wallet({.id = 3, .user_id = 8, .user = "red", .balance = {1'000'000}});
    account_ = &registry_.account(key_, {}, registry_.share(member_, wallet));
  }
  void observe(const store::Spent& now) {
    registry_.observe({.wallets = {},
                       .keys = {{.id = 1, .used_tokens = 0, .used_money = {}, .spent = now}},
                       .members = {{.id = kMember, .spent = now}}});
  }
  /// What runs here and ends, before the books hear of it.
  void spend(int64_t day, int64_t nanos) {
    Lease lease(*account_, {.output = {1'000'000}}, nanos, day);
    ASSERT_EQ(lease.take(0, nanos, nanos), Lease::Held::kAll);
    lease.settle(nanos, {nanos});
  }
  void book(int64_t day, int64_t nanos) {
    registry_.booked(
        {.charges = {{.paid = {3, 5}, .key_id = 1, .tokens = 1, .cost = {nanos}, .day = day}}});
  }
  int64_t left(int64_t day) {
    Spending& spending = GetParam() ? *account_->payer().member : account_->spending();
    return spending.available(spending.enter(day));
  }

  Registry registry_;
  store::Member member_;
  store::Key key_;
  Account* account_ = nullptr;
};

TEST_P(Followed, WhatOthersHaveSpentIsTakenFromItsBudgetsOnce) {
  start(spent(kDay, 100, 100, 100));
  spend(kDay, 50);
  observe(spent(kDay, 400, 400, 400));
  EXPECT_EQ(left(kDay), 550);
  observe(spent(kDay, 400, 400, 400));
  EXPECT_EQ(left(kDay), 550) << "heard twice";
  book(kDay, 50);
  observe(spent(kDay, 450, 450, 450));
  EXPECT_EQ(left(kDay), 550) << "its own, which the books have now";
}

TEST_P(Followed, WhatOthersSpendOnANewDayLeavesTheWeekWhatTheDaysBeforeLeft) {
  start(spent(kDay, 900, 1500, 1500));
  EXPECT_EQ(left(kDay), 100);
  observe(spent(kDay + 1, 200, 1700, 1700));
  EXPECT_EQ(left(kDay + 1), 300) << "of the week";
  observe(spent(kDay + 4, 10, 10, 1710));  // Monday
  EXPECT_EQ(left(kDay + 4), 990);
  observe(spent(kDay + 27, 5, 5, 5));  // July
  EXPECT_EQ(left(kDay + 27), 995);
}

TEST_P(Followed, WhatIsHeardOfADayThatIsOverIsNotOfTheDayThatHasBegun) {
  start(spent(kDay, 100, 100, 100));
  EXPECT_EQ(left(kDay + 1), 1000);
  observe(spent(kDay, 900, 900, 900));  // somebody who was away carries what he had
  EXPECT_EQ(left(kDay + 1), 1000);
  spend(kDay + 1, 700);
  EXPECT_EQ(left(kDay + 1), 300);
  observe(spent(kDay, 900, 1500, 1500));  // of the week alone
  EXPECT_EQ(left(kDay + 1), -200) << "1500 and 700 of 2000";
}

TEST_P(Followed, ADayThatBeginsHereAndThereIsCountedOnce) {
  start(spent(kDay, 100, 100, 100));
  spend(kDay + 1, 300);
  observe(spent(kDay + 1, 200, 300, 300));  // 200 of somebody else's
  EXPECT_EQ(left(kDay + 1), 500);
  book(kDay + 1, 300);
  observe(spent(kDay + 1, 500, 600, 600));
  EXPECT_EQ(left(kDay + 1), 500);
}

TEST_P(Followed, WhatTheBooksNeverGotIsGivenBack) {
  start(spent(kDay, 100, 100, 100));
  spend(kDay + 1, 300);
  book(kDay + 1, 300);  // a dead letter
  observe(spent(kDay, 100, 100, 100));
  EXPECT_EQ(left(kDay + 1), 1000);
  observe(spent(kDay + 1, 400, 500, 500));
  EXPECT_EQ(left(kDay + 1), 600);
}

INSTANTIATE_TEST_SUITE_P(Of, Followed, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "AMember" : "AKey"; });

TEST(Registry, WhatAKeySpentElsewhereCountsForWhoPaidForIt) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 3, .user_id = 8, .user = "red", .balance = {1000}});
  store::Member member;
  member.id = 7;
  member.user_id = 5;
  member.budgets.day = Money{100};
  Account& account = registry.account(key(1, std::nullopt), {}, registry.share(member, wallet));
  // The owner's own wallet had paid for that, before he named the team.
  registry.observe({.wallets = {}, .keys = {{1, 0, {90}, spent(kDay, 90, 90, 90)}}});
  EXPECT_EQ(account.payer().member->available(account.payer().member->enter(kDay)), 100);
}

TEST(Registry, MembershipsThatAreThereNoMoreAreClosed) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 3, .user_id = 8, .user = "red", .balance = {1000}});
  store::Member member;
  member.id = 7;
  member.user_id = 5;
  Account& account = registry.account(key(1, std::nullopt), {}, registry.share(member, wallet));
  const std::vector<store::PaidFor> paid = {{3, 5}, {3, 6}, {4, 5}};
  const std::vector<int64_t> teams = {8};
  EXPECT_EQ(registry.memberships(), std::vector<int64_t>{7});
  EXPECT_EQ(registry.memberships_of(paid), std::vector<int64_t>{7});
  EXPECT_EQ(registry.memberships_in(teams), std::vector<int64_t>{7});
  EXPECT_TRUE(registry.memberships_in({}).empty());
  Lease lease(account, {.output = {1'000'000}}, 100);
  ASSERT_EQ(lease.take(0, 10, 1), Lease::Held::kAll);
  registry.observe({.wallets = {}, .keys = {}, .left = {7, 99}});
  EXPECT_EQ(lease.take(0, 20, 11), Lease::Held::kNoPayer);
  EXPECT_TRUE(registry.memberships().empty());
  EXPECT_TRUE(registry.memberships_of(paid).empty());
  // He comes back, with a new membership.
  member.id = 9;
  registry.share(member, wallet);
  EXPECT_EQ(registry.memberships_of(paid), std::vector<int64_t>{9});
}

TEST(Registry, WithoutAKeyThereIsNoLimit) {
  Registry registry;
  EXPECT_EQ(registry.anonymous().limits(), Limits{});
  EXPECT_FALSE(registry.anonymous().has_quota());
  EXPECT_EQ(registry.anonymous().key_id(), 0);
}

}  // namespace
}  // namespace sluice::quota
