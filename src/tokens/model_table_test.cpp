#include "tokens/model_table.hpp"

#include <gtest/gtest.h>

namespace sluice::tokens {
namespace {

struct Known {
  std::string_view model;
  EncodingId encoding;
  bool exact;
  bool hidden_reasoning = false;
};

constexpr Known kKnown[] = {
    {"gpt-5", EncodingId::kO200kBase, true, true},
    {"gpt-5.1-2025-11-13", EncodingId::kO200kBase, true, true},
    {"gpt-5-mini", EncodingId::kO200kBase, true, true},
    {"gpt-5-chat-latest", EncodingId::kO200kBase, true, false},
    {"gpt-4.1-nano", EncodingId::kO200kBase, true},
    {"gpt-4.5-preview", EncodingId::kO200kBase, true},
    {"gpt-4o", EncodingId::kO200kBase, true},
    {"gpt-4o-2024-08-06", EncodingId::kO200kBase, true},
    {"chatgpt-4o-latest", EncodingId::kO200kBase, true},
    {"o1", EncodingId::kO200kBase, true, true},
    {"o3-mini", EncodingId::kO200kBase, true, true},
    {"o4-mini-2025-04-16", EncodingId::kO200kBase, true, true},
    {"gpt-oss-120b", EncodingId::kO200kBase, true},
    {"gpt-4", EncodingId::kCl100kBase, true},
    {"gpt-4-0613", EncodingId::kCl100kBase, true},
    {"gpt-4-turbo-2024-04-09", EncodingId::kCl100kBase, true},
    {"gpt-3.5-turbo", EncodingId::kCl100kBase, true},
    {"text-embedding-3-small", EncodingId::kCl100kBase, true},
    {"text-embedding-ada-002", EncodingId::kCl100kBase, true},
    {"davinci-002", EncodingId::kCl100kBase, true},
    {"text-davinci-003", EncodingId::kP50kBase, true},
    {"code-davinci-002", EncodingId::kP50kBase, true},
    {"davinci", EncodingId::kR50kBase, true},
    {"text-ada-001", EncodingId::kR50kBase, true},
    {"gpt2", EncodingId::kR50kBase, true},
    {"claude-sonnet-4-6", EncodingId::kO200kBase, false},
    {"gemini-2.5-pro", EncodingId::kO200kBase, false, true},
    {"mistral-large-latest", EncodingId::kO200kBase, false},
    {"mock-c20-i10", EncodingId::kO200kBase, true},
    {"mock", EncodingId::kO200kBase, true},
};

TEST(ModelTable, KnowsTheEncodingOfEveryFamily) {
  for (const Known& known : kKnown) {
    const ModelFacts facts = facts_of(known.model);
    EXPECT_EQ(facts.encoding, known.encoding) << known.model;
    EXPECT_EQ(facts.exact, known.exact) << known.model;
    EXPECT_EQ(facts.hidden_reasoning, known.hidden_reasoning) << known.model;
  }
}

TEST(ModelTable, FindsNamesBehindTheirVendor) {
  for (const char* name : {"openai/gpt-4o", "azure/openai/gpt-4o-2024-08-06", "ft:gpt-4o:mine::id",
                           "GPT-4o", "openrouter/openai/gpt-4o:extended", "openai.gpt-4o"}) {
    EXPECT_EQ(facts_of(name).family, Family::kOpenAi) << name;
    EXPECT_EQ(facts_of(name).context, 128'000) << name;
  }
  for (const char* name : {"anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic/claude-sonnet-4",
                           "us.anthropic.claude-sonnet-4-20250514-v1:0"}) {
    EXPECT_EQ(facts_of(name).family, Family::kAnthropic) << name;
    EXPECT_EQ(facts_of(name).max_output, 64'000) << name;
  }
  EXPECT_EQ(facts_of("publishers/google/models/gemini-2.5-flash").family, Family::kGemini);
  EXPECT_EQ(facts_of("meta-llama/Llama-3.3-70B-Instruct").context, 131'072);
}

TEST(ModelTable, TakesTheLongestNameThatFits) {
  EXPECT_EQ(facts_of("gpt-4o-2024-05-13").max_output, 4'096);
  EXPECT_EQ(facts_of("gpt-4o-2024-11-20").max_output, 16'384);
  EXPECT_EQ(facts_of("claude-opus-4-20250514").max_output, 32'000);
  EXPECT_EQ(facts_of("claude-opus-4-6").max_output, 128'000);
  EXPECT_EQ(facts_of("gpt-4o-mini").images.base, 2833);
  EXPECT_EQ(facts_of("gpt-4.1-mini").images.kind, ImageRule::Kind::kPatches);
}

TEST(ModelTable, KnowsNothingOfOtherNames) {
  for (const char* name :
       {"", "my-model", "o1x", "davincible", "adam", "x/y/z", "a.b:c", ":", "."}) {
    const ModelFacts facts = facts_of(name);
    EXPECT_EQ(facts.family, Family::kOther) << name;
    EXPECT_FALSE(facts.exact) << name;
    EXPECT_EQ(facts.factor, 1.0) << name;
    EXPECT_EQ(facts.max_output, 0) << name;
  }
}

TEST(ModelTable, CorrectsOnlyCountsThatAreEstimates) {
  for (const Known& known : kKnown) {
    if (known.exact) EXPECT_EQ(facts_of(known.model).factor, 1.0) << known.model;
  }
  EXPECT_GT(facts_of("claude-sonnet-4-6").factor, 1.0);
}

}  // namespace
}  // namespace sluice::tokens
