#include "quota/spending.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/calendar.hpp"
#include "quota/admission.hpp"
#include "quota/purse.hpp"
#include "quota/registry.hpp"

namespace sluice::quota {
namespace {

constexpr int64_t kMonday = 20'780;  // 2026-11-23
constexpr accounts::Price kPrice{.id = 1, .input = {1'000'000}, .output = {1'000'000}};
constexpr int64_t kOne = 1;  // nano-USD of a token

static_assert(week_of(kMonday) == kMonday);

store::Key key() {
  store::Key key;
  key.id = 1;
  key.name = "demo";
  return key;
}

TEST(Spending, StartsFromWhatTheDatabaseSays) {
  store::Key spent = key();
  spent.quota_money = Money{1000};
  spent.budget_day = Money{100};
  spent.budget_week = Money{300};
  spent.used_money = Money{500};
  spent.spent = {.on = kMonday + 1, .day = Money{60}, .week = Money{250}, .month = Money{400}};
  Spending spending(spent);
  // The same day, the same week, and the next week.
  EXPECT_EQ(spending.available(spending.enter(kMonday + 1)), 40);
  EXPECT_EQ(spending.available(spending.enter(kMonday + 2)), 50);
  EXPECT_EQ(spending.available(spending.enter(kMonday + 7)), 100);
  spent.budget_day.reset();
  spending.set_limits(spent);
  EXPECT_EQ(spending.available(spending.enter(kMonday + 7)), 300);
  spent.budget_week.reset();
  spending.set_limits(spent);
  EXPECT_EQ(spending.available(spending.enter(kMonday + 7)), 500);
}

TEST(Spending, TakesFromAllLimitsOrFromNone) {
  store::Key limited = key();
  limited.quota_money = Money{1000};
  limited.budget_month = Money{30};
  Spending spending(limited);
  const auto periods = spending.enter(kMonday);
  EXPECT_EQ(spending.take(periods, 50, 31), 0);
  EXPECT_EQ(spending.available(periods), 30);
  EXPECT_EQ(spending.take(periods, 50, 1), 30);
  EXPECT_EQ(spending.take(periods, 1, 1), 0);
  limited.budget_month = Money{10'000};
  spending.set_limits(limited);
  EXPECT_EQ(spending.available(periods), 970);
}

TEST(Spending, WhatRunsOverMidnightCountsWhereItBegan) {
  store::Key limited = key();
  limited.budget_day = Money{100};
  Spending spending(limited);
  const auto monday = spending.enter(kMonday);
  ASSERT_EQ(spending.take(monday, 80, 1), 80);
  const auto tuesday = spending.enter(kMonday + 1);
  EXPECT_EQ(spending.available(tuesday), 100);
  EXPECT_EQ(spending.take(monday, 30, 1), 20);
  spending.add(monday, 50);
  EXPECT_EQ(spending.available(monday), 50);
  EXPECT_EQ(spending.available(tuesday), 100);
  // A clock that is set back does not open an earlier day again.
  EXPECT_EQ(spending.enter(kMonday), tuesday);
  // Two days later nothing is known of Monday.
  spending.enter(kMonday + 2);
  EXPECT_EQ(spending.take(monday, 1, 1), 0);
}

TEST(Spending, ParallelLeasesNeverHoldMoreThanABudget) {
  Registry registry;
  store::Key limited = key();
  limited.budget_day = Money{10'000};
  limited.budget_week = Money{9000};
  Wallet wallet{.id = 1, .user_id = 1, .balance = Balance(1'000'000)};
  Account& account = registry.account(limited, {}, &wallet);
  std::atomic<int64_t> held{0};
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<Lease> leases;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        Lease lease(account, kPrice, 100, kMonday);
        if (Lease::refused(lease.take(3, 10, 1))) continue;
        held += lease.money().nanos;
        const std::scoped_lock lock(mutex);
        leases.push_back(std::move(lease));
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_LE(held, 9000);
  EXPECT_GE(held, 9000 - 3);
  EXPECT_EQ(wallet.balance.available(), 1'000'000 - held);
  for (Lease& each : leases) each.settle(1, Money{kOne});
  EXPECT_EQ(wallet.balance.available(), 1'000'000 - static_cast<int64_t>(leases.size()));
  EXPECT_EQ(account.spending().available(account.spending().enter(kMonday)),
            9000 - static_cast<int64_t>(leases.size()));
}

TEST(Spending, IsALimitWithoutAWallet) {
  Registry registry;
  store::Key limited = key();
  limited.quota_money = Money{50};
  Account& account = registry.account(limited, {}, nullptr);
  EXPECT_TRUE(is_limited(account));
  const Ask ask{.prompt_tokens = 20,
                .prompt_exact = true,
                .output_limit = 1000,
                .by_event = true,
                .price = kPrice,
                .day = kMonday};
  auto granted = lease(account, ask);
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->lease.money(), Money{50});
  EXPECT_TRUE(granted->lease.cover(20, 30));
  EXPECT_FALSE(granted->lease.cover(20, 31));
  const auto refused = lease(account, ask);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::kInsufficientQuota);
  EXPECT_EQ(refused.error().error.message, "This API key has used up its budget.");
  // More than the lease: a debt, which blocks.
  granted->lease.settle(70, Money{70});
  EXPECT_FALSE(lease(account, ask));
  // What costs nothing is not held back.
  Ask free = ask;
  free.price = {};
  EXPECT_TRUE(lease(account, free));
}

TEST(Spending, AnEmptyWalletIsNotTakenForABudget) {
  Registry registry;
  store::Key limited = key();
  limited.budget_day = Money{1'000'000};
  Wallet wallet{.id = 1, .user_id = 1, .balance = Balance(0)};
  Account& account = registry.account(limited, {}, &wallet);
  Lease lease(account, kPrice, 100, kMonday);
  EXPECT_EQ(lease.look(10, 1), Lease::Held::kNoMoney);
  wallet.balance.add(1'000'000);
  limited.budget_day = Money{};
  registry.account(limited, {}, &wallet);
  EXPECT_EQ(lease.look(10, 1), Lease::Held::kNoBudget);
}

store::Member member(std::optional<Money> day, std::optional<Money> month = {}) {
  store::Member member;
  member.id = 7;
  member.team_id = 3;
  member.user_id = 4;
  member.budgets = {.day = day, .week = {}, .month = month};
  return member;
}

store::Key numbered(int64_t id) {
  store::Key one = key();
  one.id = id;
  return one;
}

Ask ask_for(int64_t output, int64_t prompt = 0) {
  return {.prompt_tokens = prompt,
          .prompt_exact = true,
          .output_limit = output,
          .by_event = false,
          .price = kPrice,
          .day = kMonday};
}

TEST(Member, AllHisKeysShareOneBudget) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 3, .user = "red", .balance = {1000}});
  const Payer& share = registry.share(member(Money{100}), wallet);
  Account& one = registry.account(numbered(1), {}, share);
  Account& two = registry.account(numbered(2), {}, share);
  Account& hers = registry.account(numbered(3), {}, &wallet);
  EXPECT_TRUE(is_limited(one));
  auto first = lease(one, ask_for(60));
  ASSERT_TRUE(first);
  auto second = lease(two, ask_for(60));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->output, 40);
  const auto third = lease(one, ask_for(1));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().error.code, ErrorCode::kInsufficientQuota);
  EXPECT_EQ(third.error().error.message,
            "Your budget of the day in the team that pays for this API key is used up.");
  // The rest of the wallet is for others.
  EXPECT_EQ(lease(hers, ask_for(800))->output, 800);
  first->lease.settle(10, Money{10});
  EXPECT_EQ(lease(two, ask_for(60))->output, 50);
  EXPECT_EQ(wallet.balance.available(), 1000 - 40 - 10);
  // The next day begins anew; the lease of the day before counts where it began.
  Ask tomorrow = ask_for(100);
  tomorrow.day = kMonday + 1;
  EXPECT_EQ(lease(one, tomorrow)->output, 100);
}

TEST(Member, WhatHisBudgetDoesNotCoverGoesBackToTheKeyAndTheWallet) {
  Wallet wallet{.id = 1, .user_id = 3, .balance = Balance(1000)};
  store::Key limited = key();
  limited.quota_money = Money{500};
  Spending spending(limited);
  Spending share(member(Money{30}));
  const Payer payer{.wallet = &wallet, .member = &share};
  Purse purse(payer, spending, kMonday);
  EXPECT_EQ(purse.take(100, 31), 0);
  EXPECT_EQ(wallet.balance.available(), 1000);
  EXPECT_EQ(spending.available(spending.enter(kMonday)), 500);
  EXPECT_EQ(purse.take(100, 1), 30);
  EXPECT_EQ(wallet.balance.available(), 970);
  EXPECT_EQ(spending.available(spending.enter(kMonday)), 470);
  purse.add(30);
  EXPECT_EQ(wallet.balance.available(), 1000);
  EXPECT_EQ(spending.available(spending.enter(kMonday)), 500);
  EXPECT_EQ(share.available(share.enter(kMonday)), 30);
}

TEST(Member, IsToldWhatIsUsedUp) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 3, .user = "red", .balance = {100}});
  store::Key limited = numbered(1);
  limited.quota_money = Money{50};
  Account& account = registry.account(limited, {}, registry.share(member({}), wallet));
  const auto why = [&](int64_t output) {
    auto got = lease(account, {.prompt_tokens = output,
                               .prompt_exact = true,
                               .output_limit = 1,
                               .by_event = false,
                               .price = kPrice,
                               .day = kMonday});
    return got ? std::string() : got.error().error.message;
  };
  EXPECT_EQ(why(60), "This API key has used up its budget.");
  limited.quota_money.reset();
  registry.account(limited, {}, account.payer());
  EXPECT_EQ(why(200), "The balance of the team that pays for this API key is used up.");
  store::Member weekly = member({});
  weekly.budgets.week = Money{10};
  registry.set_budgets(weekly);
  EXPECT_EQ(why(60), "Your budget of the week in the team that pays for this API key is used up.");
  registry.set_budgets(member({}, Money{10}));
  EXPECT_EQ(why(60), "Your budget of the month in the team that pays for this API key is used up.");
  registry.set_budgets(member({}));
  EXPECT_EQ(why(60), "");
  registry.account(limited, {}, Payer::kGone);
  const std::string gone = "The team that paid for this API key pays for it no more.";
  EXPECT_EQ(why(60), gone);
  // What costs nothing, too: it was the team that let him in.
  Ask free = ask_for(5);
  free.price = {};
  EXPECT_EQ(lease(account, free).error().error.message, gone);
  EXPECT_TRUE(is_limited(account));
}

TEST(Member, WhoHasLeftSpendsNothingMore) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 3, .user = "red", .balance = {100'000}});
  const Payer& share = registry.share(member({}), wallet);
  Account& account = registry.account(numbered(1), {}, share);
  Ask ask = ask_for(5000);
  ask.by_event = true;
  auto running = lease(account, ask);
  ASSERT_TRUE(running);
  EXPECT_TRUE(running->lease.cover(0, 250));
  const int64_t held = running->lease.money().nanos;
  registry.close_share(7);
  EXPECT_TRUE(running->lease.cover(0, held)) << "what it holds is his";
  EXPECT_FALSE(running->lease.cover(0, held + 1));
  running->lease.settle(held, Money{held});
  EXPECT_EQ(wallet.balance.available(), 100'000 - held);
  // A reload that has read the members before does not let him in again.
  registry.account(numbered(1), {}, registry.share(member(Money{1'000'000}), wallet));
  EXPECT_EQ(lease(account, ask).error().error.message,
            "The team that paid for this API key pays for it no more.");
}

TEST(Member, ANewBudgetHoldsForWhatRuns) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 3, .user = "red", .balance = {100'000}});
  Account& account = registry.account(numbered(1), {}, registry.share(member({}), wallet));
  Ask ask = ask_for(5000);
  ask.by_event = true;
  auto running = lease(account, ask);
  ASSERT_TRUE(running->lease.cover(0, 400));
  registry.set_budgets(member(Money{700}));
  int64_t output = 400;
  while (running->lease.cover(0, output + 1)) ++output;
  EXPECT_EQ(output, 700);
}

TEST(Member, StartsFromWhatTheDatabaseSays) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 3, .user = "red", .balance = {1000}});
  store::Member spent = member(Money{100});
  spent.spent = {.on = kMonday, .day = Money{70}, .week = Money{70}, .month = Money{70}};
  Account& account = registry.account(numbered(1), {}, registry.share(spent, wallet));
  EXPECT_EQ(lease(account, ask_for(90))->output, 30);
}

TEST(Spending, AFirstLimitCountsWhatRuns) {
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 1, .user = "a", .balance = {100'000}});
  Account& account = registry.account(key(), {}, &wallet);
  auto running = lease(account, ask_for(300));
  ASSERT_TRUE(running);
  store::Key limited = key();
  limited.quota_money = Money{400};
  registry.account(limited, {}, &wallet);
  EXPECT_EQ(lease(account, ask_for(300))->output, 100);
  running->lease.settle(250, Money{250});
  EXPECT_EQ(lease(account, ask_for(300))->output, 150);
}

TEST(Spending, AFirstLimitCountsWhatNobodyPaidFor) {
  Registry registry;
  Account& account = registry.account(key(), {}, nullptr);
  EXPECT_FALSE(is_limited(account));
  auto running = lease(account, ask_for(300));
  ASSERT_TRUE(running);
  EXPECT_FALSE(running->lease.bounded());
  store::Key limited = key();
  limited.quota_money = Money{400};
  registry.account(limited, {}, nullptr);
  running->lease.settle(250, Money{250});
  EXPECT_EQ(lease(account, ask_for(300))->output, 150);
}

TEST(Registry, TellsWhichKeysWereUsedOnce) {
  Registry registry;
  Account& account = registry.account(key(), {}, nullptr);
  const TimePoint start = TimePoint(std::chrono::hours(1));
  EXPECT_TRUE(registry.take_used(start, 1'000'000).empty());
  ASSERT_TRUE(enter(account, 1, start + std::chrono::seconds(1)));
  const auto used = registry.take_used(start + std::chrono::seconds(3), 1'003'000);
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(used[0].id, 1);
  EXPECT_EQ(used[0].at, 1'001'000);
  EXPECT_TRUE(registry.take_used(start + std::chrono::seconds(4), 1'004'000).empty());
}

}  // namespace
}  // namespace sluice::quota
