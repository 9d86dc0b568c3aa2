// Which platform a provider of type zai belongs to, and whose token goes where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;

std::string zai(std::string_view name, std::string_view options) {
  return fmt::format("  - {{ name: {}, type: zai, api_keys: [own-{}], {} }}\n", name, name,
                     options);
}

constexpr std::string_view kZread = "base_url: 'https://api.zread.ai/v1'";

TEST(Zai, IsFoundByItsAddress) {
  const auto config = parsed("providers:\n" + zai("plain", "models: [a]") + zai("z", kZread) +
                             zai("own", "base_url: 'http://127.0.0.1:9/v1'") +
                             zai("near", "base_url: 'https://notzread.ai/v1'") +
                             zai("told", "platform: zread.ai, base_url: 'http://127.0.0.1:9/v1'"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->providers[0].base_url, "https://api.z.ai/api/paas/v4");
  EXPECT_EQ(config->providers[0].platform, Platform::kZai);
  EXPECT_EQ(config->providers[1].platform, Platform::kZread);
  EXPECT_EQ(config->providers[2].platform, Platform::kZai);
  EXPECT_EQ(config->providers[3].platform, Platform::kZai);
  EXPECT_EQ(config->providers[4].platform, Platform::kZread);
}

TEST(Zai, DoesNotTakeOnePlatformForTheOther) {
  EXPECT_THAT(errors("providers:\n" + zai("z", "platform: z.ai, " + std::string(kZread))),
              HasSubstr("providers.0.platform is z.ai, but its base_url is zread.ai's"));
  EXPECT_THAT(errors("providers:\n" + zai("z", "platform: zread.ai")),
              HasSubstr("the platform zread.ai needs a base_url"));
  EXPECT_THAT(errors("providers:\n  - { name: o, type: openai, platform: z.ai }\n"),
              HasSubstr("providers.0.platform is for providers of type zai only"));
}

TEST(UpstreamToken, GoesToOnePlatformOnly) {
  const auto keys = [](const std::string& yaml, const char* token) {
    const auto config = parsed("providers:\n" + yaml, {{"UPSTREAM_TOKEN", token}});
    std::string all;
    if (!config) return config.error().message;
    for (const Provider& each : config->providers) {
      for (const Secret& key : each.api_keys) all += std::string(key.expose()) + " ";
    }
    return all;
  };
  EXPECT_EQ(keys(zai("a", "models: [m]") + zai("b", kZread), "tok"), "tok own-b ");
  EXPECT_EQ(keys(zai("b", kZread), "tok"), "tok ");
  EXPECT_EQ(keys(zai("a", "models: [m]"), ""), "own-a ");
  EXPECT_EQ(keys(zai("a", "models: [m]"), "two words"), "own-a ");
  EXPECT_EQ(keys("  - { name: o, type: openai, api_keys: [k] }\n", "tok"), "k ");
}

TEST(UpstreamToken, AloneMakesAProvider) {
  LoadOptions options;
  options.default_file = "/nowhere";
  options.environment = environment({{"UPSTREAM_TOKEN", "tok"}, {"OPENAI_API_KEY", "sk"}});
  const auto config = load(options);
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->providers.size(), 2u);
  EXPECT_EQ(config->providers[1].name, "zai-main");
  EXPECT_EQ(config->providers[1].api_keys[0].expose(), "tok");
  EXPECT_FALSE(config->providers[1].is_default);
}

}  // namespace
}  // namespace sluice::config
