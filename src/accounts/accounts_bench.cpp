#include <benchmark/benchmark.h>

#include "accounts/key_ring.hpp"

namespace sluice::accounts {
namespace {

void BM_Authorize(benchmark::State& state) {
  config::Config config;
  for (int i = 0; i < state.range(0); ++i) {
    config::Key key;
    key.key = Secret("sk-0123456789abcdef0123456789abcdef" + std::to_string(i));
    key.models = {"gpt-4o", "claude-*"};
    key.allow_ips = {"10.0.0.0/8", "192.168.0.0/16"};
    config.keys.push_back(key);
  }
  const KeyRing ring = *KeyRing::from_config(config);
  const IpAddress client = *IpAddress::parse("192.168.3.4");
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        ring.authorize("sk-0123456789abcdef0123456789abcdef5", client, "claude-sonnet-4-6", 0));
  }
}
BENCHMARK(BM_Authorize)->Arg(10)->Arg(10'000);

}  // namespace
}  // namespace sluice::accounts
