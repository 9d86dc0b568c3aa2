#include "route/provider_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace sluice::route {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart = TimePoint(1000s);
constexpr std::string_view kModel = "m";

size_t picked(ProviderState& state, TimePoint now = kStart, std::span<const size_t> exclude = {},
              std::optional<uint64_t> session = {}) {
  return *state.pick(kModel, now, exclude, session)->key;
}

/// A request with the next key; true where it had one that does not rest.
bool request(ProviderState& state, TimePoint now, bool fails, bool refused = false,
             std::string_view model = kModel) {
  auto choice = state.pick(model, now);
  if (!choice || choice->resting || !state.begin(*choice, model, now)) return false;
  if (fails) {
    state.failed(*choice, model, now, refused, 0);
  } else {
    state.succeeded(*choice, model, now);
  }
  return true;
}

TEST(ProviderState, SpreadsRequestsEvenly) {
  ProviderState state(3);
  int used[3] = {};
  for (int i = 0; i < 30; ++i) ++used[picked(state)];
  EXPECT_THAT(used, testing::Each(10));
}

TEST(ProviderState, SpreadsWhatARestingKeyWouldGetEvenly) {
  ProviderState state(4);
  state.refused(1, kStart);
  int used[4] = {};
  for (int i = 0; i < 30; ++i) ++used[picked(state)];
  EXPECT_THAT(used, testing::ElementsAre(10, 0, 10, 10));
}

TEST(ProviderState, AProviderWithoutKeysIsCalledWithoutOne) {
  ProviderState state(0);
  const auto choice = state.pick(kModel, kStart);
  ASSERT_TRUE(choice);
  EXPECT_FALSE(choice->key);
  EXPECT_FALSE(choice->resting);
  EXPECT_TRUE(choice->home);
  EXPECT_TRUE(state.available(kModel, kStart));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(request(state, kStart, true));
  EXPECT_FALSE(state.available(kModel, kStart));
  EXPECT_TRUE(state.available("other", kStart));
}

TEST(ProviderState, ARateLimitedKeyRestsAsLongAsTheUpstreamSays) {
  ProviderState state(2);
  state.rate_limited(0, kStart, 30s);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(picked(state, kStart + 29s), 1U);
  bool back = false;
  for (int i = 0; i < 2; ++i) back |= picked(state, kStart + 30s) == 0;
  EXPECT_TRUE(back);
}

TEST(ProviderState, RestsTenSecondsWhenTheUpstreamDoesNotSayAndFiveMinutesAtMost) {
  ProviderState state(1);
  state.rate_limited(0, kStart, std::nullopt);
  EXPECT_EQ(state.pick(kModel, kStart)->free_at, kStart + 10s);

  ProviderState greedy(1);
  greedy.rate_limited(0, kStart, 24h);
  EXPECT_EQ(greedy.pick(kModel, kStart)->free_at, kStart + 5min);
  greedy.rate_limited(0, kStart, -5s);
  EXPECT_EQ(greedy.pick(kModel, kStart)->free_at, kStart + 5min);
}

TEST(ProviderState, ARefusedKeyRestsFiveMinutesWhateverComesLate) {
  ProviderState state(2);
  state.refused(0, kStart);
  state.rate_limited(0, kStart + 1s, 1s);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(picked(state, kStart + 299s), 1U);
}

TEST(ProviderState, AnOverloadedModelRestsAndOthersDoNot) {
  ProviderState state(1);
  auto choice = state.pick(kModel, kStart);
  ASSERT_TRUE(state.begin(*choice, kModel, kStart));
  state.overloaded(*choice, kModel, kStart, 20s);
  state.abandoned(*choice, kModel);
  EXPECT_TRUE(state.pick(kModel, kStart)->resting);
  EXPECT_EQ(state.pick(kModel, kStart)->free_at, kStart + 20s);
  EXPECT_FALSE(state.pick("other", kStart)->resting);
  EXPECT_TRUE(state.available(kModel, kStart + 20s));
  EXPECT_TRUE(state.troubles(kStart).empty());
}

TEST(ProviderState, WhenAllRestTheOneThatIsFreeSoonestIsGivenWithItsTime) {
  ProviderState state(3);
  state.rate_limited(0, kStart, 30s);
  state.rate_limited(1, kStart, 5s);
  state.rate_limited(2, kStart, 60s);
  EXPECT_FALSE(state.available(kModel, kStart));
  for (int i = 0; i < 3; ++i) {
    const auto choice = state.pick(kModel, kStart);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->key, 1U);
    EXPECT_TRUE(choice->resting);
    EXPECT_EQ(choice->free_at, kStart + 5s);
  }
}

TEST(ProviderState, ARequestGetsNoKeyTwice) {
  ProviderState state(3);
  const size_t tried[] = {0, 2};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(picked(state, kStart, tried), 1U);
  state.refused(1, kStart);
  EXPECT_FALSE(state.available(kModel, kStart, tried));
  EXPECT_TRUE(state.available(kModel, kStart));
  const size_t all[] = {0, 1, 2};
  EXPECT_FALSE(state.pick(kModel, kStart, all));
}

TEST(ProviderState, AConversationKeepsItsKeyWhileOthersAreSpread) {
  ProviderState state(3);
  int used[3] = {};
  for (uint64_t session = 0; session < 300; ++session) {
    const auto first = state.pick(kModel, kStart, {}, session);
    EXPECT_TRUE(first->home);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(picked(state, kStart, {}, session), first->key);
    ++used[*first->key];
  }
  EXPECT_THAT(used, testing::Each(testing::Gt(60)));
}

TEST(ProviderState, AConversationLeavesItsKeyWhileThatRestsAndComesBack) {
  ProviderState state(3);
  const size_t home = picked(state, kStart, {}, 7);
  state.rate_limited(home, kStart, 30s);
  const auto other = state.pick(kModel, kStart, {}, 7);
  EXPECT_NE(other->key, home);
  EXPECT_FALSE(other->home);
  EXPECT_EQ(picked(state, kStart + 10s, {}, 7), other->key);
  EXPECT_EQ(picked(state, kStart + 30s, {}, 7), home);
  const size_t tried[] = {home};
  EXPECT_EQ(picked(state, kStart + 30s, tried, 7), other->key);
}

TEST(ProviderState, AnotherKeyMovesFewConversations) {
  ProviderState three(3);
  ProviderState four(4);
  int moved = 0;
  for (uint64_t session = 0; session < 400; ++session) {
    const size_t before = picked(three, kStart, {}, session);
    const size_t after = picked(four, kStart, {}, session);
    if (before == after) continue;
    EXPECT_EQ(after, 3U);
    ++moved;
  }
  EXPECT_LT(moved, 140);
}

TEST(ProviderState, ThreeFailuresOfAModelLeaveOtherModelsAndKeysAlone) {
  ProviderState state(2);
  auto choice = state.pick(kModel, kStart);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(state.begin(*choice, kModel, kStart));
    state.failed(*choice, kModel, kStart, false, 0);
  }
  for (int i = 0; i < 4; ++i) EXPECT_NE(picked(state), choice->key);
  const size_t other[] = {1 - *choice->key};
  EXPECT_TRUE(state.available("other", kStart, other));
  EXPECT_FALSE(state.available(kModel, kStart, other));
  const auto troubles = state.troubles(kStart);
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].key, choice->key);
  EXPECT_EQ(troubles[0].model, kModel);
  EXPECT_EQ(troubles[0].state, Breaker::State::kOpen);
}

TEST(ProviderState, ARefusedConnectionStopsAllKeysAndModelsOfTheAddress) {
  ProviderState state(3);
  EXPECT_TRUE(request(state, kStart, true, true));
  EXPECT_FALSE(state.available(kModel, kStart));
  EXPECT_FALSE(state.available("other", kStart));
  EXPECT_TRUE(state.pick(kModel, kStart)->resting);
  EXPECT_EQ(state.pick(kModel, kStart)->free_at, kStart + 1s);
  ASSERT_EQ(state.troubles(kStart).size(), 1U);
  EXPECT_FALSE(state.troubles(kStart)[0].key);
}

TEST(ProviderState, ComesBackThroughOneProbe) {
  ProviderState state(2);
  EXPECT_TRUE(request(state, kStart, true, true));
  const TimePoint later = kStart + 1s;
  auto probe = state.pick(kModel, later);
  ASSERT_FALSE(probe->resting);
  ASSERT_TRUE(state.begin(*probe, kModel, later));
  EXPECT_TRUE(state.pick(kModel, later)->resting);
  EXPECT_FALSE(state.available("other", later));
  state.succeeded(*probe, kModel, later);
  EXPECT_TRUE(state.available("other", later));
  EXPECT_TRUE(state.troubles(later).empty());
}

TEST(ProviderState, ProbesOneModelOfOneKey) {
  ProviderState state(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(request(state, kStart, true));
  const TimePoint later = kStart + 1s;
  auto first = state.pick(kModel, later);
  auto second = state.pick(kModel, later);
  EXPECT_FALSE(second->resting);
  EXPECT_TRUE(state.begin(*first, kModel, later));
  // It was picked before the other became the probe.
  EXPECT_FALSE(state.begin(*second, kModel, later));
  EXPECT_EQ(state.active(), 1);
  state.failed(*first, kModel, later, false, 0);
  EXPECT_EQ(state.pick(kModel, later)->free_at, later + 2s);
  EXPECT_EQ(state.active(), 0);
}

TEST(ProviderState, WhoIsAskedAlthoughItRestsIsHeard) {
  ProviderState state(1);
  EXPECT_TRUE(request(state, kStart, true, true));
  auto choice = state.pick(kModel, kStart);
  ASSERT_TRUE(choice->resting);
  EXPECT_TRUE(state.begin(*choice, kModel, kStart));
  state.succeeded(*choice, kModel, kStart);
  EXPECT_TRUE(state.available(kModel, kStart));
}

TEST(ProviderState, AProbeThatLeftMakesRoom) {
  ProviderState state(1);
  EXPECT_TRUE(request(state, kStart, true, true));
  auto probe = state.pick(kModel, kStart + 1s);
  ASSERT_TRUE(state.begin(*probe, kModel, kStart + 1s));
  state.abandoned(*probe, kModel);
  EXPECT_TRUE(state.available(kModel, kStart + 1s));
}

TEST(ProviderState, OthersDoNotWaitForTheEndOfAProbeThatAnswers) {
  ProviderState state(1);
  EXPECT_TRUE(request(state, kStart, true, true));
  auto probe = state.pick(kModel, kStart + 1s);
  ASSERT_TRUE(state.begin(*probe, kModel, kStart + 1s));
  EXPECT_FALSE(state.available(kModel, kStart + 2s));
  state.answering(*probe, kModel, kStart + 2s);
  EXPECT_TRUE(state.available(kModel, kStart + 2s));
  // What becomes of the rest of it counts as for any request.
  state.failed(*probe, kModel, kStart + 30s, false, 0);
  EXPECT_TRUE(state.available(kModel, kStart + 30s));
  EXPECT_EQ(state.active(), 0);
}

TEST(ProviderState, AKeyThatRecoversGetsFewTurnsAtFirst) {
  ProviderState state(2);
  auto choice = state.pick(kModel, kStart);
  const size_t key = *choice->key;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(state.begin(*choice, kModel, kStart));
    state.failed(*choice, kModel, kStart, false, 0);
  }
  const TimePoint back = kStart + 1s;
  ASSERT_TRUE(state.begin(*choice, kModel, back));
  state.succeeded(*choice, kModel, back);
  EXPECT_NEAR(state.share(kModel, back), 1, 1e-9);  // the other key's
  const auto turns = [&](TimePoint at) {
    int own = 0;
    for (int i = 0; i < 1000; ++i) own += picked(state, at) == key ? 1 : 0;
    return own;
  };
  EXPECT_NEAR(turns(back), 100, 60);
  EXPECT_GT(turns(back + 5s), 250);
  EXPECT_NEAR(turns(back + 10s), 500, 10);
}

TEST(ProviderState, ConversationsComeBackOneAfterAnother) {
  ProviderState state(2);
  ProviderState fresh(2);
  auto choice = state.pick(kModel, kStart);
  const size_t key = *choice->key;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(state.begin(*choice, kModel, kStart));
    state.failed(*choice, kModel, kStart, false, 0);
  }
  const TimePoint back = kStart + 1s;
  ASSERT_TRUE(state.begin(*choice, kModel, back));
  state.succeeded(*choice, kModel, back);
  int before = 0;
  for (const Duration passed : {0s, 2s, 4s, 6s, 8s, 10s}) {
    int at_home = 0;
    for (uint64_t session = 0; session < 400; ++session) {
      if (picked(fresh, back, {}, session) != key) continue;
      at_home += picked(state, back + passed, {}, session) == key ? 1 : 0;
    }
    EXPECT_GT(at_home, before);
    before = at_home;
  }
  EXPECT_GT(before, 150);
}

TEST(ProviderState, TheWholeProviderSaysHowMuchItMayGet) {
  ProviderState state(1);
  EXPECT_EQ(state.share(kModel, kStart), 1);
  EXPECT_TRUE(request(state, kStart, true, true));
  EXPECT_TRUE(request(state, kStart + 1s, false));
  EXPECT_NEAR(state.share(kModel, kStart + 1s), 0.1, 1e-9);
  EXPECT_NEAR(state.share(kModel, kStart + 11s), 1, 1e-9);
}

TEST(ProviderState, KeepsApartManyModelsAndNotAnyNumber) {
  ProviderState state(1);
  const auto name = [](size_t i) { return "model-" + std::to_string(i); };
  for (size_t i = 0; i < 1000; ++i) {
    for (int times = 0; times < 3; ++times) request(state, kStart, true, false, name(i));
  }
  EXPECT_EQ(state.troubles(kStart).size(), ProviderState::kMaxModels + 1);
  EXPECT_FALSE(state.available("never seen", kStart));
  // One of those that share a breaker is the probe of all.
  const TimePoint later = kStart + 1s;
  auto probe = state.pick(name(999), later);
  ASSERT_TRUE(state.begin(*probe, name(999), later));
  EXPECT_FALSE(state.available("never seen", later));
  state.succeeded(*probe, name(999), later);
  EXPECT_TRUE(state.available("never seen", later));
  EXPECT_FALSE(state.available(name(3), kStart + 500ms));
}

TEST(ProviderState, ASharedProbeIsHeardAlthoughItsModelWouldHaveABreakerOfItsOwnByThen) {
  ProviderState state(1);
  const auto name = [](size_t i) { return "model-" + std::to_string(i); };
  const auto open = [&](std::string_view model) {
    for (int times = 0; times < 3; ++times) request(state, kStart, true, false, model);
  };
  for (size_t i = 0; i < ProviderState::kMaxModels; ++i) open(name(i));
  open("shares");
  const TimePoint later = kStart + 1s;
  auto probe = state.pick("shares", later);
  ASSERT_TRUE(state.begin(*probe, "shares", later));
  ASSERT_TRUE(request(state, later, false, false, name(0)));
  for (int n = 0; n < 2; ++n) ASSERT_TRUE(request(state, later + 10s, false, false, name(0)));
  state.succeeded(*probe, "shares", later + 10s);
  open("another");  // takes the room again
  EXPECT_TRUE(state.available("shares", later + 10s));
}

TEST(ProviderState, ForgetsModelsThatAreWellAgain) {
  ProviderState state(1);
  for (size_t i = 0; i < 500; ++i) {
    const std::string model = "model-" + std::to_string(i);
    ASSERT_TRUE(request(state, kStart, true, false, model));
    for (int n = 0; n < Breaker::kWindow; ++n)
      ASSERT_TRUE(request(state, kStart, false, false, model));
  }
  for (int n = 0; n < 3; ++n) EXPECT_TRUE(request(state, kStart, true, false, "late"));
  EXPECT_THAT(state.troubles(kStart),
              testing::ElementsAre(testing::Field(&ProviderState::BreakerView::model, "late")));
}

TEST(ProviderState, LoopsShareItSafely) {
  ProviderState state(4);
  {
    std::vector<std::jthread> loops;
    for (size_t t = 0; t < 4; ++t) {
      loops.emplace_back([&state, t] {
        for (int i = 1; i <= 1000; ++i) {
          (void)state.pick(kModel, kStart);
          state.rate_limited(t, kStart + i * 1ms, 1s);
        }
      });
    }
  }
  EXPECT_EQ(state.pick(kModel, kStart + 1s)->free_at, kStart + 2s);
}

TEST(ProviderState, LoopsSendOneProbeTogether) {
  ProviderState state(2);
  for (int round = 0; round < 50; ++round) {
    const TimePoint at = kStart + round * 100s;
    ASSERT_TRUE(request(state, at, true, true));
    std::atomic<int> probes = 0;
    std::atomic<int> ready = 0;
    std::optional<ProviderState::Choice> probe;
    {
      std::vector<std::jthread> loops;
      for (size_t t = 0; t < 4; ++t) {
        loops.emplace_back([&] {
          ++ready;
          while (ready < 4) std::this_thread::yield();
          auto choice = state.pick(kModel, at + 40s);
          if (choice->resting || !state.begin(*choice, kModel, at + 40s)) return;
          if (++probes == 1) probe = choice;
        });
      }
    }
    ASSERT_EQ(probes, 1);
    state.succeeded(*probe, kModel, at + 40s);
  }
  EXPECT_EQ(state.active(), 0);
}

}  // namespace
}  // namespace sluice::route
