// What every request pays for its route.
#include <gtest/gtest.h>

#include "base/counting_allocator.hpp"
#include "route/balancer.hpp"
#include "route/test_table.hpp"

namespace sluice::route {
namespace {

TEST(Allocations, OfAPlanForOneProviderAreItsParts) {
  Given given;
  given.default_provider("openai-main", ProviderType::kOpenAi);
  given.default_provider("anthropic-main", ProviderType::kAnthropic);
  const RoutingTable table = given.table();
  const Speakers speakers{kOpenAiSpeakers, kAllSpeakers};
  const size_t before = testing::allocations();
  const auto made = table.plan("gpt-4o-2024-08-06", speakers, ProviderType::kOpenAi);
  // The tiers, the targets of one, the model's name, and what decided.
  EXPECT_LE(testing::allocations() - before, 4U);
  EXPECT_TRUE(made);
}

TEST(Allocations, OfAPickAreNone) {
  constexpr TimePoint kNow = TimePoint(std::chrono::seconds(1000));
  ProviderState state(3);
  Balancer balancer;
  const Standing members[4] = {};
  const auto request = [&] {
    for (const auto strategy :
         {config::Strategy::kRoundRobin, config::Strategy::kWeightedRoundRobin,
          config::Strategy::kRandom, config::Strategy::kLeastConnections}) {
      (void)balancer.pick(strategy, members, 7);
    }
    auto choice = state.pick("m", kNow);
    state.begin(*choice, "m", kNow);
    state.succeeded(*choice, "m", kNow);
  };
  request();
  const size_t before = testing::allocations();
  request();
  EXPECT_EQ(testing::allocations() - before, 0U);
}

}  // namespace
}  // namespace sluice::route
