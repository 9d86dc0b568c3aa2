#include "dialect/chat/capabilities.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect::chat {
namespace {

using config::ProviderType;
using Sampling = Capabilities::Sampling;

Capabilities claude(std::string_view model) {
  return capabilities_of(ProviderType::kAnthropic, model);
}
Capabilities openai(std::string_view model) {
  return capabilities_of(ProviderType::kOpenAi, model);
}

TEST(Capabilities, AVersionIsNotTakenForADate) {
  EXPECT_TRUE(claude("claude-sonnet-4-20250514").enabled);
  EXPECT_FALSE(claude("claude-sonnet-4-20250514").structured_outputs);
  EXPECT_TRUE(claude("claude-sonnet-4-5-20250929").structured_outputs);
  EXPECT_TRUE(claude("claude-sonnet-5-20260601").disabled);
  EXPECT_TRUE(claude("claude-sonnet-5-5").between_tools);
  EXPECT_TRUE(openai("gpt-5-2025-08-07").takes(Effort::kMinimal));
  EXPECT_TRUE(openai("gpt-5.2-2025-12-11").takes(Effort::kXhigh));
}

TEST(Capabilities, NamesAreFoundBehindPrefixesAndInOtherSpellings) {
  EXPECT_TRUE(claude("us.anthropic.claude-haiku-4-5-20251001-v1:0").prefill);
  EXPECT_TRUE(claude("anthropic/claude-opus-4.5").takes(Effort::kHigh));
  EXPECT_EQ(openai("openai/gpt-5.4-mini").tools_with_reasoning,
            Capabilities::ToolsWithReasoning::kUseResponses);
  EXPECT_TRUE(openai("foo1").efforts.none());
}

TEST(Capabilities, AModelNewerThanTheTableIsTakenForTheNewest) {
  const Capabilities newest = claude("claude-hymn-7");
  EXPECT_EQ(newest.sampling, Sampling::kDefaultOnly);
  EXPECT_EQ(newest.forced_tool, Capabilities::ForcedTool::kNever);
  EXPECT_FALSE(newest.prefill || newest.enabled || newest.disabled);
  EXPECT_TRUE(openai("gpt-6-large").takes(Effort::kMax));
}

TEST(Capabilities, TheProviderTellsWhatTheServerTakes) {
  const Capabilities hosted = openai("gpt-4o");
  EXPECT_EQ(hosted.max_tokens_field, Capabilities::MaxTokensField::kMaxCompletionTokens);
  const Capabilities other = capabilities_of(ProviderType::kOpenAiCompatible, "llama-3");
  EXPECT_EQ(other.max_tokens_field, Capabilities::MaxTokensField::kMaxTokens);
  EXPECT_FALSE(other.system_mid_ok);
}

TEST(Capabilities, GeminiThinksByABudgetOrByLevels) {
  const auto gemini = [](std::string_view model) {
    return capabilities_of(ProviderType::kGemini, model);
  };
  EXPECT_EQ(gemini("gemini-2.0-flash-001").budget_max, 0);
  EXPECT_TRUE(gemini("gemini-2.0-flash-001").efforts.none());
  EXPECT_EQ(gemini("models/gemini-2.5-pro").budget_max, 32'768);
  EXPECT_FALSE(gemini("gemini-2.5-pro").disabled);
  EXPECT_EQ(gemini("gemini-2.5-flash-lite-preview-09-2025").budget_min, 512);
  EXPECT_FALSE(gemini("gemini-2.5-flash").call_signatures);
  for (const std::string_view newer : {"gemini-3-pro-preview", "gemini-3.1-flash-lite", "gemini-7",
                                       "gemini-flash-latest", "tuned"}) {
    EXPECT_EQ(gemini(newer).budget_max, 0) << newer;
    EXPECT_TRUE(gemini(newer).takes(Effort::kHigh)) << newer;
    EXPECT_TRUE(gemini(newer).call_signatures) << newer;
  }
  EXPECT_EQ(gemini("tuned").max_output, 0);
  EXPECT_EQ(gemini("gemini-2.5-flash").tool_name_max, 128U);
}

TEST(Capabilities, TheConfigurationHasTheLastWord) {
  Capabilities model = claude("claude-opus-4-8");
  const json::Value overrides(
      R"({"max_output":1000,"sampling":"full","thinking_types":["enabled","disabled"],)"
      R"("effort_levels":["low"],"forced_tool":"never","prefill":true,"tool_name_max":128,)"
      R"("effort_default":"low","thinking_default":"always"})");
  ASSERT_TRUE(apply_overrides(model, overrides));
  EXPECT_EQ(model.max_output, 1000);
  EXPECT_EQ(model.sampling, Sampling::kFull);
  EXPECT_TRUE(model.enabled && model.disabled && !model.adaptive && model.prefill);
  EXPECT_TRUE(model.takes(Effort::kLow) && !model.takes(Effort::kHigh));
  EXPECT_EQ(model.tool_name_max, 128U);
}

TEST(Capabilities, AnUnknownNameOrValueIsAnErrorThatNamesIt) {
  Capabilities model;
  for (const std::string_view bad :
       {R"({"nonsense":1})", R"({"sampling":"some"})", R"({"prefill":1})", R"({"max_output":-1})",
        R"({"efforts":["much"]})", R"({"thinking_types":"adaptive"})", R"({"tool_name_max":1})"}) {
    const Status applied = apply_overrides(model, json::Value(bad));
    ASSERT_FALSE(applied) << bad;
    EXPECT_EQ(applied.error().code, ErrorCode::kConfig);
    EXPECT_TRUE(bad.contains(applied.error().param)) << applied.error().param;
  }
  EXPECT_FALSE(apply_overrides(model, json::Value("[]")));
}

}  // namespace
}  // namespace sluice::dialect::chat
