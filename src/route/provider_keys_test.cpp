#include "route/provider_keys.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::route {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart = TimePoint(1000s);

TEST(KeyRotation, SpreadsRequestsEvenly) {
  KeyRotation keys(3);
  int used[3] = {};
  for (int i = 0; i < 30; ++i) ++used[keys.pick(kStart)->index];
  EXPECT_EQ(used[0], 10);
  EXPECT_EQ(used[1], 10);
  EXPECT_EQ(used[2], 10);
}

TEST(KeyRotation, AProviderWithoutKeysIsCalledWithoutOne) {
  KeyRotation keys(0);
  EXPECT_FALSE(keys.pick(kStart));
  EXPECT_FALSE(keys.has_free(kStart));
}

TEST(KeyRotation, ARateLimitedKeyRestsAsLongAsTheUpstreamSays) {
  KeyRotation keys(2);
  keys.rate_limited(0, kStart, 30s);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(keys.pick(kStart + 29s)->index, 1U);
  bool back = false;
  for (int i = 0; i < 2; ++i) back |= keys.pick(kStart + 30s)->index == 0;
  EXPECT_TRUE(back);
}

TEST(KeyRotation, RestsTenSecondsWhenTheUpstreamDoesNotSayAndFiveMinutesAtMost) {
  KeyRotation keys(1);
  keys.rate_limited(0, kStart, std::nullopt);
  EXPECT_EQ(keys.pick(kStart)->free_at, kStart + 10s);

  KeyRotation greedy(1);
  greedy.rate_limited(0, kStart, 24h);
  EXPECT_EQ(greedy.pick(kStart)->free_at, kStart + 5min);
  greedy.rate_limited(0, kStart, -5s);
  EXPECT_EQ(greedy.pick(kStart)->free_at, kStart + 5min);
}

TEST(KeyRotation, ARefusedKeyRestsFiveMinutesWhateverComesLate) {
  KeyRotation keys(2);
  keys.refused(0, kStart);
  keys.rate_limited(0, kStart + 1s, 1s);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(keys.pick(kStart + 299s)->index, 1U);
}

TEST(KeyRotation, WhenAllRestTheOneThatIsFreeSoonestIsGivenWithItsTime) {
  KeyRotation keys(3);
  keys.rate_limited(0, kStart, 30s);
  keys.rate_limited(1, kStart, 5s);
  keys.rate_limited(2, kStart, 60s);
  EXPECT_FALSE(keys.has_free(kStart));
  for (int i = 0; i < 3; ++i) {
    const auto choice = keys.pick(kStart);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->index, 1U);
    EXPECT_TRUE(choice->resting);
    EXPECT_EQ(choice->free_at, kStart + 5s);
  }
}

TEST(KeyRotation, ARequestGetsNoKeyTwice) {
  KeyRotation keys(3);
  const size_t tried[] = {0, 2};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(keys.pick(kStart, tried)->index, 1U);
  keys.refused(1, kStart);
  EXPECT_FALSE(keys.has_free(kStart, tried));
  EXPECT_TRUE(keys.has_free(kStart));
  const size_t all[] = {0, 1, 2};
  EXPECT_FALSE(keys.pick(kStart, all));
}

TEST(KeyRotation, AConversationKeepsItsKeyWhileOthersAreSpread) {
  KeyRotation keys(3);
  int used[3] = {};
  for (uint64_t session = 0; session < 300; ++session) {
    const auto first = keys.pick(kStart, {}, session);
    EXPECT_TRUE(first->home);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(keys.pick(kStart, {}, session)->index, first->index);
    ++used[first->index];
  }
  for (const int each : used) EXPECT_GT(each, 60);
}

TEST(KeyRotation, AConversationLeavesItsKeyWhileThatRestsAndComesBack) {
  KeyRotation keys(3);
  const size_t home = keys.pick(kStart, {}, 7)->index;
  keys.rate_limited(home, kStart, 30s);
  const auto other = keys.pick(kStart, {}, 7);
  EXPECT_NE(other->index, home);
  EXPECT_FALSE(other->home);
  EXPECT_EQ(keys.pick(kStart + 10s, {}, 7)->index, other->index);
  EXPECT_EQ(keys.pick(kStart + 30s, {}, 7)->index, home);
  const size_t tried[] = {home};
  EXPECT_EQ(keys.pick(kStart + 30s, tried, 7)->index, other->index);
}

TEST(KeyRotation, AnotherKeyMovesFewConversations) {
  KeyRotation three(3);
  KeyRotation four(4);
  int moved = 0;
  for (uint64_t session = 0; session < 400; ++session) {
    const size_t before = three.pick(kStart, {}, session)->index;
    const size_t after = four.pick(kStart, {}, session)->index;
    if (before == after) continue;
    EXPECT_EQ(after, 3U);
    ++moved;
  }
  EXPECT_LT(moved, 140);
}

TEST(KeyRotation, LoopsShareItSafely) {
  KeyRotation keys(4);
  {
    std::vector<std::jthread> loops;
    for (size_t t = 0; t < 4; ++t) {
      loops.emplace_back([&keys, t] {
        for (int i = 1; i <= 1000; ++i) {
          (void)keys.pick(kStart);
          keys.rate_limited(t, kStart + i * 1ms, 1s);
        }
      });
    }
  }
  EXPECT_EQ(keys.pick(kStart + 1s)->free_at, kStart + 2s);
}

}  // namespace
}  // namespace sluice::route
