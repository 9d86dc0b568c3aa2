#include "route/balancer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace sluice::route {
namespace {

using config::Strategy;
using testing::ElementsAre;

std::vector<Standing> weighted(std::initializer_list<int> weights) {
  std::vector<Standing> out;
  for (const int weight : weights) out.push_back({.weight = weight});
  return out;
}

/// "abac" for the members of so many picks.
std::string order(Balancer& balancer, Strategy strategy, std::span<const Standing> members,
                  int picks) {
  std::string out;
  for (int i = 0; i < picks; ++i) {
    out += static_cast<char>('a' + balancer.pick(strategy, members, 0).value());
  }
  return out;
}

TEST(RoundRobin, AsksEachInTurnWhateverItsWeight) {
  Balancer balancer;
  EXPECT_EQ(order(balancer, Strategy::kRoundRobin, weighted({3, 1, 1}), 9), "abcabcabc");
}

TEST(RoundRobin, PassesOverThoseThatAreAway) {
  Balancer balancer;
  auto members = weighted({1, 1, 1});
  members[1].available = false;
  EXPECT_EQ(order(balancer, Strategy::kRoundRobin, members, 4), "acac");
  members[0].available = members[2].available = false;
  EXPECT_FALSE(balancer.pick(Strategy::kRoundRobin, members, 0));
  EXPECT_FALSE(balancer.pick(Strategy::kRoundRobin, {}, 0));
}

TEST(RoundRobin, WhoWasAwayDoesNotCatchUp) {
  Balancer balancer;
  auto members = weighted({1, 1});
  members[1].available = false;
  EXPECT_EQ(order(balancer, Strategy::kRoundRobin, members, 100), std::string(100, 'a'));
  members[1].available = true;
  const std::string after = order(balancer, Strategy::kRoundRobin, members, 10);
  EXPECT_EQ(std::ranges::count(after, 'b'), 5);
}

TEST(RoundRobin, IsFairFromSeveralThreads) {
  Balancer balancer;
  const auto members = weighted({1, 1, 1, 1});
  std::array<std::atomic<int>, 4> counts{};
  {
    std::vector<std::jthread> loops;
    for (int t = 0; t < 4; ++t) {
      loops.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) ++counts[*balancer.pick(Strategy::kRoundRobin, members, 0)];
      });
    }
  }
  for (const auto& count : counts) EXPECT_EQ(count, 1000);
}

TEST(WeightedRoundRobin, IsExactOverACycleAndSpreadOut) {
  Balancer balancer;
  EXPECT_EQ(order(balancer, Strategy::kWeightedRoundRobin, weighted({2, 1, 1}), 8), "abcaabca");
  Balancer heavy;
  EXPECT_EQ(order(heavy, Strategy::kWeightedRoundRobin, weighted({5, 1, 1}), 7), "aabacaa");
  Balancer three_to_one;
  EXPECT_EQ(order(three_to_one, Strategy::kWeightedRoundRobin, weighted({3, 1}), 8), "aabaaaba");
}

TEST(WeightedRoundRobin, SharesExactlyFromSeveralThreads) {
  Balancer balancer;
  const auto members = weighted({5, 3, 2});
  std::array<std::atomic<int>, 3> counts{};
  {
    std::vector<std::jthread> loops;
    for (int t = 0; t < 4; ++t) {
      loops.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          ++counts[*balancer.pick(Strategy::kWeightedRoundRobin, members, 0)];
        }
      });
    }
  }
  EXPECT_EQ(counts[0], 1000);
  EXPECT_EQ(counts[1], 600);
  EXPECT_EQ(counts[2], 400);
}

TEST(WeightedRoundRobin, KeepsTurnsApartWhenRequestsHaveDifferentMembers) {
  Balancer balancer;
  std::array<int, 3> counts{};
  const Standing a{.weight = 2, .member = 0};
  const Standing b{.weight = 1, .member = 1};
  const Standing c{.weight = 1, .member = 2};
  const Standing all[] = {a, b, c};
  const Standing some[] = {a, c};
  for (int i = 0; i < 1200; ++i) {
    if (i % 2 == 0) {
      ++counts[all[*balancer.pick(Strategy::kWeightedRoundRobin, all, 0)].member];
    } else {
      ++counts[some[*balancer.pick(Strategy::kWeightedRoundRobin, some, 0)].member];
    }
  }
  // 600 of all at 2:1:1, 600 of a and c: nobody gets more than he would have alone.
  EXPECT_GE(counts[1], 140);
  EXPECT_GE(counts[0], 600);
  EXPECT_GE(counts[2], 300);
}

TEST(WeightedRoundRobin, AMemberThatRecoversGetsItsShare) {
  Balancer balancer;
  auto members = weighted({1, 1});
  members[1].share = 0.1;
  const std::string out = order(balancer, Strategy::kWeightedRoundRobin, members, 1100);
  EXPECT_EQ(std::ranges::count(out, 'b'), 100);
}

TEST(Random, FollowsTheWeights) {
  Balancer balancer;
  auto members = weighted({3, 9, 1});
  members[1].available = false;
  std::array<int, 3> counts{};
  for (uint64_t random = 0; random < 8000; ++random) {
    ++counts[*balancer.pick(Strategy::kRandom, members, random)];
  }
  EXPECT_THAT(counts, ElementsAre(6000, 0, 2000));
}

TEST(LeastConnections, AsksWhoHasLeastToDo) {
  Balancer balancer;
  auto members = weighted({1, 1, 1});
  members[0].active = 2;
  members[1].active = 1;
  members[2].active = 2;
  EXPECT_EQ(order(balancer, Strategy::kLeastConnections, members, 3), "bbb");
  members[1].available = false;
  EXPECT_EQ(order(balancer, Strategy::kLeastConnections, members, 4), "acac");
}

TEST(LeastConnections, CountsRequestsInRelationToWeight) {
  Balancer balancer;
  auto members = weighted({4, 1});
  for (int i = 0; i < 50; ++i) {
    ++members[*balancer.pick(Strategy::kLeastConnections, members, 0)].active;
  }
  EXPECT_EQ(members[0].active, 40);
  EXPECT_EQ(members[1].active, 10);
}

TEST(LeastConnections, ASlowMemberGetsLess) {
  // One answers within 1 step, one takes 9; a request comes each step.
  Balancer balancer;
  auto members = weighted({1, 1});
  std::array<int, 2> counts{};
  std::vector<std::pair<int, size_t>> running;  // when it ends, where
  for (int step = 0; step < 1000; ++step) {
    std::erase_if(running, [&](const auto& each) {
      if (each.first > step) return false;
      --members[each.second].active;
      return true;
    });
    for (int arrival = 0; arrival < 2; ++arrival) {
      const size_t index = *balancer.pick(Strategy::kLeastConnections, members, 0);
      ++members[index].active;
      ++counts[index];
      running.emplace_back(step + (index == 0 ? 1 : 9), index);
    }
  }
  EXPECT_GT(counts[0], 5 * counts[1]);
  EXPECT_GT(counts[1], 0);
}

TEST(LeastConnections, AMemberThatRecoversIsNotFilledAtOnce) {
  Balancer balancer;
  auto members = weighted({1, 1});
  members[0].active = 8;
  members[1].share = 0.1;
  EXPECT_EQ(order(balancer, Strategy::kLeastConnections, members, 2), "aa");
  members[0].active = 10;
  EXPECT_EQ(order(balancer, Strategy::kLeastConnections, members, 2), "bb");
}

TEST(Peek, TellsThePickAndTakesNoTurn) {
  for (const auto strategy : {Strategy::kRoundRobin, Strategy::kWeightedRoundRobin,
                              Strategy::kRandom, Strategy::kLeastConnections, Strategy::kVram}) {
    Balancer balancer;
    const auto members = weighted({2, 1, 1});
    for (uint64_t i = 0; i < 20; ++i) {
      const auto told = balancer.peek(strategy, members, i);
      EXPECT_EQ(balancer.peek(strategy, members, i), told);
      EXPECT_EQ(balancer.pick(strategy, members, i), told);
    }
  }
}

TEST(WorkersStrategies, TakeTheFirstThatIsThere) {
  Balancer balancer;
  auto members = weighted({1, 5, 1});
  for (const auto strategy : {Strategy::kVram, Strategy::kPredicted}) {
    members[0].available = true;
    EXPECT_EQ(order(balancer, strategy, members, 3), "aaa");
    members[0].available = false;
    EXPECT_EQ(order(balancer, strategy, members, 3), "bbb");
  }
}

config::Provider provider(std::string name, std::string url, std::string key) {
  config::Provider out;
  out.name = std::move(name);
  out.base_url = std::move(url);
  out.api_keys.emplace_back(std::move(key));
  return out;
}

TEST(TargetStates, OutliveAReloadOfTheSameProvider) {
  TargetStates states;
  const auto first = states.provider(provider("a", "http://h", "k"));
  EXPECT_EQ(states.provider(provider("a", "http://h", "k")), first);
  EXPECT_NE(states.provider(provider("b", "http://h", "k")), first);
  EXPECT_NE(states.provider(provider("a", "http://i", "k")), first);
  EXPECT_NE(states.provider(provider("a", "http://h", "l")), first);
  EXPECT_EQ(first->keys(), 1U);
}

TEST(TargetStates, KeepAGroupsTurnsAsLongAsItsMembersAreTheSame) {
  TargetStates states;
  config::Group group;
  group.name = "g";
  group.members = {{{"a", ""}, 1}, {{"b", "m"}, 1}};
  const auto first = states.group(group);
  group.strategy = Strategy::kRandom;
  group.members[0].weight = 5;
  EXPECT_EQ(states.group(group), first);
  group.members[1].target.model = "n";
  EXPECT_NE(states.group(group), first);
}

std::optional<size_t> turn_of(Balancer& balancer, Strategy strategy,
                              std::span<const Standing> members, uint64_t id, bool goes_on,
                              uint64_t random = 0) {
  const Conversation conversation{.id = id, .goes_on = goes_on};
  return balancer.pick(strategy, members, random, &conversation);
}

TEST(Affinity, AConversationThatGoesOnStaysWhereItWas) {
  for (const Strategy strategy : {Strategy::kRoundRobin, Strategy::kWeightedRoundRobin,
                                  Strategy::kRandom, Strategy::kLeastConnections}) {
    Balancer balancer;
    const auto members = weighted({1, 1, 1});
    std::array<size_t, 30> homes{};
    for (uint64_t id = 0; id < homes.size(); ++id) {
      homes[id] = turn_of(balancer, strategy, members, id, false, id * 7919).value();
    }
    for (int round = 0; round < 5; ++round) {
      for (uint64_t id = 0; id < homes.size(); ++id) {
        EXPECT_EQ(turn_of(balancer, strategy, members, id, true, id * 31), homes[id]);
      }
    }
  }
}

TEST(Affinity, FirstRequestsTakeTurnsThoughTheyBeginAlike) {
  Balancer balancer;
  std::string seen;
  for (int i = 0; i < 8; ++i) {
    const auto member =
        turn_of(balancer, Strategy::kWeightedRoundRobin, weighted({3, 1}), 5, false);
    seen += static_cast<char>('a' + *member);
  }
  EXPECT_EQ(seen, "aabaaaba");
}

TEST(Affinity, GoesToAnotherWhileItsMemberIsAwayAndStaysThere) {
  Balancer balancer;
  auto members = weighted({1, 1});
  const size_t home = turn_of(balancer, Strategy::kRoundRobin, members, 5, false).value();
  members[home].available = false;
  EXPECT_EQ(turn_of(balancer, Strategy::kRoundRobin, members, 5, true), 1 - home);
  members[home].available = true;
  EXPECT_EQ(turn_of(balancer, Strategy::kRoundRobin, members, 5, true), 1 - home);
}

TEST(Affinity, WhoHasJustComeBackDoesNotGetAllItsConversationsAtOnce) {
  Balancer balancer;
  auto members = weighted({1, 1, 1, 1});
  uint64_t id = 0;
  while (turn_of(balancer, Strategy::kRoundRobin, members, id, false) != 0) ++id;
  members[0].share = 0.1;
  EXPECT_EQ(turn_of(balancer, Strategy::kRoundRobin, members, id, true, 0), 0);
  EXPECT_NE(turn_of(balancer, Strategy::kRoundRobin, members, id, true, UINT64_MAX), 0);
}

TEST(Affinity, NewConversationsMakeUpForLongOnes) {
  Balancer balancer;
  const auto members = weighted({3, 1});
  std::array<int, 2> got{};
  // Every conversation of the lighter member is three times as long.
  for (uint64_t id = 0; id < 1000; ++id) {
    const size_t home =
        turn_of(balancer, Strategy::kWeightedRoundRobin, members, id, false).value();
    const int turns = home == 1 ? 6 : 2;
    got[home] += turns;
    for (int i = 1; i < turns; ++i) {
      ASSERT_EQ(turn_of(balancer, Strategy::kWeightedRoundRobin, members, id, true), home);
    }
  }
  const double part = static_cast<double>(got[0]) / (got[0] + got[1]);
  EXPECT_NEAR(part, 0.75, 0.02);
}

TEST(Affinity, OneEndlessConversationDoesNotShutItsMemberToOthers) {
  Balancer balancer;
  const auto members = weighted({1, 1});
  const size_t home = turn_of(balancer, Strategy::kRoundRobin, members, 1, false).value();
  for (int i = 0; i < 10'000; ++i) turn_of(balancer, Strategy::kRoundRobin, members, 1, true);
  int until = 0;
  while (turn_of(balancer, Strategy::kRoundRobin, members, 100 + until, false) != home) ++until;
  EXPECT_LT(until, 20);
}

TEST(Affinity, LeastConnectionsGivesUpAMemberThatIsMuchBusier) {
  Balancer balancer;
  auto members = weighted({1, 1});
  const size_t home = turn_of(balancer, Strategy::kLeastConnections, members, 5, false).value();
  members[home].active = 9;
  members[1 - home].active = 4;
  EXPECT_EQ(turn_of(balancer, Strategy::kLeastConnections, members, 5, true), home);
  members[home].active = 10;
  EXPECT_EQ(turn_of(balancer, Strategy::kLeastConnections, members, 5, true), 1 - home);
}

TEST(Affinity, IsNotForGroupsThatGoByTheirOrder) {
  Balancer balancer;
  auto members = weighted({1, 1});
  members[0].available = false;
  EXPECT_EQ(turn_of(balancer, Strategy::kVram, members, 5, false), 1);
  members[0].available = true;
  EXPECT_EQ(turn_of(balancer, Strategy::kVram, members, 5, true), 0);
}

}  // namespace
}  // namespace sluice::route
