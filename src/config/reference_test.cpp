// The files of the repository that speak of the configuration say what the code does.
#include "config/reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "config/options.hpp"
#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path repository_file(std::string_view name) {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / name;
}

std::string content(std::string_view name) {
  std::ifstream in(repository_file(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void expect_fresh(std::string_view name, const std::string& written) {
  if (std::getenv("SLUICE_UPDATE") != nullptr) {
    std::ofstream(repository_file(name), std::ios::binary) << written;
  }
  EXPECT_TRUE(content(name) == written)
      << name << " is out of date: run config_test with SLUICE_UPDATE=1";
}

Result<Config> loaded(std::string_view name,
                      std::map<std::string, std::string, std::less<>> variables = {}) {
  LoadOptions options;
  options.file = repository_file(name);
  options.environment = environment(std::move(variables));
  return load(options);
}

TEST(ReferencePage, IsFresh) { expect_fresh("docs/config-reference.md", reference_markdown()); }

TEST(Schema, IsFresh) { expect_fresh("configs/schema.json", schema_json()); }

TEST(Options, AreDeclaredOnceWithASentenceAndAValidDefault) {
  std::set<std::string_view> names;
  for (const Option& option : options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(option.help.ends_with('.')) << option.name;
    EXPECT_LE(option.min, option.max) << option.name;
    if (option.standard) {
      EXPECT_TRUE(parse_value(option, *option.standard)) << option.name;
    }
  }
}

TEST(EnvExample, NamesEveryVariable) {
  std::string example = "\n" + content(".env.example");
  for (size_t at = 0; (at = example.find("\n#", at)) != std::string::npos;)
    example.erase(at + 1, 1);
  for (const Option& option : options()) {
    if (option.env.empty()) continue;
    EXPECT_THAT(example, HasSubstr(fmt::format("\n{}=", option.env)));
  }
  for (const EnvironmentName& name : other_environment()) {
    EXPECT_THAT(example, HasSubstr(fmt::format("\n{}=", name.name)));
  }
}

TEST(GatewayFile, LoadsWithAnEmptyEnvironment) {
  const auto config = loaded("configs/gateway.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.port, 8080);
  EXPECT_EQ(config->providers.size(), 2U);
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("there are no keys"), HasSubstr("openai-main has no API key"),
                          HasSubstr("anthropic-main has no API key")));
}

TEST(QuickstartFile, AsksTheScriptedUpstreamWithoutCredentials) {
  const auto config = loaded("configs/quickstart.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->warnings, ElementsAre());
  EXPECT_EQ(config->keys.at(0).key.expose(), "test-key-123");
  EXPECT_EQ(config->providers.at(0).base_url, "http://127.0.0.1:9900/v1");
  EXPECT_EQ(config->providers.at(1).base_url, "http://127.0.0.1:9900");
  EXPECT_TRUE(config->providers[0].enabled);
  EXPECT_TRUE(config->providers[1].enabled);
  EXPECT_FALSE(config->providers.at(2).enabled);
  EXPECT_FALSE(config->providers.at(3).enabled);
}

TEST(QuickstartFile, AsksARealProviderWhenToldSo) {
  const auto config = loaded("configs/quickstart.yaml", {{"OPENAI_API_KEY", "sk-real"},
                                                         {"QUICKSTART_OPENAI", "true"},
                                                         {"QUICKSTART_SCRIPTED", "false"},
                                                         {"PORT", "8099"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.port, 8099);
  EXPECT_FALSE(config->providers.at(0).enabled);
  EXPECT_FALSE(config->providers.at(1).enabled);
  EXPECT_TRUE(config->providers.at(2).enabled);
  EXPECT_EQ(config->providers[2].api_keys.at(0).expose(), "sk-real");
}

// The example of the public contract, word for word.
constexpr std::string_view kContract = R"(
server:
  host: 0.0.0.0
  port: 8080              # env PORT
  threads: 0              # 0: one event loop per core
  max_body: 32MiB
  drain_min: 2s
  drain_max: 120s
  trusted_proxies: []     # CIDRs whose X-Forwarded-For is believed
  tls: { enabled: false, cert: deployment/ssl/server.crt, key: deployment/ssl/server.key }
  cors: { enabled: false, allowed_origins: [] }
  gzip: false
auth:
  enabled: true
  admin_token: ""
  jwt_secret: "${JWT_SECRET:-}"
  jwt_expiry: 24h
  registration: open
data_dir: ./data
database:
  url: "sqlite:{data_dir}/sluice.db"
  pool: 8
ledger: { durability: process, spool: "{data_dir}/spool.db" }
redis: { enabled: false, url: "redis://127.0.0.1:6379/0", on_failure: local }
providers:
  - name: openai-main
    type: openai
    base_url: https://api.openai.com/v1
    api_keys: ["${OPENAI_API_KEY:-}"]
    default: true
    enabled: true
    models: []
    headers: {}
    ca_file: ""
    proxy: ""
    timeouts: { connect: 2s, first_token: 60s, between_tokens: 30s, total: 600s }
    pool: { max_idle: 100, max_idle_per_host: 10, idle_timeout: 90s }
  - name: anthropic-main
    type: anthropic
    base_url: https://api.anthropic.com
    api_keys: ["${ANTHROPIC_API_KEY:-}"]
    default: true
routing:
  rules:
    - { type: exact,  pattern: gpt-4o,   target: openai-main, priority: 10 }
    - { type: prefix, pattern: "gpt-*",  target: gpt-pool,    priority: 10 }
  groups:
    - { name: gpt-pool, strategy: weighted_round_robin, members: [ { target: openai-main, weight: 3 }, { target: workers, weight: 1 } ] }
  fallbacks: [ { from: gpt-pool, to: [ workers, { target: anthropic-main, model: claude-sonnet-4-6 } ] } ]
  retry: { attempts: 2, budget: 0.2, backoff: 100ms, max_wait: 3s }
  resume: none
  mode: lenient
  response_model: requested
  on_disconnect: cancel
  weights: { vram: 0.4, concurrency: 0.3, model: 0.2, fallback: 0.1 }
  cloud: { allow: true, max_wait: { interactive: 2s, default: 10s, bulk: 60s } }
  queue: { max: 1000, class_header: x-sluice-class }
  scale_webhook: ""
keys:
  - { key: "sk-example", name: demo, quota_tokens: 100000, rpm: 0, tpm: 0, max_parallel: 0, models: [], allow_ips: [], expires_at: null, user: "" }
billing: { unpriced: allow }
limiter: { enabled: false, requests_per_minute: 60, burst: 10, default_rate: 1000.0, max_rate: 10000.0, cleanup_interval: 5m }
workers: { ttl: 15s, cleanup_interval: 5s, token: "", allow: [] }
discovery: { type: static, services: {} }
models:
  - { name: gpt-4o, input: "2.50", output: "10.00", cache_read: "1.25", context: 128000, max_output: 16384, capabilities: {} }
metrics: { enabled: true, port: 0, path: /metrics }
logging: { level: info, format: text, content: false }
)";

TEST(Contract, ItsExampleLoadsAndHoldsEveryDefault) {
  const auto config = parsed(kContract, {{"OPENAI_API_KEY", "a"}, {"ANTHROPIC_API_KEY", "b"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->routing.rules.size(), 2U);
  EXPECT_EQ(config->routing.groups.at(0).members.size(), 2U);
  // What is not named here is in the example with its default: the two agree on it.
  EXPECT_THAT(config->warnings, ElementsAre());
}

}  // namespace
}  // namespace sluice::config
