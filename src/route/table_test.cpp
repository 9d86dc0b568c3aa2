#include "route/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/test_table.hpp"

namespace sluice::route {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RoutingTable, ARuleComesBeforeAllElse) {
  Given given = two_providers();
  given.provider("lists", ProviderType::kOpenAi, {"gpt-4o"});
  given.provider("ruled", ProviderType::kOpenAiCompatible);
  given.rule(false, "gpt-4o", {"ruled", "big"});
  const auto result = plan(given, "gpt-4o", ProviderType::kOpenAi);
  EXPECT_THAT(targets(result), ElementsAre("ruled/big"));
  EXPECT_EQ(result->rule, "exact gpt-4o");
}

TEST(RoutingTable, RulesGoByPriorityThenExactnessThenLength) {
  Given given;
  for (const char* name : {"a", "b", "c", "d"}) given.provider(name, ProviderType::kOpenAi);
  given.rule(true, "gpt-", {"a", ""});
  given.rule(true, "gpt-4", {"b", ""});
  given.rule(false, "gpt-4o", {"c", ""});
  EXPECT_THAT(targets(plan(given, "gpt-3")), ElementsAre("a/gpt-3"));
  EXPECT_THAT(targets(plan(given, "gpt-4.1")), ElementsAre("b/gpt-4.1"));
  EXPECT_THAT(targets(plan(given, "gpt-4o")), ElementsAre("c/gpt-4o"));
  given.rule(true, "gpt-", {"d", ""}, 10);
  const auto result = plan(given, "gpt-4o");
  EXPECT_THAT(targets(result), ElementsAre("d/gpt-4o"));
  EXPECT_EQ(result->rule, "prefix gpt-*");
}

TEST(RoutingTable, AnEmptyPrefixMatchesEverything) {
  Given given;
  given.provider("all", ProviderType::kOpenAi);
  given.rule(true, "", {"all", ""});
  EXPECT_THAT(targets(plan(given, "whatever")), ElementsAre("all/whatever"));
}

TEST(RoutingTable, OfRulesOfOneRankTheClientsOwnDialectWins) {
  Given given = two_providers();
  given.rule(true, "chat", {"anthropic-main", "claude-sonnet-4-6"});
  given.rule(true, "chat", {"openai-main", "gpt-4o"});
  EXPECT_THAT(targets(plan(given, "chat")), ElementsAre("openai-main/gpt-4o"));
  EXPECT_THAT(targets(plan(given, "chat", {}, kAnthropicSpeakers)),
              ElementsAre("anthropic-main/claude-sonnet-4-6"));
}

TEST(RoutingTable, ARuleOfAHigherRankIsNotPassedOverForTheDialect) {
  Given given = two_providers();
  given.rule(true, "chat", {"anthropic-main", ""}, 5);
  given.rule(true, "chat", {"openai-main", ""});
  EXPECT_FALSE(plan(given, "chat"));
}

TEST(RoutingTable, AProviderThatListsTheModelComesBeforeDetection) {
  Given given = two_providers();
  given.provider("mirror", ProviderType::kOpenAiCompatible, {"gpt-4o"});
  const auto result = plan(given, "gpt-4o", ProviderType::kOpenAi);
  EXPECT_THAT(targets(result), ElementsAre("mirror/gpt-4o"));
  EXPECT_EQ(result->rule, "model list of mirror");
}

TEST(RoutingTable, OfProvidersThatListTheModelTheClientsOwnDialectWins) {
  Given given;
  given.provider("a", ProviderType::kAnthropic, {"glm-4.6"});
  given.provider("z", ProviderType::kZai, {"glm-4.6"});
  EXPECT_THAT(targets(plan(given, "glm-4.6")), ElementsAre("z/glm-4.6"));
  EXPECT_THAT(targets(plan(given, "glm-4.6", {}, kAnthropicSpeakers)), ElementsAre("a/glm-4.6"));
}

TEST(RoutingTable, TheModelsNameTellsTheProvider) {
  Given given;
  given.default_provider("catch-all", ProviderType::kOpenAiCompatible);
  given.provider("openai-second", ProviderType::kOpenAi);
  given.default_provider("openai-main", ProviderType::kOpenAi);
  const auto result = plan(given, "gpt-4o", ProviderType::kOpenAi);
  EXPECT_THAT(targets(result), ElementsAre("openai-main/gpt-4o"));
  EXPECT_EQ(result->rule, "the model's name tells openai-main");
}

TEST(RoutingTable, TheDefaultProviderOfTheClientsDialectTakesTheRest) {
  const Given given = two_providers();
  EXPECT_THAT(targets(plan(given, "my-model")), ElementsAre("openai-main/my-model"));
  EXPECT_THAT(targets(plan(given, "my-model", {}, kAnthropicSpeakers)),
              ElementsAre("anthropic-main/my-model"));
  // The name tells a kind of provider that is not there.
  EXPECT_THAT(targets(plan(given, "gemini-3-pro", ProviderType::kGemini)),
              ElementsAre("openai-main/gemini-3-pro"));
}

TEST(RoutingTable, AProviderWithAListServesOnlyThat) {
  Given given;
  config::Provider& listed = given.provider("listed", ProviderType::kOpenAi, {"gpt-4o"});
  listed.is_default = true;
  given.rule(true, "gpt-", {"listed", ""});
  given.rule(false, "alias", {"listed", "gpt-4o"});
  EXPECT_THAT(targets(plan(given, "gpt-4o")), ElementsAre("listed/gpt-4o"));
  EXPECT_THAT(targets(plan(given, "alias")), ElementsAre("listed/gpt-4o"));
  EXPECT_FALSE(plan(given, "gpt-5", ProviderType::kOpenAi));
}

TEST(RoutingTable, ADisabledProviderIsNeverATarget) {
  Given given;
  given.provider("off", ProviderType::kOpenAi, {"gpt-4o"}).enabled = false;
  given.provider("on", ProviderType::kOpenAi);
  given.rule(false, "gpt-4o", {"off", ""});
  given.fallback("on", {{"off", ""}});
  EXPECT_THAT(targets(plan(given, "gpt-4o", ProviderType::kOpenAi)), ElementsAre("on/gpt-4o"));
}

TEST(RoutingTable, ARuleToAnUnknownTargetDoesNotApply) {
  Given given = two_providers();
  given.rule(false, "gpt-4o", {"nobody", ""});
  EXPECT_THAT(targets(plan(given, "gpt-4o")), ElementsAre("openai-main/gpt-4o"));
}

TEST(RoutingTable, FallbacksFollowInTheirOrderEachOnce) {
  Given given = two_providers();
  given.provider("second", ProviderType::kOpenAi);
  given.provider("third", ProviderType::kZai);
  given.fallback("openai-main", {{"second", ""}, {"anthropic-main", ""}, {"third", "glm-4.6"}});
  given.fallback("openai-main", {{"second", ""}, {"openai-main", "gpt-4o-mini"}});
  EXPECT_THAT(targets(plan(given, "gpt-4o")),
              ElementsAre("openai-main/gpt-4o", "second/gpt-4o", "third/glm-4.6",
                          "openai-main/gpt-4o-mini"));
}

TEST(RoutingTable, FallbacksOfAFallbackComeBeforeTheNext) {
  Given given;
  for (const char* name : {"a", "b", "c", "d", "e"}) given.provider(name, ProviderType::kOpenAi);
  given.rule(false, "m", {"a", ""});
  given.fallback("a", {{"b", "bm"}, {"c", ""}});
  given.fallback("b", {{"d", ""}, {"c", "bm"}});
  given.fallback("d", {{"e", "em"}});
  // What has no name of its own gets what the target before it got.
  EXPECT_THAT(targets(plan(given, "m")), ElementsAre("a/m", "b/bm", "d/bm", "e/em", "c/bm", "c/m"));
}

TEST(RoutingTable, TheFallbacksOfATargetThatIsNoCandidateAreAskedInItsPlace) {
  Given given;
  given.provider("a", ProviderType::kOpenAi);
  given.provider("off", ProviderType::kOpenAi).enabled = false;
  given.provider("c", ProviderType::kOpenAi);
  given.rule(false, "m", {"a", ""});
  given.fallback("a", {{"off", ""}});
  given.fallback("off", {{"c", ""}});
  EXPECT_THAT(targets(plan(given, "m")), ElementsAre("a/m", "c/m"));
}

TEST(RoutingTable, FallbacksInACircleEnd) {
  Given given;
  for (const char* name : {"a", "b"}) given.provider(name, ProviderType::kOpenAi);
  given.rule(false, "m", {"a", ""});
  given.fallback("a", {{"b", ""}});
  given.fallback("b", {{"a", "x"}});
  EXPECT_THAT(targets(plan(given, "m")), ElementsAre("a/m", "b/m", "a/x"));
}

TEST(RoutingTable, PlansNoMoreTiersThanAnybodyWaitsFor) {
  Given given;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "p" + std::to_string(i);
    given.provider(name, ProviderType::kOpenAi);
    given.fallback(name, {{"p" + std::to_string(i + 1), ""}});
  }
  given.rule(false, "m", {"p0", ""});
  EXPECT_EQ(targets(plan(given, "m")).size(), 64U);
}

TEST(RoutingTable, AFallbackGetsTheNameThatTheRuleResolved) {
  Given given = two_providers();
  given.provider("second", ProviderType::kOpenAi);
  given.rule(false, "fast", {"openai-main", "gpt-4o-mini"});
  given.fallback("openai-main", {{"second", ""}});
  EXPECT_THAT(targets(plan(given, "fast")),
              ElementsAre("openai-main/gpt-4o-mini", "second/gpt-4o-mini"));
}

TEST(RoutingTable, AFallbackOfTheRightDialectServesWhatItsTargetCannot) {
  Given given = two_providers();
  given.rule(true, "claude-", {"anthropic-main", ""});
  given.fallback("anthropic-main", {{"openai-main", "gpt-4o"}});
  EXPECT_THAT(targets(plan(given, "claude-x")), ElementsAre("openai-main/gpt-4o"));
}

constexpr Speakers kChat{kOpenAiSpeakers, kAllSpeakers};

TEST(RoutingTable, ReachesTheOtherDialectWhereItsOwnHasNothing) {
  Given given = two_providers();
  const RoutingTable table = given.table();
  EXPECT_THAT(targets(table.plan("claude-x", kChat, ProviderType::kAnthropic)),
              ElementsAre("anthropic-main/claude-x"));
  // Where several would do, its own comes first.
  EXPECT_THAT(targets(table.plan("any", kChat, {})), ElementsAre("openai-main/any"));
}

TEST(RoutingTable, FallsBackAcrossDialects) {
  Given given = two_providers();
  given.fallback("openai-main", {{"anthropic-main", "claude-x"}});
  EXPECT_THAT(targets(given.table().plan("gpt-4o", kChat, ProviderType::kOpenAi)),
              ElementsAre("openai-main/gpt-4o", "anthropic-main/claude-x"));
}

TEST(RoutingTable, PrefersWhatCanBeReachedToWhatCannot) {
  Given given;
  given.provider("gemini", ProviderType::kGemini, {"m"});
  given.provider("claude", ProviderType::kAnthropic, {"m"});
  constexpr Speakers kNoGemini{kOpenAiSpeakers, {ProviderType::kAnthropic}};
  EXPECT_THAT(targets(given.table().plan("m", kNoGemini, {})), ElementsAre("claude/m"));
}

TEST(RoutingTable, SaysWhereToCallAModelOfTheOtherDialect) {
  const Given given = two_providers();
  const auto claude = plan(given, "claude-sonnet-4-6", ProviderType::kAnthropic);
  ASSERT_FALSE(claude);
  EXPECT_EQ(claude.error().code, ErrorCode::kModelNotFound);
  EXPECT_EQ(claude.error().param, "model");
  EXPECT_EQ(claude.error().message,
            "The model claude-sonnet-4-6 is served by provider anthropic-main, which speaks the "
            "Anthropic dialect; call /v1/messages.");
  const auto gpt = plan(given, "gpt-4o", ProviderType::kOpenAi, kAnthropicSpeakers);
  ASSERT_FALSE(gpt);
  EXPECT_THAT(gpt.error().message, HasSubstr("call /v1/chat/completions"));
}

TEST(RoutingTable, AModelWithoutARouteIsNotFound) {
  Given given;
  const auto nothing = plan(given, "gpt-4o", ProviderType::kOpenAi);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kModelNotFound);
  EXPECT_LT(plan(given, std::string(100'000, 'x')).error().message.size(), 300U);
}

TEST(RoutingTable, LabelsOfMetricsAreConfiguredNamesOnly) {
  Given given = two_providers();
  given.provider("lists", ProviderType::kOpenAi, {"listed"});
  given.rule(false, "ruled", {"openai-main", ""});
  given.rule(true, "prefixed", {"openai-main", ""});
  given.config.models.emplace_back().name = "priced";
  const RoutingTable table = given.table();
  EXPECT_EQ(table.model_label("listed"), "listed");
  EXPECT_EQ(table.model_label("ruled"), "ruled");
  EXPECT_EQ(table.model_label("priced"), "priced");
  EXPECT_EQ(table.model_label("prefixed"), "other");
  EXPECT_EQ(table.model_label(std::string(5000, 'x')), "other");
}

TEST(RoutingTable, ListsEveryNamedModelOfTheDialectOnce) {
  Given given = two_providers();
  given.provider("one", ProviderType::kOpenAi, {"m2", "m1"});
  given.provider("two", ProviderType::kZai, {"m2", "m3"});
  given.provider("off", ProviderType::kOpenAi, {"m4"}).enabled = false;
  given.provider("claude", ProviderType::kAnthropic, {"c1"});
  given.rule(false, "alias", {"openai-main", "gpt-4o"});
  given.rule(false, "m3", {"one", "m1"});
  std::vector<std::string> listed;
  const RoutingTable table = given.table();
  for (const auto& entry : table.listed_models(kOpenAiSpeakers)) {
    listed.push_back(std::string(entry.model) + "@" + std::string(entry.provider));
  }
  EXPECT_THAT(listed, ElementsAre("alias@openai-main", "m1@one", "m2@one", "m3@one"));
}

}  // namespace
}  // namespace sluice::route
