#include "config/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Load, NothingAtAllGivesTheStandardGateway) {
  const auto config = parsed("");
  ASSERT_TRUE(config) << config.error().message;
  const Config standard;
  EXPECT_EQ(config->server.host, standard.server.host);
  EXPECT_EQ(config->server.port, standard.server.port);
  EXPECT_EQ(config->server.threads, standard.server.threads);
  EXPECT_EQ(config->server.max_body, standard.server.max_body);
  EXPECT_EQ(config->server.drain_min, standard.server.drain_min);
  EXPECT_EQ(config->server.drain_max, standard.server.drain_max);
  EXPECT_FALSE(config->server.tls.enabled);
  EXPECT_FALSE(config->server.cors.enabled);
  EXPECT_FALSE(config->server.gzip);
  EXPECT_TRUE(config->auth.enabled);
  EXPECT_TRUE(config->auth.admin_token.empty());
  EXPECT_EQ(config->data_dir, standard.data_dir);
  EXPECT_EQ(config->routing.retry.attempts, standard.routing.retry.attempts);
  EXPECT_EQ(config->routing.retry.budget, standard.routing.retry.budget);
  EXPECT_EQ(config->routing.retry.backoff, standard.routing.retry.backoff);
  EXPECT_EQ(config->routing.retry.max_wait, standard.routing.retry.max_wait);
  EXPECT_EQ(config->metrics.enabled, standard.metrics.enabled);
  EXPECT_EQ(config->metrics.port, standard.metrics.port);
  EXPECT_EQ(config->metrics.path, standard.metrics.path);
  EXPECT_EQ(config->logging.level, standard.logging.level);
  EXPECT_EQ(config->logging.format, standard.logging.format);
  EXPECT_FALSE(config->logging.content);
  EXPECT_THAT(config->providers, IsEmpty());
}

TEST(Load, AProviderGetsTheStandardTimeoutsAndItsTypesAddress) {
  const auto config = parsed(
      "providers:\n"
      "  - { name: a, type: openai }\n"
      "  - { name: b, type: anthropic }\n"
      "  - { name: c, type: gemini }\n"
      "  - { name: d, type: zai }\n"
      "  - { name: e, type: openai_compatible, base_url: 'http://127.0.0.1:9900/v1' }\n");
  ASSERT_TRUE(config) << config.error().message;
  const auto& providers = config->providers;
  EXPECT_EQ(providers[0].base_url, "https://api.openai.com/v1");
  EXPECT_EQ(providers[1].base_url, "https://api.anthropic.com");
  EXPECT_EQ(providers[2].base_url, "https://generativelanguage.googleapis.com");
  EXPECT_EQ(providers[3].base_url, "https://api.z.ai/api/paas/v4");
  EXPECT_EQ(providers[4].base_url, "http://127.0.0.1:9900/v1");
  const Provider standard;
  EXPECT_EQ(providers[0].timeouts.connect, standard.timeouts.connect);
  EXPECT_EQ(providers[0].timeouts.first_token, standard.timeouts.first_token);
  EXPECT_EQ(providers[0].timeouts.between_tokens, standard.timeouts.between_tokens);
  EXPECT_EQ(providers[0].timeouts.total, standard.timeouts.total);
  EXPECT_EQ(providers[0].pool.max_idle, standard.pool.max_idle);
  EXPECT_EQ(providers[0].pool.max_idle_per_host, standard.pool.max_idle_per_host);
  EXPECT_EQ(providers[0].pool.idle_timeout, standard.pool.idle_timeout);
  EXPECT_TRUE(providers[0].enabled);
  EXPECT_FALSE(providers[0].is_default);
}

TEST(Load, ReadsEverythingThatAProviderCanHave) {
  const auto config = parsed(R"(
providers:
  - name: main
    type: openai
    base_url: https://eu.example.com/v1
    api_keys: ["k1", "", "${SECOND:-}", k3]
    default: true
    enabled: false
    models: [gpt-4o, gpt-4o-mini]
    headers: { OpenAI-Organization: org-1, x-team: core }
    proxy: http://proxy:3128
    timeouts: { connect: 250ms, first_token: 1m30s, between_tokens: 5s, total: 1h }
    pool: { max_idle: 7, max_idle_per_host: 3, idle_timeout: 15m }
)");
  ASSERT_TRUE(config) << config.error().message;
  const Provider& provider = config->providers.at(0);
  EXPECT_EQ(provider.base_url, "https://eu.example.com/v1");
  ASSERT_EQ(provider.api_keys.size(), 2U);
  EXPECT_EQ(provider.api_keys[1].expose(), "k3");
  EXPECT_TRUE(provider.is_default);
  EXPECT_FALSE(provider.enabled);
  EXPECT_THAT(provider.models, ElementsAre("gpt-4o", "gpt-4o-mini"));
  EXPECT_EQ(provider.headers.at(0).first, "OpenAI-Organization");
  EXPECT_EQ(provider.headers.at(1).second, "core");
  EXPECT_EQ(provider.proxy, "http://proxy:3128");
  EXPECT_EQ(provider.timeouts.connect, std::chrono::milliseconds(250));
  EXPECT_EQ(provider.timeouts.first_token, std::chrono::seconds(90));
  EXPECT_EQ(provider.timeouts.total, std::chrono::hours(1));
  EXPECT_EQ(provider.pool.max_idle, 7);
  EXPECT_EQ(provider.pool.max_idle_per_host, 3);
  EXPECT_EQ(provider.pool.idle_timeout, std::chrono::minutes(15));
}

TEST(Load, KnowsAFirstTokenTimeoutThatWasGivenFromTheStandardOne) {
  const auto config = parsed(
      "providers:\n"
      "  - { name: a, type: openai, timeouts: { total: 5m } }\n"
      "  - { name: b, type: openai, timeouts: { first_token: 60s } }\n"
      "  - { name: c, type: openai, timeouts: { first_token: } }\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->providers[0].timeouts.first_token_given);
  EXPECT_TRUE(config->providers[1].timeouts.first_token_given);
  EXPECT_FALSE(config->providers[2].timeouts.first_token_given);
}

TEST(Load, ReadsKeys) {
  const auto config = parsed(R"(
keys:
  - { key: sk-1, name: demo }
  - key: sk-2
    name: strict
    models: [gpt-4o, "claude-*"]
    allow_ips: [10.0.0.0/8, "::1"]
    expires_at: 2027-01-31T00:00:00Z
  - { key: sk-3, name: forever, expires_at: null }
)");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->keys.size(), 3U);
  EXPECT_EQ(config->keys[0].key.expose(), "sk-1");
  EXPECT_THAT(config->keys[1].models, ElementsAre("gpt-4o", "claude-*"));
  EXPECT_THAT(config->keys[1].allow_ips, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(config->keys[1].expires_at, 1801353600);
  EXPECT_EQ(config->keys[2].expires_at, std::nullopt);
}

TEST(Load, CommandLineBeatsEnvironmentBeatsFileBeatsDefault) {
  const std::string file = "server: { port: 1001 }\n";
  EXPECT_EQ(parsed("")->server.port, 8080);
  EXPECT_EQ(parsed(file)->server.port, 1001);
  EXPECT_EQ(parsed(file, {{"PORT", "1002"}})->server.port, 1002);
  EXPECT_EQ(parsed(file, {{"PORT", "1002"}}, {"server.port=1003"})->server.port, 1003);
  EXPECT_EQ(parsed(file, {{"PORT", ""}})->server.port, 1001);
}

TEST(Load, AMissingNamedFileIsAnErrorAndAMissingStandardFileIsNot) {
  LoadOptions options;
  options.environment = [](std::string_view) { return std::nullopt; };
  options.default_file = "/nonexistent/gateway.yaml";
  EXPECT_TRUE(load(options));
  options.file = "/nonexistent/other.yaml";
  const auto config = load(options);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("/nonexistent/other.yaml"));
}

TEST(Load, WithoutAFileTheKeysOfTheEnvironmentMakeProviders) {
  LoadOptions options;
  options.default_file = "/nonexistent/gateway.yaml";
  options.environment = environment({{"OPENAI_API_KEY", "sk-o"}, {"ANTHROPIC_API_KEY", "sk-a"}});
  const auto config = load(options);
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->providers.size(), 2U);
  EXPECT_EQ(config->providers[0].name, "openai-main");
  EXPECT_EQ(config->providers[0].api_keys.at(0).expose(), "sk-o");
  EXPECT_EQ(config->providers[0].base_url, "https://api.openai.com/v1");
  EXPECT_EQ(config->providers[1].name, "anthropic-main");
  EXPECT_TRUE(config->providers[1].is_default);

  options.environment = environment({});
  EXPECT_THAT(load(options)->providers, IsEmpty());

  options.environment = environment({{"OPENAI_API_KEY", "sk-o"}});
  options.set = {"providers=[{name: own, type: anthropic}]"};
  const auto own = load(options);
  ASSERT_TRUE(own) << own.error().message;
  ASSERT_EQ(own->providers.size(), 1U);
  EXPECT_EQ(own->providers[0].name, "own");
}

TEST(Load, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(read_regular_file("/dev/zero").error().message, HasSubstr("not a regular file"));
  EXPECT_THAT(read_regular_file("/").error().message, HasSubstr("not a regular file"));
  EXPECT_FALSE(read_regular_file("/nonexistent"));
}

TEST(Load, WarnsOfAnOpenGatewayAndOfOneThatCanDoNothing) {
  EXPECT_THAT(warnings("auth: { enabled: false }"),
              HasSubstr("anybody may call the inference routes"));
  EXPECT_THAT(warnings(""), HasSubstr("there are no keys"));
  EXPECT_THAT(warnings(""), HasSubstr("no provider is enabled"));
  EXPECT_THAT(warnings("providers: [{ name: a, type: openai }]"),
              HasSubstr("provider a has no API key"));
  EXPECT_THAT(warnings("logging: { content: true }"), HasSubstr("logging.content: accepted, but"));
  EXPECT_THAT(warnings("keys: [{ key: k, name: n }]\n"
                       "providers: [{ name: a, type: openai, api_keys: [k] }]"),
              IsEmpty());
}

TEST(Load, NamesOnceEachOptionThatHasNoEffectYet) {
  const std::string said = warnings(R"(providers: [{ name: a, type: openai, api_keys: [x] }]
redis:
  enabled: true
keys:
  - { key: b, name: b, mode: lenient, rpm: 10 }
limiter: { enabled: true, burst: 11, cleanup_interval: 1m }
)");
  EXPECT_EQ(said,
            "redis.enabled: accepted, but has no effect in this version (test.yaml:3)\n"
            "limiter.cleanup_interval: accepted, but has no effect in this version (test.yaml:6)");
}

}  // namespace
}  // namespace sluice::config
