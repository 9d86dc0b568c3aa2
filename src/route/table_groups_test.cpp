// Groups and workers as targets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/test_table.hpp"

namespace sluice::route {
namespace {

using testing::ElementsAre;

Given with_pool() {
  Given given;
  for (const char* name : {"a", "b", "c"}) given.provider(name, ProviderType::kOpenAi);
  given.group("pool", {{{"a", ""}, 3}, {{"b", "b-model"}, 1}, {{"workers", ""}, 2}});
  given.rule(false, "m", {"pool", ""});
  return given;
}

TEST(Groups, AreOneTierWithTheirMembers) {
  Given given = with_pool();
  given.config.routing.groups[0].strategy = config::Strategy::kLeastConnections;
  const auto result = plan(given, "m");
  EXPECT_THAT(tiers(result), ElementsAre("pool[a/m b/b-model workers/m]"));
  EXPECT_EQ(result->rule, "exact m");
  const Tier& tier = result->tiers[0];
  ASSERT_NE(tier.group, nullptr);
  EXPECT_EQ(tier.group->name, "pool");
  EXPECT_EQ(tier.group_index, 0U);
  EXPECT_EQ(tier.strategy, config::Strategy::kLeastConnections);
  EXPECT_EQ(tier.targets[0].weight, 3);
  EXPECT_EQ(tier.targets[1].weight, 1);
  EXPECT_EQ(tier.targets[2].member, 2U);
  EXPECT_TRUE(tier.targets[2].workers());
}

TEST(Groups, PassTheRulesModelToMembersWithoutTheirOwn) {
  Given given = with_pool();
  given.rule(false, "alias", {"pool", "big"});
  EXPECT_THAT(tiers(plan(given, "alias")), ElementsAre("pool[a/big b/b-model workers/big]"));
}

TEST(Groups, LeaveOutMembersThatCannotAnswer) {
  Given given = with_pool();
  given.config.providers[0].enabled = false;
  given.provider("lists", ProviderType::kOpenAi, {"other"});
  given.provider("claude", ProviderType::kAnthropic);
  given.config.routing.groups[0].members.insert(given.config.routing.groups[0].members.begin(),
                                                {{{"lists", ""}}, {{"claude", ""}}});
  const auto result = plan(given, "m");
  EXPECT_THAT(tiers(result), ElementsAre("pool[b/b-model workers/m]"));
  // Turns are a member's, whoever else is there.
  EXPECT_EQ(result->tiers[0].targets[0].member, 3U);
  EXPECT_EQ(result->tiers[0].targets[1].member, 4U);
}

TEST(Groups, WithoutAUsableMemberAreNoTarget) {
  Given given;
  given.provider("off", ProviderType::kOpenAi).enabled = false;
  given.provider("lists", ProviderType::kOpenAi, {"other"});
  given.default_provider("rest", ProviderType::kOpenAi);
  given.group("pool", {{{"off", ""}}, {{"lists", ""}}});
  given.rule(false, "m", {"pool", ""});
  EXPECT_THAT(tiers(plan(given, "m")), ElementsAre("rest[rest/m]"));
}

TEST(Groups, AreChosenByTheClientsDialectAmongRulesOfOneRank) {
  Given given = two_providers();
  given.group("claudes", {{{"anthropic-main", ""}}});
  given.group("gpts", {{{"openai-main", ""}}});
  given.rule(true, "chat", {"claudes", ""});
  given.rule(true, "chat", {"gpts", ""});
  EXPECT_THAT(tiers(plan(given, "chat")), ElementsAre("gpts[openai-main/chat]"));
  EXPECT_THAT(tiers(plan(given, "chat", {}, kAnthropicSpeakers)),
              ElementsAre("claudes[anthropic-main/chat]"));
}

TEST(Groups, OfAnotherDialectSayWhereToCall) {
  Given given = two_providers();
  given.group("claudes", {{{"anthropic-main", ""}}});
  given.rule(false, "chat", {"claudes", ""});
  const auto result = plan(given, "chat");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "The model chat is served by provider anthropic-main of group claudes, which speaks "
            "the Anthropic dialect; call /v1/messages.");
}

TEST(Groups, HaveTheirOwnResumeOrThatOfAll) {
  Given given = with_pool();
  given.config.routing.resume = config::Resume::kRestart;
  EXPECT_EQ(plan(given, "m")->tiers[0].resume, config::Resume::kRestart);
  given.config.routing.groups[0].resume = config::Resume::kNone;
  given.fallback("pool", {{"c", ""}});
  const auto result = plan(given, "m");
  EXPECT_EQ(result->tiers[0].resume, config::Resume::kNone);
  EXPECT_EQ(result->tiers[1].resume, config::Resume::kRestart);
}

TEST(Groups, OfWorkersStrategiesAskWorkersFirst) {
  Given given = with_pool();
  for (const auto strategy : {config::Strategy::kVram, config::Strategy::kPredicted}) {
    given.config.routing.groups[0].strategy = strategy;
    EXPECT_THAT(tiers(plan(given, "m")), ElementsAre("pool[workers/m a/m b/b-model]"));
  }
}

TEST(Groups, HaveTheirOwnFallbacksOrThoseOfTheirMembersInOrder) {
  Given given = with_pool();
  given.provider("d", ProviderType::kOpenAi);
  given.provider("e", ProviderType::kOpenAi);
  given.fallback("b", {{"d", ""}});
  given.fallback("a", {{"e", ""}, {"c", "cm"}});
  EXPECT_THAT(tiers(plan(given, "m")),
              ElementsAre("pool[a/m b/b-model workers/m]", "e[e/m]", "c[c/cm]", "d[d/b-model]"));
  given.fallback("pool", {{"c", ""}});
  EXPECT_THAT(tiers(plan(given, "m")), ElementsAre("pool[a/m b/b-model workers/m]", "c[c/m]"));
}

TEST(Groups, AreFallbacksToo) {
  Given given = with_pool();
  given.rule(false, "x", {"c", ""});
  given.fallback("c", {{"pool", ""}});
  EXPECT_THAT(tiers(plan(given, "x")), ElementsAre("c[c/x]", "pool[a/x b/b-model workers/x]"));
}

TEST(Groups, AskNobodyWhoHasBeenAskedBefore) {
  Given given = with_pool();
  given.rule(false, "x", {"a", ""});
  given.fallback("a", {{"pool", ""}, {"workers", ""}, {"b", ""}});
  EXPECT_THAT(tiers(plan(given, "x")),
              ElementsAre("a[a/x]", "pool[b/b-model workers/x]", "b[b/x]"));
}

TEST(Workers, AreATargetOfRulesAndFallbacks) {
  Given given = two_providers();
  given.rule(false, "house", {"workers", "llama"});
  given.fallback("openai-main", {{"workers", ""}});
  // Whether one is there is seen when it is asked for.
  EXPECT_THAT(tiers(plan(given, "house")), ElementsAre("workers[workers/llama]"));
  const auto result = plan(given, "gpt-4o", ProviderType::kOpenAi);
  EXPECT_THAT(tiers(result),
              ElementsAre("openai-main[openai-main/gpt-4o]", "workers[workers/gpt-4o]"));
  EXPECT_EQ(result->tiers[1].targets[0].name(), "workers");
  EXPECT_EQ(result->tiers[1].strategy, config::Strategy::kVram);
}

TEST(Workers, ComeAfterRulesAndBeforeAllElse) {
  Given given = two_providers();
  given.config.routing.cloud.allow = false;
  given.provider("lists", ProviderType::kOpenAi, {"m"});
  const auto result = worker_plan(given, "m", ProviderType::kOpenAi);
  EXPECT_THAT(tiers(result), ElementsAre("workers[workers/m]"));
  EXPECT_EQ(result->rule, "workers that have the model");
  given.rule(false, "m", {"openai-main", ""});
  EXPECT_THAT(tiers(worker_plan(given, "m")), ElementsAre("openai-main[openai-main/m]"));
}

TEST(Workers, AreFollowedByWhoWouldHaveServedAndNotByTheDefault) {
  Given given = two_providers();
  EXPECT_THAT(tiers(worker_plan(given, "llama")), ElementsAre("workers[workers/llama]"));
  EXPECT_THAT(tiers(worker_plan(given, "gpt-4o", ProviderType::kOpenAi)),
              ElementsAre("workers[workers/gpt-4o]", "openai-main[openai-main/gpt-4o]"));
  given.provider("lists", ProviderType::kOpenAi, {"gpt-4o"});
  given.fallback("lists", {{"openai-main", ""}});
  EXPECT_THAT(tiers(worker_plan(given, "gpt-4o", ProviderType::kOpenAi)),
              ElementsAre("workers[workers/gpt-4o]", "lists[lists/gpt-4o]",
                          "openai-main[openai-main/gpt-4o]"));
}

TEST(Workers, WithFallbacksOfTheirOwnOrWithoutACloudAreNotFollowedByOthers) {
  Given given = two_providers();
  given.provider("backup", ProviderType::kOpenAi);
  given.fallback("workers", {{"backup", "b"}});
  EXPECT_THAT(tiers(worker_plan(given, "gpt-4o", ProviderType::kOpenAi)),
              ElementsAre("workers[workers/gpt-4o]", "backup[backup/b]"));
  given.config.routing.fallbacks.clear();
  given.config.routing.cloud.allow = false;
  EXPECT_THAT(tiers(worker_plan(given, "gpt-4o", ProviderType::kOpenAi)),
              ElementsAre("workers[workers/gpt-4o]"));
}

TEST(Workers, SpeakOpenAi) {
  const Given given = two_providers();
  const auto result = worker_plan(given, "llama", {}, kAnthropicSpeakers);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "The model llama is served by workers, which speak the OpenAI dialect; call "
            "/v1/chat/completions.");
  // Where requests are converted they are reached.
  constexpr Speakers kMessages{kAnthropicSpeakers, kAllSpeakers};
  EXPECT_THAT(tiers(given.table().plan("llama", kMessages, {}, true)),
              ElementsAre("workers[workers/llama]"));
}

TEST(RoutingTable, ListsWhatGroupsAndWorkersAnswer) {
  Given given = with_pool();
  given.provider("claude", ProviderType::kAnthropic);
  given.group("claudes", {{{"claude", ""}}});
  given.rule(false, "house", {"workers", "llama"});
  given.rule(false, "opus", {"claudes", ""});
  std::vector<std::string> listed;
  const RoutingTable table = given.table();
  for (const auto& entry : table.listed_models(kOpenAiSpeakers)) {
    listed.push_back(std::string(entry.model) + "@" + std::string(entry.provider));
  }
  EXPECT_THAT(listed, ElementsAre("house@workers", "m@pool"));
  EXPECT_EQ(table.model_label("b-model"), "b-model");
  EXPECT_EQ(table.model_label("llama"), "llama");
}

}  // namespace
}  // namespace sluice::route
