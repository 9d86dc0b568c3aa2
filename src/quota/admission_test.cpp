#include "quota/admission.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::quota {
namespace {

using observe::LimitReason;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{std::chrono::hours(5)};
// A token of input costs 1 nano-USD and one of output 10.
constexpr accounts::Price kPrice{.id = 1, .input = {1'000'000}, .output = {10'000'000}};

struct Keyed {
  explicit Keyed(const Limits& limits) { account.set_limits(limits); }
  explicit Keyed(int64_t tokens) {
    account.set_has_quota(true);
    account.tokens().add(tokens);
  }
  Account account{1};
};

TEST(Enter, WithoutLimitsEverybodyEnters) {
  Account account(1);
  std::vector<Place> places;
  for (int i = 0; i < 100; ++i) {
    auto place = enter(account, 1'000'000, kStart);
    ASSERT_TRUE(place);
    places.push_back(std::move(*place));
  }
  EXPECT_EQ(account.parallel().load(), 100);
  places.clear();
  EXPECT_EQ(account.parallel().load(), 0);
}

TEST(Enter, LetsABurstInAndThenSaysWhenToComeBack) {
  Keyed key({.requests_per_minute = 60, .burst = 2});
  EXPECT_TRUE(enter(key.account, 1, kStart));
  EXPECT_TRUE(enter(key.account, 1, kStart));
  const auto refused = enter(key.account, 1, kStart + milliseconds(300));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::kRateLimitExceeded);
  EXPECT_EQ(refused.error().limit, LimitReason::kRequests);
  EXPECT_EQ(refused.error().retry_after, milliseconds(700));
  EXPECT_FALSE(enter(key.account, 1, kStart + seconds(1) - Duration(1)));
  EXPECT_TRUE(enter(key.account, 1, kStart + seconds(1)));
}

TEST(Enter, ForNothingSpendsARequestAlone) {
  Keyed key({.requests_per_minute = 60, .burst = 2, .tokens_per_minute = 1, .max_parallel = 1});
  const auto place = enter(key.account, 5, kStart);
  ASSERT_TRUE(place);
  // The place is taken and the tokens of the minute are used up.
  EXPECT_TRUE(enter_for_nothing(key.account, kStart));
  const auto refused = enter_for_nothing(key.account, kStart + milliseconds(300));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, LimitReason::kRequests);
  EXPECT_EQ(refused.error().retry_after, milliseconds(700));
}

TEST(Enter, APlaceIsHeldUntilItIsLetGo) {
  Keyed key({.max_parallel = 2});
  auto one = enter(key.account, 1, kStart);
  auto two = enter(key.account, 1, kStart);
  const auto refused = enter(key.account, 1, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::kRateLimitExceeded);
  EXPECT_EQ(refused.error().limit, LimitReason::kParallel);
  EXPECT_TRUE(refused.error().retry_after);
  Place moved = std::move(*one);
  EXPECT_FALSE(enter(key.account, 1, kStart));
  moved = {};
  EXPECT_TRUE(enter(key.account, 1, kStart));
  // The last one was let go at once.
  EXPECT_EQ(key.account.parallel().load(), 1);
}

TEST(Enter, ARefusalSpendsNothing) {
  Keyed key({.requests_per_minute = 60, .burst = 2, .tokens_per_minute = 60, .max_parallel = 1});
  {
    // By the parallel calls.
    auto place = enter(key.account, 10, kStart);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(enter(key.account, 10, kStart));
  }
  LimitState state = limit_state(key.account, kStart);
  EXPECT_EQ(state.requests->remaining, 1);
  EXPECT_EQ(state.tokens->remaining, 50);
  // By the tokens.
  key.account.token_rate().correct(50, 60, kStart);
  for (int i = 0; i < 10; ++i) {
    const auto refused = enter(key.account, 10, kStart);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().limit, LimitReason::kTokens);
    EXPECT_EQ(refused.error().retry_after, seconds(1));
  }
  EXPECT_EQ(limit_state(key.account, kStart).requests->remaining, 1);
  key.account.token_rate().correct(-50, 60, kStart);
  // By the requests.
  EXPECT_TRUE(enter(key.account, 10, kStart));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(enter(key.account, 10, kStart));
  state = limit_state(key.account, kStart);
  EXPECT_EQ(state.requests->remaining, 0);
  EXPECT_EQ(state.tokens->remaining, 40);
  EXPECT_EQ(key.account.parallel().load(), 0);
}

TEST(Enter, WhenTwoLimitsRefuseTheLaterOneSaysWhenToComeBack) {
  Keyed key({.requests_per_minute = 60, .burst = 1, .tokens_per_minute = 60});
  EXPECT_TRUE(enter(key.account, 90, kStart));
  const auto refused = enter(key.account, 1, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, LimitReason::kTokens);
  EXPECT_EQ(refused.error().retry_after, seconds(31));
  EXPECT_TRUE(enter(key.account, 1, kStart + seconds(31)));
}

// However small the limit is: else there would be prompts that can never be sent.
TEST(Enter, APromptLongerThanTheTokensOfAMinuteEntersAndIsWaitedFor) {
  Keyed key({.tokens_per_minute = 600});
  EXPECT_TRUE(enter(key.account, 1200, kStart));
  const auto refused = enter(key.account, 1, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, LimitReason::kTokens);
  EXPECT_EQ(refused.error().retry_after, seconds(60) + milliseconds(100));
  // At its end it turned out to have used less.
  key.account.token_rate().correct(-1000, 600, kStart);
  EXPECT_EQ(limit_state(key.account, kStart).tokens->remaining, 400);
  EXPECT_TRUE(enter(key.account, 1, kStart));
}

TEST(Enter, AReloadChangesTheLimitsOfWhatRuns) {
  Keyed key({.max_parallel = 0});
  auto one = enter(key.account, 1, kStart);
  auto two = enter(key.account, 1, kStart);
  key.account.set_limits({.requests_per_minute = 60, .burst = 1, .max_parallel = 2});
  EXPECT_FALSE(enter(key.account, 1, kStart));
  *two = {};
  EXPECT_TRUE(enter(key.account, 1, kStart));
  EXPECT_FALSE(enter(key.account, 1, kStart));
  key.account.set_limits({});
  EXPECT_TRUE(enter(key.account, 1, kStart));
}

TEST(LimitState, TellsOfLimitsThatThereAre) {
  Account free(1);
  EXPECT_FALSE(limit_state(free, kStart).requests);
  EXPECT_FALSE(limit_state(free, kStart).tokens);
  Keyed key({.requests_per_minute = 30, .burst = 10, .tokens_per_minute = 6000});
  EXPECT_TRUE(enter(key.account, 1500, kStart));
  const LimitState state = limit_state(key.account, kStart + seconds(1));
  EXPECT_EQ(state.requests->limit, 10);
  EXPECT_EQ(state.requests->remaining, 9);
  EXPECT_EQ(state.requests->reset, seconds(1));
  EXPECT_EQ(state.tokens->limit, 6000);
  EXPECT_EQ(state.tokens->remaining, 4600);
  EXPECT_EQ(state.tokens->reset, seconds(14));
}

TEST(LeaseOf, AStreamBeginsWithAPartAndAWholeAnswerWithAll) {
  Keyed key(10'000);
  Ask ask{.prompt_tokens = 100, .prompt_exact = true, .output_limit = 4000, .by_event = true};
  {
    const auto granted = lease(key.account, ask);
    EXPECT_EQ(granted->lease.tokens(), 100 + 256);
    EXPECT_EQ(granted->output, 4000);
  }
  ask.by_event = false;
  {
    const auto granted = lease(key.account, ask);
    EXPECT_EQ(granted->lease.tokens(), 4100);
    EXPECT_EQ(granted->output, 4000);
  }
  ask.output_limit = 20;
  ask.by_event = true;
  EXPECT_EQ(lease(key.account, ask)->lease.tokens(), 120);
  EXPECT_EQ(key.account.tokens().available(), 10'000);
}

TEST(LeaseOf, AShortBalanceLowersTheAnswer) {
  Keyed key(10'000);
  Ask ask{.prompt_tokens = 100, .prompt_exact = true, .output_limit = 20'000};
  auto granted = lease(key.account, ask);
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->output, 9900);
  EXPECT_EQ(granted->lease.tokens(), 10'000);
  EXPECT_EQ(key.account.tokens().available(), 0);
  granted->lease.settle(10'000, {});
  EXPECT_EQ(key.account.tokens().available(), 0);
}

TEST(LeaseOf, ThePromptAndOneTokenAreTheLeast) {
  Keyed key(101);
  const Ask ask{.prompt_tokens = 100, .prompt_exact = true, .output_limit = 500};
  {
    const auto granted = lease(key.account, ask);
    ASSERT_TRUE(granted);
    EXPECT_EQ(granted->output, 1);
  }
  key.account.tokens().add(-1);
  const auto refused = lease(key.account, ask);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::kInsufficientQuota);
  EXPECT_EQ(refused.error().retry_after, std::nullopt);
  EXPECT_EQ(refused.error().limit, LimitReason::kQuota);
  EXPECT_EQ(key.account.tokens().available(), 100);
}

TEST(LeaseOf, WhatHasNoOutputNeedsItsPromptAlone) {
  Keyed key(100);
  EXPECT_TRUE(lease(key.account, {.prompt_tokens = 100, .prompt_exact = true}));
  EXPECT_FALSE(lease(key.account, {.prompt_tokens = 101, .prompt_exact = true}));
}

TEST(LeaseOf, AskedWithABoundItSaysWhenThePromptMustBeCounted) {
  Keyed key(1000);
  Ask ask{.prompt_tokens = 100, .output_limit = 900};
  // All of it is there, so the bound decides nothing.
  EXPECT_FALSE(lease(key.account, ask)->needs_exact_prompt);
  ask.output_limit = 901;
  auto granted = lease(key.account, ask);
  ASSERT_TRUE(granted);
  EXPECT_TRUE(granted->needs_exact_prompt);
  EXPECT_EQ(key.account.tokens().available(), 1000);
  ask.prompt_tokens = 2000;
  EXPECT_TRUE(lease(key.account, ask)->needs_exact_prompt);
  ask.by_event = true;
  EXPECT_TRUE(lease(key.account, ask)->needs_exact_prompt);
  // No prompt is so short that this is enough.
  key.account.tokens().add(-1000);
  EXPECT_FALSE(lease(key.account, ask));
}

TEST(LeaseOf, TheWalletDecidesAsTheKeyDoes) {
  Wallet wallet{.id = 1, .user_id = 1, .balance = Balance(1105)};
  Account account(1);
  account.set_wallet(&wallet);
  Ask ask{.prompt_tokens = 100, .prompt_exact = true, .output_limit = 500, .price = kPrice};
  {
    const auto granted = lease(account, ask);
    ASSERT_TRUE(granted);
    EXPECT_EQ(granted->output, 100);
    EXPECT_EQ(granted->lease.money().nanos, 1100);
    EXPECT_EQ(wallet.balance.available(), 5);
  }
  wallet.balance.add(-1000);
  EXPECT_FALSE(lease(account, ask));
  ask.prompt_exact = false;
  EXPECT_TRUE(lease(account, ask)->needs_exact_prompt);
  wallet.balance.add(-105);
  EXPECT_FALSE(lease(account, ask));
  // What costs nothing may go on.
  ask.price = {};
  EXPECT_TRUE(lease(account, ask));
}

TEST(LeaseOf, ADebtBlocksTheNextCall) {
  Keyed key(1000);
  Ask ask{.prompt_tokens = 100, .prompt_exact = true, .output_limit = 900};
  auto granted = lease(key.account, ask);
  granted->lease.settle(1001, {});
  ask = {.prompt_exact = true};
  EXPECT_FALSE(lease(key.account, ask));
  key.account.tokens().add(2);
  EXPECT_TRUE(lease(key.account, ask));
}

}  // namespace
}  // namespace sluice::quota
