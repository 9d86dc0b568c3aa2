#include <gtest/gtest.h>

#include "base/counting_allocator.hpp"
#include "quota/admission.hpp"

namespace sluice::quota {
namespace {

TEST(Allocations, ARequestThatIsLetInMakesNone) {
  Wallet wallet{.id = 1, .user_id = 1, .balance = Balance(1'000'000'000)};
  Account account(1);
  account.set_has_quota(true);
  account.tokens().add(1'000'000);
  store::Member member;
  member.budgets.day = Money{1'000'000};
  Spending share(member);
  const Payer payer{.wallet = &wallet, .member = &share};
  account.set_payer(payer);
  store::Key limited;
  limited.budget_month = Money{1'000'000};
  account.spending().set_limits(limited);
  account.set_limits({.requests_per_minute = 1'000'000,
                      .burst = 1'000'000,
                      .tokens_per_minute = 1'000'000,
                      .max_parallel = 10});
  const accounts::Price price{.id = 1, .input = {1'000'000}, .output = {10'000'000}};
  const TimePoint start{std::chrono::hours(1)};
  bool covered = true;

  const size_t before = testing::allocations();
  {
    auto place = enter(account, 100, start);
    auto granted = lease(account, {.prompt_tokens = 100,
                                   .prompt_exact = true,
                                   .output_limit = 4000,
                                   .by_event = true,
                                   .price = price});
    for (int64_t output = 1; output < 4000; ++output) {
      covered = granted->lease.cover(100, output) && covered;
    }
    granted->lease.settle(4000, {39'000});
    covered = covered && limit_state(account, start).tokens->remaining > 0;
  }
  EXPECT_EQ(testing::allocations() - before, 0u);
  EXPECT_TRUE(covered);
  EXPECT_EQ(account.tokens().available(), 996'000);
}

}  // namespace
}  // namespace sluice::quota
