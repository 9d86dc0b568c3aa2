#include "config/override.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Environment, SetsTheOptionsThatItNames) {
  const auto config = parsed("", {{"PORT", "9000"},
                                  {"CORS_ENABLED", "true"},
                                  {"CORS_ALLOWED_ORIGINS", "http://localhost:3000, https://a.com"},
                                  {"GZIP_ENABLED", "1"},
                                  {"PROMETHEUS_ENABLED", "FALSE"},
                                  {"LOG_LEVEL", "warn"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.port, 9000);
  EXPECT_TRUE(config->server.cors.enabled);
  EXPECT_THAT(config->server.cors.allowed_origins,
              ElementsAre("http://localhost:3000", "https://a.com"));
  EXPECT_TRUE(config->server.gzip);
  EXPECT_FALSE(config->metrics.enabled);
  EXPECT_EQ(config->logging.level, LogLevel::kWarn);
}

TEST(Environment, IsCheckedLikeTheFile) {
  EXPECT_EQ(errors("", {{"PORT", "70000"}}),
            "environment variable PORT: server.port must be a whole number from 0 to 65535, not "
            "\"70000\"");
  for (const char* name :
       {"JWT_EXPIRY", "RATE_LIMIT_ENABLED", "RATE_LIMIT_REQUESTS_PER_MINUTE", "RATE_LIMIT_BURST",
        "WORKER_TTL", "CLEANUP_INTERVAL", "REDIS_ENABLED", "SERVICE_DISCOVERY_ENABLED",
        "SERVICE_DISCOVERY_TYPE", "DB_PORT", "GIN_MODE", "TLS_ENABLED", "LOG_LEVEL"}) {
    EXPECT_THAT(errors("", {{name, "nonsense"}}),
                HasSubstr(std::string("environment variable ") + name))
        << name;
  }
}

TEST(Environment, OfTheOldDocumentsIsAccepted) {
  EXPECT_EQ(errors("", {{"JWT_EXPIRY", "24h"},
                        {"JWT_SECRET", "your_production_jwt_secret"},
                        {"RATE_LIMIT_ENABLED", "true"},
                        {"RATE_LIMIT_REQUESTS_PER_MINUTE", "60"},
                        {"RATE_LIMIT_BURST", "10"},
                        {"WORKER_TTL", "15s"},
                        {"CLEANUP_INTERVAL", "5s"},
                        {"REDIS_ENABLED", "true"},
                        {"SERVICE_DISCOVERY_ENABLED", "true"},
                        {"SERVICE_DISCOVERY_TYPE", "consul"},
                        {"DB_HOST", "localhost"},
                        {"DB_PORT", "3306"},
                        {"DB_USER", "root"},
                        {"DB_PASSWORD", "p@ss word"},
                        {"DB_NAME", "ai_gateway"},
                        {"GIN_MODE", "release"}}),
            "");
}

TEST(Environment, SaysWhatHasNoEffectYet) {
  const auto config = parsed("", {{"REDIS_ENABLED", "true"}});
  EXPECT_THAT(config->warnings,
              testing::Contains("redis.enabled: accepted, but has no effect in this version "
                                "(environment variable REDIS_ENABLED)"));
}

TEST(Environment, GinModeDebugMeansDebugLogsUnlessALevelIsSet) {
  EXPECT_EQ(parsed("", {{"GIN_MODE", "debug"}})->logging.level, LogLevel::kDebug);
  EXPECT_EQ(parsed("logging: { level: error }", {{"GIN_MODE", "release"}})->logging.level,
            LogLevel::kError);
  EXPECT_EQ(parsed("", {{"GIN_MODE", "debug"}, {"LOG_LEVEL", "warn"}})->logging.level,
            LogLevel::kWarn);
}

TEST(Environment, IsNotExpanded) {
  EXPECT_THAT(errors("", {{"LOG_LEVEL", "${X:-info}"}}), HasSubstr("not \"${X:-info}\""));
}

TEST(CommandLine, SetsListElementsByNumberAndAppends) {
  const auto config =
      parsed("providers: [{ name: a, type: openai }]", {},
             {"providers.0.base_url=http://127.0.0.1:9900/v1", "providers.0.headers.x-a.b=c",
              "providers.1.name=second", "providers.1.type=anthropic", "providers.1.api_keys.0=k"});
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->providers.size(), 2U);
  EXPECT_EQ(config->providers[0].base_url, "http://127.0.0.1:9900/v1");
  EXPECT_EQ(config->providers[0].headers.at(0).first, "x-a.b");
  EXPECT_EQ(config->providers[1].name, "second");
  EXPECT_EQ(config->providers[1].api_keys.at(0).expose(), "k");
}

TEST(CommandLine, TakesListsAndSections) {
  const auto config =
      parsed("", {},
             {"server.trusted_proxies=10.0.0.0/8,::1", "keys=[{key: k, name: n, models: [a]}]",
              "server.cors.allowed_origins=[\"*\"]", "logging={level: debug, format: json}"});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->server.trusted_proxies, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_THAT(config->server.cors.allowed_origins, ElementsAre("*"));
  EXPECT_EQ(config->keys.at(0).name, "n");
  EXPECT_EQ(config->logging.format, LogFormat::kJson);
}

TEST(CommandLine, TheLastOfTwoCounts) {
  EXPECT_EQ(parsed("", {}, {"server.port=1", "server.port=2"})->server.port, 2);
}

TEST(CommandLine, MayHoldAnEqualsSignInTheValue) {
  EXPECT_EQ(parsed("", {}, {"auth.admin_token=a=b"})->auth.admin_token.expose(), "a=b");
}

TEST(CommandLine, NamesWhatIsWrongAndShowsNoValueOfAnUnknownKey) {
  EXPECT_EQ(errors("", {}, {"server.prot=hunter2"}),
            "--set server.prot: unknown option server.prot; \"prot\": did you mean \"port\"?");
  EXPECT_EQ(errors("", {}, {"server.port=x"}),
            "--set server.port: server.port must be a whole number from 0 to 65535, not \"x\"");
  EXPECT_EQ(errors("", {}, {"hunter2"}), "--set: must be written as key=value");
  EXPECT_THAT(errors("", {}, {"providers.3.name=x"}), HasSubstr("no element of a list of 0"));
  EXPECT_THAT(errors("", {}, {"providers.x.name=x"}), HasSubstr("no element of a list of 0"));
  EXPECT_THAT(errors("", {}, {"server.port.x=1"}), HasSubstr("unknown option server.port.x"));
  EXPECT_NE(errors("", {}, {"server=1"}), "");
  EXPECT_NE(errors("", {}, {"keys=[{key: k"}), "");
}

}  // namespace
}  // namespace sluice::config
