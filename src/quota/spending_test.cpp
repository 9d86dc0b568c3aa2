#include "quota/spending.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/calendar.hpp"
#include "quota/admission.hpp"
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
