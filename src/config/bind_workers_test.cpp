// The workers, and where those are found that do not announce themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// A configuration that names services.json, which holds `file`.
Result<Config> with_file(std::string_view file, std::string_view more = "") {
  LoadOptions options;
  options.environment = environment({});
  options.read_file = [file = std::string(file)](const std::string& path) -> Result<std::string> {
    if (path == "services.json") return file;
    return fail(ErrorCode::kIo, "not there");
  };
  return load_text(fmt::format("discovery: {{ file: services.json, {} }}", more), "test.yaml",
                   options);
}

std::string file_errors(std::string_view file, std::string_view more = "") {
  const auto config = with_file(file, more);
  return config ? std::string() : config.error().message;
}

TEST(Workers, HaveALifetimeATokenAndTimeouts) {
  const auto standard = parsed("{}");
  ASSERT_TRUE(standard) << standard.error().message;
  EXPECT_EQ(standard->workers.ttl, seconds(15));
  EXPECT_EQ(standard->workers.cleanup_interval, seconds(5));
  EXPECT_TRUE(standard->workers.token.empty());
  EXPECT_EQ(standard->workers.gateways, 1);
  EXPECT_FALSE(standard->workers.timeouts.first_token_given);
  const auto given = parsed(
      "workers: { ttl: 3s, cleanup_interval: 500ms, token: beat, api_key: sk-w, gateways: 4, "
      "allow: [10.0.0.0/8], timeouts: { connect: 1s, first_token: 5s, between_tokens: 6s, total: "
      "7s } }");
  ASSERT_TRUE(given) << given.error().message;
  const Workers& workers = given->workers;
  EXPECT_EQ(workers.ttl, seconds(3));
  EXPECT_EQ(workers.cleanup_interval, milliseconds(500));
  EXPECT_EQ(workers.token.expose(), "beat");
  EXPECT_EQ(workers.api_key.expose(), "sk-w");
  EXPECT_EQ(workers.gateways, 4);
  EXPECT_THAT(workers.allow, ElementsAre("10.0.0.0/8"));
  EXPECT_EQ(workers.timeouts.connect, seconds(1));
  EXPECT_EQ(workers.timeouts.first_token, seconds(5));
  EXPECT_EQ(workers.timeouts.between_tokens, seconds(6));
  EXPECT_EQ(workers.timeouts.total, seconds(7));
  EXPECT_TRUE(workers.timeouts.first_token_given);
}

TEST(Workers, TakeTheirTimesFromTheOldVariables) {
  const auto config = parsed("", {{"WORKER_TTL", "20s"}, {"CLEANUP_INTERVAL", "2s"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->workers.ttl, seconds(20));
  EXPECT_EQ(config->workers.cleanup_interval, seconds(2));
}

TEST(Workers, RefuseWhatCannotBe) {
  EXPECT_THAT(errors("workers:\n  allow: [intranet]\n"),
              HasSubstr("test.yaml:2:11: workers.allow.0 must be an address or a network"));
  EXPECT_THAT(errors("workers: { gateways: 0 }"), HasSubstr("a whole number from 1 to 64"));
  EXPECT_THAT(errors("workers: { gateways: 65 }"), HasSubstr("a whole number from 1 to 64"));
  EXPECT_THAT(errors("workers: { token: 'a b' }"),
              HasSubstr("workers.token may hold only visible ASCII characters"));
  EXPECT_THAT(errors("workers: { api_key: 'a b' }"),
              HasSubstr("workers.api_key may hold only visible ASCII characters"));
}

TEST(Discovery, ListsServicesWithTheirDefaults) {
  const auto config = parsed(R"(
discovery:
  interval: 1s
  timeout: 300ms
  healthy_after: 4
  unhealthy_after: 5
  services:
    python-models: { host: python-models, port: 5000 }
    v6: { host: "::1", port: 443, protocol: https, health_check: /ok, models: [m, n], max_tasks: 3 }
)");
  ASSERT_TRUE(config) << config.error().message;
  const Discovery& discovery = config->discovery;
  EXPECT_TRUE(discovery.enabled);
  EXPECT_EQ(discovery.type, DiscoveryType::kStatic);
  EXPECT_EQ(discovery.interval, seconds(1));
  EXPECT_EQ(discovery.timeout, milliseconds(300));
  EXPECT_EQ(discovery.healthy_after, 4);
  EXPECT_EQ(discovery.unhealthy_after, 5);
  ASSERT_EQ(discovery.services.size(), 2U);
  EXPECT_EQ(discovery.services[0].name, "python-models");
  EXPECT_EQ(discovery.services[0].protocol, "http");
  EXPECT_EQ(discovery.services[0].health_check, "/health");
  EXPECT_EQ(discovery.services[0].max_tasks, 0);
  EXPECT_EQ(discovery.services[1].host, "::1");
  EXPECT_EQ(discovery.services[1].protocol, "https");
  EXPECT_THAT(discovery.services[1].models, ElementsAre("m", "n"));
  EXPECT_EQ(discovery.services[1].max_tasks, 3);
}

TEST(Discovery, ReadsTheJsonOfTheOldDocuments) {
  const auto config = with_file(
      "{\n\t\"python-models\": {\"host\": \"python-models\", \"port\": 5000,\n\t\t\"protocol\": "
      "\"http\", \"health_check\": \"/health\"}\n}\n",
      "services: { other: { host: h, port: 1 } }");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->discovery.services.size(), 2U);
  EXPECT_EQ(config->discovery.services[0].name, "other");
  EXPECT_EQ(config->discovery.services[1].name, "python-models");
  EXPECT_EQ(config->discovery.services[1].port, 5000);
  EXPECT_TRUE(with_file("{}"));
}

TEST(Discovery, SaysWhereItsFileIsWrong) {
  EXPECT_THAT(file_errors("{\n \"a\": {\"host\": \"h\", \"port\": 70000}\n}"),
              HasSubstr("services.json:2:29: discovery.services.a.port must be a whole number"));
  EXPECT_THAT(file_errors("{\"a\": {\"host\": \"h\", \"port\": 1, \"prot\": \"http\"}}"),
              HasSubstr("services.json:1:32: unknown key \"prot\" in discovery.services.a"));
  EXPECT_THAT(file_errors("{\"a\": {\"port\": 1}}"),
              HasSubstr("discovery.services.a.host is required"));
  EXPECT_THAT(file_errors("{\"a\": {"), HasSubstr("services.json:1"));
  EXPECT_THAT(file_errors("[1]"), HasSubstr("must be a section"));
  EXPECT_THAT(file_errors("{\"a\": {\"host\": \"h\", \"port\": 1}}",
                          "services: { a: { host: h, port: 1 } }"),
              HasSubstr("services.json:1:2: there are two services named \"a\""));
  EXPECT_THAT(errors("discovery:\n  file: /nonexistent\n"),
              HasSubstr("test.yaml:2:9: discovery.file: cannot read \"/nonexistent\""));
  // What stands in it is no reference to the environment.
  EXPECT_THAT(file_errors("{\"a\": {\"host\": \"${HOME}\", \"port\": 1}}"),
              HasSubstr("must be a host name or an address"));
}

TEST(Discovery, RefusesAddressesThatAreNone) {
  const auto service = [](std::string_view of) {
    return errors(fmt::format("discovery: {{ services: {{ s: {{ port: 1, {} }} }} }}", of));
  };
  EXPECT_THAT(service("host: 'http://h'"), HasSubstr("s.host must be a host name or an address"));
  EXPECT_THAT(service("host: 'h:80'"), HasSubstr("s.host must be a host name or an address"));
  EXPECT_THAT(service("host: 'h/p'"), HasSubstr("s.host must be a host name or an address"));
  EXPECT_THAT(service("host: h, health_check: health"), HasSubstr("a path such as /health"));
  EXPECT_EQ(service("host: 10.0.0.1"), "");
  EXPECT_THAT(errors("discovery: { services: { 's s': { host: h, port: 1 } } }"),
              HasSubstr("a name may hold at most 64 letters"));
}

TEST(Discovery, SaysThatOtherKindsAreNotThereYet) {
  const auto config = parsed("", {{"SERVICE_DISCOVERY_TYPE", "consul"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->discovery.enabled);
  EXPECT_THAT(config->warnings,
              testing::Contains(HasSubstr("discovery.type: consul is not in this version")));
  const auto grpc = parsed("discovery: { services: { s: { host: h, port: 1, protocol: grpc } } }");
  ASSERT_TRUE(grpc) << grpc.error().message;
  EXPECT_TRUE(grpc->discovery.services.empty());
  EXPECT_THAT(grpc->warnings, testing::Contains(HasSubstr("services.s: protocol grpc is not in")));
}

TEST(Discovery, IsTurnedOffByTheOldVariable) {
  EXPECT_FALSE(parsed("", {{"SERVICE_DISCOVERY_ENABLED", "false"}})->discovery.enabled);
  EXPECT_TRUE(parsed("", {{"SERVICE_DISCOVERY_ENABLED", "1"}})->discovery.enabled);
}

}  // namespace
}  // namespace sluice::config
