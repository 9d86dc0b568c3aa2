#include "relay/learned_models.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

class LearnedModelsTest : public testing::Test {
 protected:
  LearnedModelsTest() {
    provider.name = "p";
    provider.base_url = "https://p.example";
  }
  /// The output limit by which the tests tell models apart.
  static LearnedModels::Models list(
      std::initializer_list<std::pair<std::string_view, int64_t>> models) {
    LearnedModels::Models out;
    for (const auto& [name, limit] : models) out[std::string(name)].max_output = limit;
    return out;
  }
  std::optional<int64_t> limit(std::string_view model) const {
    const auto found = learned.find(provider, model);
    return found ? found->max_output : std::nullopt;
  }

  LearnedModels learned;
  config::Provider provider;
};

TEST_F(LearnedModelsTest, AreFoundByNameByItsDatedFormAndByGooglesFullName) {
  learned.learn(provider, list({{"claude-haiku-4-5-20251001", 1},
                                {"claude-haiku-4-5-20260301", 2},
                                {"claude-haiku-4-5-fast", 3},
                                {"claude-sonnet-4-6", 4},
                                {"claude-sonnet-4-6-20260101", 5}}));
  EXPECT_EQ(limit("claude-haiku-4-5-20251001"), 1);
  EXPECT_EQ(limit("claude-haiku-4-5"), 2);
  EXPECT_EQ(limit("claude-sonnet-4-6"), 4);
  EXPECT_EQ(limit("models/claude-sonnet-4-6"), 4);
  EXPECT_EQ(limit("claude-haiku-4"), std::nullopt);
  EXPECT_EQ(limit("claude-haiku-4-5-20251001-x"), std::nullopt);
  EXPECT_EQ(limit(""), std::nullopt);
}

TEST_F(LearnedModelsTest, AreReplacedWholeAndForgottenWithTheAddress) {
  learned.learn(provider, list({{"a", 1}, {"b", 2}}));
  learned.learn(provider, list({{"b", 3}}));
  EXPECT_EQ(limit("a"), std::nullopt);
  EXPECT_EQ(limit("b"), 3);
  provider.base_url = "https://elsewhere.example";
  EXPECT_EQ(limit("b"), std::nullopt);
}

TEST_F(LearnedModelsTest, AreBounded) {
  LearnedModels::Models many;
  for (size_t i = 0; i < LearnedModels::kMaxModels + 10; ++i) {
    many[fmt::format("m{:05}", i)].max_output = 1;
  }
  learned.learn(provider, std::move(many));
  EXPECT_EQ(limit("m00000"), 1);
  EXPECT_EQ(limit(fmt::format("m{:05}", LearnedModels::kMaxModels)), std::nullopt);
  for (size_t i = 0; i < LearnedModels::kMaxProviders; ++i) {
    provider.name = fmt::format("other{}", i);
    learned.learn(provider, list({{"m", 1}}));
  }
  EXPECT_EQ(limit("m"), std::nullopt);  // the last found no place
  provider.name = "p";
  learned.learn(provider, list({{"m", 2}}));
  EXPECT_EQ(limit("m"), 2);
}

}  // namespace
}  // namespace sluice::relay
