#include "config/merge.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "config/settings.hpp"
#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;

constexpr std::string_view kFile = R"(
providers:
  - { name: oa, type: openai, api_keys: [sk-file-0123456789], default: true }
routing:
  rules:
    - { type: prefix, pattern: "gpt-*", target: oa }
  groups:
    - { name: pool, members: [oa] }
)";

class MergeTest : public testing::Test {
 protected:
  static LoadOptions options() {
    LoadOptions options;
    options.environment = environment({{"NAME", "value"}});
    return options;
  }
  Result<Loaded> with(std::vector<Addition> additions) {
    faults.clear();
    return load_merged({std::string(kFile), "gateway.yaml"}, options(), additions, &faults);
  }
  static Addition provider(std::string json) {
    return {Addition::Kind::kProvider, "provider x", std::move(json)};
  }
  static Addition group(std::string json) {
    return {Addition::Kind::kGroup, "group g", std::move(json)};
  }
  static Addition rule(std::string json) {
    return {Addition::Kind::kRule, "rule 1", std::move(json)};
  }

  std::vector<Fault> faults;
};

TEST_F(MergeTest, StandsBesideTheFile) {
  const auto loaded = with(
      {provider(R"({"name":"an","type":"anthropic","api_keys":["sk-${NAME}"],"default":true})"),
       group(R"({"name":"both","members":[{"target":"an"},{"target":"oa","weight":2}]})"),
       rule(R"({"type":"exact","pattern":"gpt-4","target":"both","priority":5})")});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Config& config = loaded->config;
  ASSERT_EQ(config.providers.size(), 2U);
  EXPECT_EQ(config.providers[1].name, "an");
  EXPECT_TRUE(config.providers[1].is_default);
  EXPECT_EQ(config.providers[1].api_keys.at(0).expose(), "sk-${NAME}") << "nothing is replaced";
  ASSERT_EQ(config.routing.groups.size(), 2U);
  EXPECT_EQ(config.routing.groups[1].members[1].weight, 2);
  ASSERT_EQ(config.routing.rules.size(), 2U);
  EXPECT_EQ(config.routing.rules[0].pattern, "gpt-4");
}

TEST_F(MergeTest, TheFileWins) {
  const auto loaded =
      with({provider(R"({"name":"oa","type":"anthropic","api_keys":["sk-other"]})"),
            group(R"({"name":"pool","members":["oa"],"strategy":"random"})"),
            rule(R"({"type":"prefix","pattern":"gpt-","target":"pool","priority":100})"),
            provider(R"({"name":"second","type":"openai","default":true})")});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->merged[0].shadowed);
  EXPECT_TRUE(loaded->merged[1].shadowed);
  EXPECT_TRUE(loaded->merged[2].shadowed);
  EXPECT_FALSE(loaded->merged[3].shadowed);
  EXPECT_TRUE(loaded->merged[3].default_lost);
  EXPECT_EQ(loaded->config.providers[0].type, ProviderType::kOpenAi);
  EXPECT_EQ(loaded->config.routing.groups[0].strategy, Strategy::kRoundRobin);
  ASSERT_EQ(loaded->config.routing.rules.size(), 1U);
  EXPECT_EQ(loaded->config.routing.rules[0].target.name, "oa");
  EXPECT_FALSE(loaded->config.providers[1].is_default);
}

TEST_F(MergeTest, IsCheckedAsTheFileIs) {
  EXPECT_FALSE(with({provider(R"({"name":"an","type":"anthropic","base_url":"ftp://x"})")}));
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(faults[0].source, "provider x: base_url");
  EXPECT_THAT(faults[0].what, HasSubstr("base_url must be"));
  EXPECT_FALSE(with({rule(R"({"type":"exact","pattern":"a","target":"nowhere"})")}));
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(faults[0].source, "rule 1: target");
  EXPECT_THAT(faults[0].what, HasSubstr("there is no provider or group \"nowhere\""));
  EXPECT_FALSE(with({provider(R"({"name":"an","type":"anthropic","evil":1})")}));
  EXPECT_FALSE(with({group(R"({"name":"oa2","members":[]})")}));
}

TEST_F(MergeTest, NoMessageShowsASecret) {
  const auto loaded =
      with({provider(R"({"name":"an","type":"anthropic","api_keys":["very secret\u0001"]})")});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, Not(HasSubstr("very secret")));
}

class SettingsTest : public testing::Test {
 protected:
  const Setting& setting(std::string_view name) {
    const auto found = std::ranges::find(settings, name, &Setting::name);
    EXPECT_NE(found, settings.end()) << name;
    return *found;
  }
  void read() {
    LoadOptions options;
    options.environment = environment({{"PORT", "9000"}});
    options.set = {"server.threads=2"};
    const std::vector<Addition> additions = {
        {Addition::Kind::kProvider, "provider an", R"({"name":"an","type":"anthropic"})"}};
    auto found = settings_of({std::string(kFile), "gateway.yaml"}, options, additions);
    ASSERT_TRUE(found) << found.error().message;
    settings = std::move(*found);
  }

  std::vector<Setting> settings;
};

TEST_F(SettingsTest, SayWhereEachValueComesFrom) {
  read();
  EXPECT_EQ(setting("server.port").value, "9000");
  EXPECT_EQ(setting("server.port").source, Setting::Source::kEnvironment);
  EXPECT_TRUE(setting("server.port").needs_restart);
  EXPECT_EQ(setting("server.threads").source, Setting::Source::kCommandLine);
  EXPECT_EQ(setting("server.drain_max").value, "\"120s\"");
  EXPECT_EQ(setting("server.drain_max").source, Setting::Source::kDefault);
  EXPECT_EQ(setting("providers.0.name").value, "\"oa\"");
  EXPECT_EQ(setting("providers.0.name").source, Setting::Source::kFile);
  EXPECT_EQ(setting("providers.0.name").line, 3);
  EXPECT_EQ(setting("providers.0.name").place, "gateway.yaml:3");
  EXPECT_EQ(setting("providers.1.name").source, Setting::Source::kDatabase);
  EXPECT_EQ(setting("providers.1.name").line, 0);
}

TEST_F(SettingsTest, MaskSecrets) {
  read();
  const Setting& key = setting("providers.0.api_keys.0");
  EXPECT_TRUE(key.secret);
  EXPECT_THAT(key.value, Not(HasSubstr("0123456789")));
  EXPECT_THAT(key.value, HasSubstr("sk-fil"));
}

}  // namespace
}  // namespace sluice::config
