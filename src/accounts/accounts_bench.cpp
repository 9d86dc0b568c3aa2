#include <benchmark/benchmark.h>
#include <malloc.h>

#include "accounts/key_ring.hpp"
#include "accounts/price.hpp"
#include "base/counting_allocator.hpp"

namespace sluice::accounts {
namespace {

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

std::string text_of(int64_t i) { return "sk-0123456789abcdef0123456789abcdef" + std::to_string(i); }

std::vector<store::Key> keys(int64_t count) {
  std::vector<store::Key> keys;
  for (int64_t i = 0; i < count; ++i) {
    store::Key& key = keys.emplace_back();
    key.id = i + 1;
    key.digest = KeyRing::digest_of(kSecret, text_of(i));
    key.name = "key " + std::to_string(i);
    key.models = {"gpt-4o", "claude-*"};
    key.allow_ips = {"10.0.0.0/8", "192.168.0.0/16"};
  }
  return keys;
}

void BM_Authorize(benchmark::State& state) {
  const KeyRing ring = *KeyRing::make({}, keys(state.range(0)), kSecret);
  const IpAddress client = *IpAddress::parse("192.168.3.4");
  std::vector<std::string> texts;
  for (int64_t i = 0; i < 1024; ++i) texts.push_back(text_of(i * 7919 % state.range(0)));
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        ring.authorize(texts[next++ % texts.size()], client, "claude-sonnet-4-6", 0));
  }
}
BENCHMARK(BM_Authorize)->Arg(10)->Arg(10'000)->Arg(100'000);

/// Time to build a ring, and the bytes that it holds for a key.
void BM_MakeRing(benchmark::State& state) {
  const std::vector<store::Key> all = keys(state.range(0));
  for (auto _ : state) {
    const size_t before = mallinfo2().uordblks;
    auto ring = KeyRing::make({}, all, kSecret);
    state.counters["bytes_a_key"] =
        static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(all.size());
    benchmark::DoNotOptimize(ring);
  }
}
BENCHMARK(BM_MakeRing)->Arg(100'000)->Unit(benchmark::kMillisecond);

/// A change as it comes into force: a copy of the ring that differs in one key.
void BM_ChangeKey(benchmark::State& state) {
  const std::vector<store::Key> all = keys(state.range(0));
  KeyRing ring = *KeyRing::make({}, all, kSecret);
  size_t next = 0;
  for (auto _ : state) {
    KeyRing copy = ring;
    benchmark::DoNotOptimize(copy.put(all[next++ * 7919 % all.size()], nullptr));
    ring = std::move(copy);
  }
}
BENCHMARK(BM_ChangeKey)->Arg(10)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void BM_CostOf(benchmark::State& state) {
  const Price price{.id = 1,
                    .input = {2'500'000'000},
                    .output = {10'000'000'000},
                    .cache_read = {1'250'000'000},
                    .cache_write = {2'500'000'000}};
  TokenCounts counts{1000, 2000, 0, 300, 100};
  for (auto _ : state) {
    benchmark::DoNotOptimize(counts);
    benchmark::DoNotOptimize(cost_of(price, counts));
  }
}
BENCHMARK(BM_CostOf);

void BM_PriceOf(benchmark::State& state) {
  PriceList prices;
  for (int i = 0; i < 500; ++i) prices.set("vendor/model-" + std::to_string(i), {.id = i});
  const std::string requested = "an-alias-of-some-length";
  const std::string upstream = "vendor/model-250";
  const size_t before = testing::allocations();
  for (auto _ : state) benchmark::DoNotOptimize(prices.find(requested, upstream));
  state.counters["allocations"] = static_cast<double>(testing::allocations() - before);
}
BENCHMARK(BM_PriceOf);

}  // namespace
}  // namespace sluice::accounts
