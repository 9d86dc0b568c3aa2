// Phase one as a caller meets it, and what each event of a stream costs.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "accounts/key_ring.hpp"
#include "base/counting_allocator.hpp"
#include "quota/admission.hpp"
#include "quota/registry.hpp"

namespace sluice::quota {
namespace {

constexpr int64_t kPlenty = int64_t{1} << 60;
constexpr accounts::Price kPrice{
    .id = 1, .input = {2'500'000'000}, .output = {10'000'000'000}, .cache_read = {1'250'000'000}};
// All limits apply and none refuses.
constexpr Limits kLimits{.requests_per_minute = 1'000'000'000'000,
                         .burst = 1'000'000'000'000,
                         .tokens_per_minute = 1'000'000'000'000'000,
                         .max_parallel = 1000};
constexpr Ask kStream{.prompt_tokens = 800,
                      .prompt_exact = false,
                      .output_limit = 16'384,
                      .by_event = true,
                      .price = kPrice};

struct Metered {
  Metered() {
    account.set_has_quota(true);
    account.tokens().add(kPlenty);
    store::Member budgets;
    budgets.budgets = {.day = Money{kPlenty}, .week = Money{kPlenty}, .month = Money{kPlenty}};
    member.set_limits(budgets.budgets);
    store::Key key;
    key.quota_money = key.budget_day = key.budget_week = key.budget_month = Money{kPlenty};
    account.spending().set_limits(key);
    account.set_payer(payer);
    account.set_limits(kLimits);
  }
  Wallet wallet{.id = 1, .user_id = 1, .balance = Balance(kPlenty)};
  Spending member;
  const Payer payer{.wallet = &wallet, .member = &member};
  Account account{1};
};

/// Times every call by itself; the clock's own 20 to 30 ns are in the figures.
class Percentiles {
 public:
  Percentiles() { taken_.reserve(kMost); }
  template <typename Call>
  void time(Call call) {
    const TimePoint start = now();
    call();
    const Duration took = now() - start;
    if (taken_.size() < kMost) taken_.push_back(took.count());
  }
  void report(benchmark::State& state) {
    std::ranges::sort(taken_);
    const auto at = [&](double share) {
      return static_cast<double>(
          taken_[static_cast<size_t>(share * static_cast<double>(taken_.size() - 1))]);
    };
    state.counters["p50_ns"] = at(0.5);
    state.counters["p99_ns"] = at(0.99);
    state.counters["p999_ns"] = at(0.999);
  }

 private:
  static constexpr size_t kMost = 1 << 20;
  std::vector<int64_t> taken_;
};

/// Let in, leased, settled; the time is that of entering and leasing.
void BM_EnterAndLease(benchmark::State& state) {
  Metered metered;
  Percentiles percentiles;
  const TimePoint at = now();
  const size_t before = testing::allocations();
  for (auto _ : state) {
    std::expected<Place, Refusal> place;
    std::expected<Granted, Refusal> granted;
    percentiles.time([&] {
      place = enter(metered.account, kStream.prompt_tokens, at);
      granted = lease(metered.account, kStream);
    });
    if (!place || !granted) return state.SkipWithError("refused");
    granted->lease.settle(1000, {1'000'000});
  }
  state.counters["allocations"] = static_cast<double>(testing::allocations() - before);
  percentiles.report(state);
}
BENCHMARK(BM_EnterAndLease);

/// The same without a clock in between, and by several threads on one key and one wallet.
void BM_Request(benchmark::State& state) {
  static Metered shared;
  const TimePoint at = now();
  for (auto _ : state) {
    auto place = enter(shared.account, kStream.prompt_tokens, at);
    auto granted = lease(shared.account, kStream);
    if (!place || !granted) return state.SkipWithError("refused");
    granted->lease.settle(1000, {1'000'000});
    shared.account.token_rate().correct(200, kLimits.tokens_per_minute, at);
  }
}
BENCHMARK(BM_Request)->Threads(1)->Threads(4)->UseRealTime();

/// One event of 4 tokens of a long stream, what the lease grows by included.
void BM_Cover(benchmark::State& state) {
  Metered metered;
  auto granted = lease(metered.account, kStream);
  int64_t output = 0;
  for (auto _ : state) {
    output += 4;
    benchmark::DoNotOptimize(granted->lease.cover(800, output));
    if (output > 16'000) {
      output = 0;
      state.PauseTiming();
      granted = lease(metered.account, kStream);
      state.ResumeTiming();
    }
  }
}
BENCHMARK(BM_Cover)->Iterations(1 << 22);

/// An event that the lease covers without growing.
void BM_CoverFast(benchmark::State& state) {
  Metered metered;
  auto granted = lease(metered.account, kStream);
  int64_t output = 0;
  for (auto _ : state) {
    output = (output + 4) & 127;
    benchmark::DoNotOptimize(granted->lease.cover(800, output));
  }
}
BENCHMARK(BM_CoverFast);

/// Four streams of one key, each an event of 4 tokens at a time.
void BM_CoverContended(benchmark::State& state) {
  static Metered shared;
  auto granted = lease(shared.account, kStream);
  int64_t output = 0;
  for (auto _ : state) {
    output += 4;
    benchmark::DoNotOptimize(granted->lease.cover(800, output));
    if (output > 16'000) {
      output = 0;
      granted = lease(shared.account, kStream);
    }
  }
}
BENCHMARK(BM_CoverContended)->Threads(4)->UseRealTime();

/// All of phase one with 100,000 keys of 10,000 users, every fourth with budgets: whose key, may
/// it use the model, what does it cost, limits, lease. And the bytes that all of them take.
void BM_Allow(benchmark::State& state) {
  constexpr int kKeys = 100'000;
  constexpr int kUsers = 10'000;
  constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";
  const auto text_of = [](int i) {
    return "sk-sluice-0123456789abcdef0123456789abcdef" + std::to_string(i);
  };
  const config::Config config;
  const size_t used = mallinfo2().uordblks;
  Registry registry;
  auto builder = *accounts::KeyRing::Builder::begin(config, kSecret);
  for (int i = 0; i < kKeys; ++i) {
    store::Key key;
    key.id = i + 1;
    key.user_id = i % kUsers + 1;
    key.digest = accounts::KeyRing::digest_of(kSecret, text_of(i));
    key.name = "key " + std::to_string(i);
    key.models = {"claude-*", "gpt-4o"};
    key.allow_ips = {"10.0.0.0/8", "192.168.0.0/16"};
    key.quota_tokens = kPlenty;
    if (i % 4 == 0) {
      key.budget_day = Money{kPlenty};
      key.budget_month = Money{kPlenty};
    }
    Wallet& wallet = registry.wallet(
        {.id = key.user_id, .user_id = key.user_id, .user = "u", .balance = {kPlenty}});
    if (!builder.add(key, &registry.account(key, kLimits, &wallet))) std::abort();
  }
  const auto ring = *builder.finish();
  state.counters["bytes_a_key"] = static_cast<double>(mallinfo2().uordblks - used) / kKeys;
  std::vector<std::string> texts;
  for (int i = 0; i < kKeys; ++i) texts.push_back(text_of(i));
  accounts::PriceList prices;
  for (int i = 0; i < 200; ++i) prices.set("model-" + std::to_string(i), kPrice);
  prices.set("gpt-4o", kPrice);
  const auto client = *IpAddress::parse("192.168.3.4");

  Percentiles percentiles;
  const TimePoint at = now();
  size_t next = 0;
  size_t allocated = 0;
  for (auto _ : state) {
    // Far apart, so that little is found in the cache.
    const std::string& text = texts[next = (next + 7919) % kKeys];
    const size_t before = testing::allocations();
    std::expected<Place, Refusal> place;
    std::expected<Granted, Refusal> granted;
    percentiles.time([&] {
      const auto key = ring.authenticate(text, client, 1'800'000'000);
      if (!key || !accounts::KeyRing::check_model(**key, "gpt-4o")) return;
      Account& account = *(*key)->account;
      Ask ask = kStream;
      ask.price = *prices.find("gpt-4o", "gpt-4o-2024-08-06");
      place = enter(account, ask.prompt_tokens, at);
      granted = lease(account, ask);
    });
    if (!granted || !granted->lease.bounded()) return state.SkipWithError("refused");
    granted->lease.settle(1000, {1'000'000});
    allocated += testing::allocations() - before;
  }
  state.counters["allocations"] = static_cast<double>(allocated);
  percentiles.report(state);
}
BENCHMARK(BM_Allow);

}  // namespace
}  // namespace sluice::quota
