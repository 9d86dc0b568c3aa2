// Many threads on one balance: never overdrawn, and exact to the token at the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <random>
#include <thread>
#include <vector>

#include "quota/admission.hpp"
#include "quota/registry.hpp"

namespace sluice::quota {
namespace {

constexpr int kThreads = 6;
constexpr TimePoint kStart{std::chrono::hours(5)};
constexpr accounts::Price kPrice{.id = 1, .input = {1'500'000}, .output = {10'700'000}};

/// Runs `body(thread, random)` on all threads at once.
template <typename Body>
void together(Body body) {
  std::barrier start(kThreads);
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&start, &body, i] {
      std::minstd_rand random(static_cast<unsigned>(i + 1));
      start.arrive_and_wait();
      body(i, random);
    });
  }
}

/// One request: asks, relays what it can, settles what it relayed. Its tokens and its cost.
struct Used {
  int64_t tokens = 0;
  int64_t nanos = 0;
};
Used request(Account& account, std::minstd_rand& random, bool by_event) {
  const auto below = [&](unsigned end) { return static_cast<int64_t>(random() % end); };
  const Ask ask{.prompt_tokens = 1 + below(40),
                .prompt_exact = below(8) != 0,
                .output_limit = 1 + below(900),
                .by_event = by_event,
                .price = kPrice};
  auto granted = lease(account, ask);
  // Some ask in vain, some let go of what they got.
  if (!granted || granted->needs_exact_prompt || below(10) == 0) return {};
  int64_t output = 0;
  if (by_event) {
    while (output < ask.output_limit) {
      const int64_t next = output + 1 + below(24);
      if (!granted->lease.cover(ask.prompt_tokens, next)) break;
      output = next;
    }
  } else {
    output = below(static_cast<unsigned>(granted->output) + 1);
  }
  const Money cost = *accounts::cost_of(kPrice, {ask.prompt_tokens, 0, 0, output, 0});
  EXPECT_LE(cost, granted->lease.money());
  granted->lease.settle(ask.prompt_tokens + output, cost);
  return {ask.prompt_tokens + output, cost.nanos};
}

TEST(Parallel, LeasesNeverOverdrawAndSumUpExactly) {
  for (const auto& [tokens, nanos] : {std::pair<int64_t, int64_t>{400'000, 1'000'000'000},
                                      {100'000'000, 3'000'000},
                                      {300'000, 3'000'000},
                                      {100'000'000, 1'000'000'000}}) {
    Wallet wallet{.id = 1, .user_id = 1, .balance = Balance(nanos)};
    Account account(1);
    account.set_has_quota(true);
    account.tokens().add(tokens);
    account.set_wallet(&wallet);
    std::atomic<int64_t> used_tokens{0};
    std::atomic<int64_t> used_nanos{0};
    std::atomic<bool> overdrawn{false};
    together([&](int thread, std::minstd_rand& random) {
      for (int i = 0; i < 400; ++i) {
        const Used used = request(account, random, (thread + i) % 2 == 0);
        used_tokens += used.tokens;
        used_nanos += used.nanos;
        if (account.tokens().available() < 0 || wallet.balance.available() < 0) overdrawn = true;
      }
    });
    EXPECT_FALSE(overdrawn);
    EXPECT_EQ(account.tokens().available(), tokens - used_tokens);
    EXPECT_EQ(wallet.balance.available(), nanos - used_nanos);
  }
}

// Two members of a team with keys of their own, while budgets change and a day begins.
TEST(Parallel, MembersNeverSpendMoreThanTheirBudgets) {
  constexpr int64_t kWallet = 50'000'000;
  constexpr int64_t kBudgets[] = {2'000'000, 3'300'000};
  Registry registry;
  Wallet& wallet = registry.wallet({.id = 1, .user_id = 9, .user = "red", .balance = {kWallet}});
  std::vector<Account*> accounts;
  std::vector<store::Member> members(2);
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].id = static_cast<int64_t>(i) + 1;
    members[i].budgets.month = Money{kBudgets[i]};
    for (int64_t k = 0; k < 3; ++k) {
      store::Key key;
      key.id = members[i].id * 10 + k;
      accounts.push_back(&registry.account(key, {}, registry.share(members[i], wallet)));
    }
  }
  std::array<std::atomic<int64_t>, 2> used{};
  together([&](int thread, std::minstd_rand& random) {
    for (int i = 0; i < 600; ++i) {
      const size_t which = random() % accounts.size();
      const Used one = request(*accounts[which], random, (thread + i) % 2 == 0);
      used[which / 3] += one.nanos;
      if (thread == 0 && i % 50 == 0) {
        // More room by the day than by the month, so that it never decides.
        store::Member changed = members[0];
        changed.budgets.day = Money{kBudgets[0] + i};
        registry.set_budgets(changed);
      }
    }
  });
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_LE(used[i], kBudgets[i]);
    EXPECT_GT(used[i], kBudgets[i] / 2) << "the budget was never reached, which proves nothing";
  }
  EXPECT_EQ(wallet.balance.available(), kWallet - used[0] - used[1]);
}

// Streams that do not end by themselves spend everything: what is left is less than an event.
TEST(Parallel, StreamsStopWhereTheTokensEnd) {
  constexpr int64_t kTokens = 10'000;
  constexpr int64_t kEvent = 7;
  Account account(1);
  account.set_has_quota(true);
  account.tokens().add(kTokens);
  std::atomic<int64_t> relayed{0};
  together([&](int, std::minstd_rand&) {
    std::vector<Lease> streams;
    std::vector<int64_t> outputs;
    for (int i = 0; i < 5; ++i) {
      auto granted = lease(
          account,
          {.prompt_tokens = 20, .prompt_exact = true, .output_limit = 100'000, .by_event = true});
      if (!granted) break;
      relayed += 20;
      streams.push_back(std::move(granted->lease));
      outputs.push_back(0);
    }
    while (!streams.empty()) {
      for (size_t i = streams.size(); i-- > 0;) {
        if (streams[i].cover(20, outputs[i] + kEvent)) {
          outputs[i] += kEvent;
          relayed += kEvent;
          continue;
        }
        streams[i].settle(20 + outputs[i], {});
        streams.erase(streams.begin() + static_cast<ptrdiff_t>(i));
        outputs.erase(outputs.begin() + static_cast<ptrdiff_t>(i));
      }
    }
  });
  EXPECT_LE(relayed, kTokens);
  EXPECT_EQ(account.tokens().available(), kTokens - relayed);
  // Each stream's last event did not fit; what they gave back then may have come too late for
  // others on the same thread alone.
  EXPECT_LT(account.tokens().available(), kEvent * kThreads * 5);
}

TEST(Parallel, NoMoreAreInsideThanThereArePlaces) {
  Account account(1);
  account.set_limits({.max_parallel = 3});
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> entered{0};
  together([&](int, std::minstd_rand&) {
    for (int i = 0; i < 2000; ++i) {
      auto place = enter(account, 1, kStart);
      if (!place) continue;
      const int now = ++inside;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      ++entered;
      --inside;
    }
  });
  EXPECT_LE(most, 3);
  EXPECT_GT(entered, 0);
  EXPECT_EQ(account.parallel().load(), 0);
}

TEST(Parallel, ABurstIsSharedExactly) {
  Account account(1);
  account.set_limits({.requests_per_minute = 600, .burst = 500});
  std::atomic<int> entered{0};
  together([&](int, std::minstd_rand&) {
    for (int i = 0; i < 1000; ++i) entered += enter(account, 1, kStart).has_value() ? 1 : 0;
  });
  EXPECT_EQ(entered, 500);
}

TEST(Parallel, CorrectionsOfARateSumUp) {
  Account account(1);
  constexpr int64_t kRate = 60'000'000;  // one token a microsecond
  account.set_limits({.tokens_per_minute = kRate});
  together([&](int, std::minstd_rand& random) {
    for (int i = 0; i < 2000; ++i) {
      const auto prompt = static_cast<int64_t>(random() % 1000);
      EXPECT_TRUE(enter(account, prompt, kStart));
      account.token_rate().correct(100 - prompt, kRate, kStart);
    }
  });
  EXPECT_EQ(limit_state(account, kStart).tokens->remaining, kRate - 100 * 2000 * kThreads);
}

TEST(Parallel, ReloadsDisturbNothingThatRuns) {
  Registry registry;
  Wallet& one = registry.wallet({.id = 1, .user_id = 1, .user = "a", .balance = {1'000'000'000}});
  Wallet& two = registry.wallet({.id = 2, .user_id = 2, .user = "b", .balance = {1'000'000'000}});
  store::Key key;
  key.id = 1;
  key.quota_tokens = 50'000'000;
  Account& account = registry.account(key, {}, &one);
  std::atomic<int64_t> used_tokens{0};
  std::atomic<int64_t> used_nanos{0};
  std::atomic<int64_t> topped_up{0};
  together([&](int thread, std::minstd_rand& random) {
    for (int i = 0; i < 200; ++i) {
      if (thread == 0) {
        key.quota_tokens =
            i % 3 == 0 ? std::nullopt : std::optional<int64_t>(50'000'000 + i % 7 * 1000);
        registry.account(key, {.max_parallel = i % 5}, i % 2 == 0 ? &one : &two);
        registry.find_wallet(1)->balance.add(1000);
        topped_up += 1000;
        continue;
      }
      Place place;
      if (auto found = enter(account, 10, kStart)) place = std::move(*found);
      const Used used = request(account, random, i % 2 == 0);
      used_tokens += used.tokens;
      used_nanos += used.nanos;
    }
  });
  key.quota_tokens = 50'000'000;
  registry.account(key, {}, nullptr);
  EXPECT_EQ(account.tokens().available(), 50'000'000 - used_tokens);
  EXPECT_EQ(one.balance.available() + two.balance.available(),
            2'000'000'000 + topped_up - used_nanos);
  EXPECT_EQ(account.parallel().load(), 0);
}

}  // namespace
}  // namespace sluice::quota
