// Rules, groups, fallbacks: what leads where, and what leads nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kTwo =
    "providers: [{ name: a, type: openai, api_keys: [x] }, { name: b, type: anthropic, api_keys: "
    "[x] }, { name: c, type: gemini, api_keys: [x] }]\n";

std::string with_two(std::string_view rest) { return std::string(kTwo) + std::string(rest); }

TEST(Rules, AreSortedByPriorityThenExactThenLengthThenOrder) {
  const auto config = parsed(with_two(R"(
routing:
  rules:
    - { type: prefix, pattern: "gpt-*", target: a }
    - { type: prefix, pattern: gpt-4o, target: b }
    - { type: exact, pattern: gpt-4o-mini, target: c }
    - { type: exact, pattern: o1, target: a, model: o1-2024 }
    - { type: prefix, pattern: "*", target: c, priority: 5 }
    - { type: prefix, pattern: gpt-4x, target: c }
)"));
  ASSERT_TRUE(config) << config.error().message;
  std::vector<std::string> order;
  for (const Rule& rule : config->routing.rules) {
    order.push_back(rule.pattern + (rule.prefix ? "*" : "") + ">" + rule.target.name);
  }
  EXPECT_THAT(order,
              ElementsAre("*>c", "gpt-4o-mini>c", "o1>a", "gpt-4o*>b", "gpt-4x*>c", "gpt-*>a"));
  EXPECT_EQ(config->routing.rules[2].target.model, "o1-2024");
}

TEST(Rules, MustLeadSomewhere) {
  EXPECT_EQ(errors("providers: [{ name: openai-main, type: openai }]\n"
                   "routing:\n  rules:\n"
                   "    - { type: exact, pattern: x, target: opnai-main }\n"),
            "test.yaml:4:42: there is no provider or group \"opnai-main\"; did you mean "
            "\"openai-main\"?");
}

TEST(Rules, RefuseAStarInTheMiddle) {
  EXPECT_THAT(
      errors(with_two("routing: { rules: [{ type: prefix, pattern: 'a*b*', target: a }] }")),
      HasSubstr("only at the end"));
  EXPECT_THAT(errors(with_two("routing: { rules: [{ type: exact, pattern: 'a*', target: a }] }")),
              HasSubstr("did you mean type: prefix?"));
}

TEST(Rules, LeadToGroupsAndWorkersToo) {
  const auto config = parsed(with_two(R"(
routing:
  groups: [{ name: pool, members: [a, workers] }]
  rules:
    - { type: exact, pattern: x, target: pool }
    - { type: exact, pattern: y, target: workers, model: llama }
  fallbacks:
    - { from: pool, to: [workers, b] }
    - { from: workers, to: [{ target: c, model: gemini-x }] }
)"));
  ASSERT_TRUE(config) << config.error().message;
  const Routing& routing = config->routing;
  ASSERT_EQ(routing.rules.size(), 2U);
  EXPECT_EQ(routing.rules[0].target.name, "pool");
  EXPECT_EQ(routing.rules[1].target.name, kWorkersTarget);
  EXPECT_EQ(routing.rules[1].target.model, "llama");
  ASSERT_EQ(routing.fallbacks.size(), 2U);
  EXPECT_EQ(routing.fallbacks[0].from, "pool");
  EXPECT_EQ(routing.fallbacks[0].to.at(0).name, kWorkersTarget);
  EXPECT_EQ(routing.fallbacks[1].to.at(0).model, "gemini-x");
  EXPECT_THAT(config->warnings, testing::Not(testing::Contains(HasSubstr("no effect"))));
}

TEST(Rules, ToWhatIsNotEnabledAreNamed) {
  EXPECT_THAT(warnings("providers: [{ name: off, type: openai, enabled: false }]\n"
                       "routing:\n  groups:\n    - { name: p, members: [off] }\n"),
              HasSubstr("\"off\" is a target and not enabled (test.yaml:4)"));
}

TEST(Groups, HaveAStrategyAndMembersWithWeightsAndModels) {
  const auto config = parsed(with_two(R"(
routing:
  resume: restart
  groups:
    - { name: plain, members: [a] }
    - name: full
      strategy: weighted_round_robin
      affinity: none
      resume: continue
      members: [{ target: a, weight: 3, model: gpt-x }, { target: workers }, { target: a }]
)"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->routing.resume, Resume::kRestart);
  const Group& plain = config->routing.groups.at(0);
  EXPECT_EQ(plain.strategy, Strategy::kRoundRobin);
  EXPECT_FALSE(plain.resume);
  EXPECT_EQ(plain.members.at(0).weight, 1);
  EXPECT_TRUE(plain.keep_conversations);
  const Group& full = config->routing.groups.at(1);
  EXPECT_EQ(full.strategy, Strategy::kWeightedRoundRobin);
  EXPECT_EQ(full.resume, Resume::kContinue);
  EXPECT_FALSE(full.keep_conversations);
  ASSERT_EQ(full.members.size(), 3U);
  EXPECT_EQ(full.members[0].target.model, "gpt-x");
  EXPECT_EQ(full.members[0].weight, 3);
  EXPECT_EQ(full.members[1].target.name, kWorkersTarget);
}

TEST(Groups, KnowEveryStrategy) {
  const std::pair<const char*, Strategy> strategies[] = {
      {"round_robin", Strategy::kRoundRobin},
      {"random", Strategy::kRandom},
      {"weighted_round_robin", Strategy::kWeightedRoundRobin},
      {"least_connections", Strategy::kLeastConnections},
      {"vram", Strategy::kVram},
      {"predicted", Strategy::kPredicted}};
  for (const auto& [name, strategy] : strategies) {
    const auto config = parsed(with_two(
        fmt::format("routing: {{ groups: [{{ name: p, strategy: {}, members: [a] }}] }}", name)));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->routing.groups[0].strategy, strategy) << name;
  }
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: p, strategy: vramm, members: [a] }] }")),
              HasSubstr("did you mean \"vram\"?"));
}

TEST(Groups, HaveNamesOfTheirOwn) {
  EXPECT_EQ(errors(with_two("routing:\n  groups:\n    - { name: a, members: [b] }\n")),
            "test.yaml:4:15: the name \"a\" is already taken");
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: workers, members: [b] }] }")),
              HasSubstr("the name \"workers\" is already taken"));
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: p, members: [a] }, { name: p, members: "
                              "[b] }] }")),
              HasSubstr("the name \"p\" is already taken"));
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: 'p p', members: [a] }] }")),
              HasSubstr("the name of a group may hold"));
}

TEST(Groups, HaveMembersThatExist) {
  EXPECT_EQ(errors("providers: [{ name: openai-main, type: openai }]\n"
                   "routing:\n  groups:\n"
                   "    - { name: p, members: [{ target: openai-mian }] }\n"),
            "test.yaml:4:38: there is no provider or group \"openai-mian\"; did you mean "
            "\"openai-main\"?");
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: p, members: [] }] }")),
              HasSubstr("routing.groups.0.members must name at least one"));
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: p }] }")),
              HasSubstr("routing.groups.0.members must name at least one"));
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: p, members: [a, b, a] }] }")),
              HasSubstr("\"a\" is in the group twice; give it a weight instead"));
}

TEST(Groups, AreNoMembersOfGroups) {
  EXPECT_EQ(errors(with_two("routing:\n  groups:\n    - { name: p, members: [a] }\n"
                            "    - { name: q, members: [b, p] }\n")),
            "test.yaml:5:31: \"p\" is a group, and a group cannot be a member of another; name its "
            "members, or give the group a fallback");
  EXPECT_THAT(errors(with_two("routing: { groups: [{ name: p, members: [p] }] }")),
              HasSubstr("\"p\" is a group, and a group cannot be"));
}

TEST(Groups, WeighTheirMembersFromOneUp) {
  EXPECT_THAT(
      errors(
          with_two("routing:\n  groups:\n    - { name: p, members: [{ target: a, weight: 0 }] }")),
      HasSubstr(
          "test.yaml:4:49: routing.groups.0.members.0.weight must be a whole number from 1 to "
          "1000000, not \"0\""));
}

TEST(Fallbacks, TakeNamesAndTargetsWithAModel) {
  const auto config = parsed(
      with_two("routing: { fallbacks: [{ from: a, to: [c, { target: b, model: claude-x }] }] }"));
  ASSERT_TRUE(config) << config.error().message;
  const Fallback& fallback = config->routing.fallbacks.at(0);
  EXPECT_EQ(fallback.to.at(0).name, "c");
  EXPECT_EQ(fallback.to.at(0).model, "");
  EXPECT_EQ(fallback.to.at(1).name, "b");
  EXPECT_EQ(fallback.to.at(1).model, "claude-x");
}

TEST(Fallbacks, MustNotGoInACircle) {
  EXPECT_THAT(errors(with_two("routing:\n  fallbacks:\n    - { from: a, to: [a] }\n")),
              HasSubstr("test.yaml:4:15: fallbacks go in a circle: a -> a"));
  EXPECT_THAT(errors(with_two("routing: { fallbacks: [{ from: a, to: [b] }, { from: b, to: [c] }, "
                              "{ from: c, to: [b] }] }")),
              HasSubstr("fallbacks go in a circle: b -> c -> b"));
  EXPECT_EQ(errors(with_two("routing: { fallbacks: [{ from: a, to: [b, c] }, { from: b, to: [c] }] "
                            "}")),
            "");
}

TEST(Fallbacks, MustNotGoInACircleOverGroupsAndWorkers) {
  EXPECT_THAT(errors(with_two("routing:\n  groups: [{ name: p, members: [a] }]\n  fallbacks:\n"
                              "    - { from: p, to: [workers] }\n"
                              "    - { from: workers, to: [b] }\n"
                              "    - { from: b, to: [p] }\n")),
              HasSubstr("test.yaml:5:15: fallbacks go in a circle: p -> workers -> b -> p"));
  // A pool as the fallback of one of its members is none.
  EXPECT_EQ(
      errors(with_two("routing: { groups: [{ name: p, members: [a, b] }], fallbacks: [{ from: "
                      "a, to: [p] }] }")),
      "");
}

TEST(Fallbacks, AreGivenOncePerProviderAndNameTargets) {
  EXPECT_THAT(
      errors(with_two("routing: { fallbacks: [{ from: a, to: [b] }, { from: a, to: [c] }] }")),
      HasSubstr("two fallbacks from \"a\""));
  EXPECT_THAT(errors(with_two("routing: { fallbacks: [{ from: a, to: [] }] }")),
              HasSubstr("routing.fallbacks.0.to must name at least one"));
  EXPECT_THAT(errors(with_two("routing: { fallbacks: [{ from: a }] }")),
              HasSubstr("routing.fallbacks.0.to must name at least one"));
}

TEST(Weights, AreTakenAndNotAllNothing) {
  const auto config =
      parsed("routing: { weights: { vram: 1, concurrency: 0, model: 0.5, fallback: 0 } }");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->routing.weights.vram, 1);
  EXPECT_EQ(config->routing.weights.concurrency, 0);
  EXPECT_EQ(config->routing.weights.model, 0.5);
  EXPECT_EQ(config->routing.weights.fallback, 0);
  EXPECT_EQ(errors("routing:\n  weights: { vram: 0, concurrency: 0, model: 0, fallback: 0 }"),
            "test.yaml:2:12: routing.weights must not all be 0");
  EXPECT_THAT(errors("routing: { weights: { vram: -1 } }"), HasSubstr("a number from 0 to 1"));
}

TEST(Queue, HasBoundsAClassHeaderAndAWayOut) {
  const auto config = parsed(
      "routing: { cloud: { allow: false, max_wait: { interactive: 1s, default: 2s, bulk: 3s } }, "
      "queue: { max: 5, class_header: x-urgency }, scale_webhook: 'https://h/p?token=x' }");
  ASSERT_TRUE(config) << config.error().message;
  const Routing& routing = config->routing;
  EXPECT_FALSE(routing.cloud.allow);
  EXPECT_THAT(routing.cloud.max_wait, ElementsAre(std::chrono::seconds(1), std::chrono::seconds(2),
                                                  std::chrono::seconds(3)));
  EXPECT_EQ(routing.queue.max, 5);
  EXPECT_EQ(routing.queue.class_header, "x-urgency");
  EXPECT_EQ(routing.scale_webhook, "https://h/p?token=x");
  EXPECT_THAT(errors("routing: { queue: { class_header: 'x y' } }"),
              HasSubstr("class_header must be the name of a header"));
  EXPECT_THAT(errors("routing:\n  scale_webhook: ftp://h/p\n"),
              HasSubstr("test.yaml:2:18: routing.scale_webhook must be an http or https URL"));
}

}  // namespace
}  // namespace sluice::config
