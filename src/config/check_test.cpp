// What the operator is told when the file is wrong.
#include "config/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Errors, NameThePlaceAndTheNearestKey) {
  EXPECT_EQ(errors("server:\n  prot: 80\n"),
            "test.yaml:2:3: unknown key \"prot\" in server; did you mean \"port\"?");
  EXPECT_EQ(errors("srever: {}\n"),
            "test.yaml:1:1: unknown key \"srever\"; did you mean \"server\"?");
  EXPECT_THAT(errors("providers:\n  - { name: a, type: openai, tiemouts: {} }\n"),
              HasSubstr("test.yaml:2:30: unknown key \"tiemouts\" in providers.0; did you mean "
                        "\"timeouts\"?"));
  EXPECT_THAT(errors("auth: { qqqqqqqqqqqq: 1 }"), HasSubstr("known are enabled, admin_token"));
}

TEST(Errors, AreAllReportedAtOnce) {
  EXPECT_EQ(errors("server:\n  port: x\n  gzip: 1\nauth:\n  enabld: true\n"),
            "test.yaml:2:9: server.port must be a whole number from 0 to 65535, not \"x\"\n"
            "test.yaml:3:9: server.gzip must be true or false, not \"1\"\n"
            "test.yaml:5:3: unknown key \"enabld\" in auth; did you mean \"enabled\"?");
}

TEST(Errors, RefuseValuesOutOfRange) {
  EXPECT_THAT(errors("server: { port: 70000 }"), HasSubstr("from 0 to 65535, not \"70000\""));
  EXPECT_THAT(errors("server: { port: -1 }"), HasSubstr("from 0 to 65535, not \"-1\""));
  EXPECT_THAT(errors("server: { port: 010 }"), HasSubstr("not \"010\""));
  EXPECT_THAT(errors("server: { threads: 2000 }"), HasSubstr("server.threads"));
  EXPECT_THAT(errors("server: { max_body: 0 }"), HasSubstr("from 1 byte to 4GiB"));
  EXPECT_THAT(errors("routing: { retry: { attempts: 0 } }"), HasSubstr("from 1 to 10"));
  EXPECT_THAT(errors("routing: { retry: { budget: 1.5 } }"), HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, timeouts: { connect: 0s } }]"),
              HasSubstr("from 1ms to 168h"));
  EXPECT_THAT(errors("keys: [{ key: k, name: n, quota_tokens: -1 }]"), HasSubstr("quota_tokens"));
}

TEST(Errors, RefuseWrongKinds) {
  EXPECT_THAT(errors("server: 5"), HasSubstr("server must be a section with keys, not a single"));
  EXPECT_THAT(errors("[1, 2]"), HasSubstr("the document must be a section with keys, not a list"));
  EXPECT_THAT(errors("providers: {}"), HasSubstr("providers must be a list, not a section"));
  EXPECT_THAT(errors("providers: [x]"), HasSubstr("providers.0 must be a section"));
  EXPECT_THAT(errors("server: { port: [1] }"), HasSubstr("not a list"));
  EXPECT_THAT(errors("server: { trusted_proxies: 10.0.0.0/8 }"), HasSubstr("must be a list"));
  EXPECT_THAT(errors("keys:\n  -\n"), HasSubstr("keys.0 is empty"));
}

TEST(Errors, AQuotedNumberOrBooleanIsText) {
  EXPECT_THAT(errors("server: { port: \"8080\" }"), HasSubstr("not \"8080\" in quotes"));
  EXPECT_THAT(errors("server: { gzip: 'true' }"), HasSubstr("in quotes"));
  EXPECT_EQ(errors("server: { port: \"${P:-8080}\", gzip: '${G:-true}' }"), "");
  EXPECT_EQ(errors("models: [{ name: a, input: \"2.50\", output: 10.00 }]"), "");
}

TEST(Errors, ListTheChoices) {
  EXPECT_THAT(errors("providers: [{ name: a, type: opneai }]"),
              HasSubstr("must be one of openai, anthropic, gemini, zai, openai_compatible, not "
                        "\"opneai\"; did you mean \"openai\"?"));
  EXPECT_THAT(errors("logging: { level: loud }"), HasSubstr("one of debug, info, warn, error"));
}

TEST(Errors, SayThatAUnitIsMissing) {
  EXPECT_THAT(errors("server: { drain_min: 5 }"), HasSubstr("the unit is missing"));
}

TEST(Errors, NameWhatIsRequired) {
  EXPECT_EQ(errors("providers:\n  - type: openai\n"),
            "test.yaml:2:5: providers.0.name is required");
  EXPECT_THAT(errors("keys: [{ key: '', name: n }]"), HasSubstr("keys.0.key must not be empty"));
  EXPECT_THAT(errors("keys: [{ name: n }]"), HasSubstr("keys.0.key is required"));
  EXPECT_THAT(errors("keys: [{ key: '${NOPE:-}', name: n }]"), HasSubstr("must not be empty"));
}

TEST(Errors, NothingAfterAColonMeansTheDefault) {
  EXPECT_EQ(errors("server:\nproviders:\nauth: { admin_token: }\nlogging: { level: ~ }\n"), "");
}

TEST(Errors, RefuseBadAddresses) {
  EXPECT_THAT(errors("server: { trusted_proxies: [10.0.0.0/33] }"),
              HasSubstr("server.trusted_proxies.0 must be an address or a network"));
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, base_url: 'ftp://x' }]"),
              HasSubstr("providers.0.base_url must be a URL"));
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, base_url: 'https://u:p@x' }]"),
              HasSubstr("must be a URL"));
}

TEST(Errors, NameTheVariableThatIsNotSet) {
  EXPECT_EQ(errors("keys:\n  - { key: \"${DEMO_KEY}\", name: demo }\n"),
            "test.yaml:2:12: keys.0.key: the environment variable DEMO_KEY is not set; set it, or "
            "write ${DEMO_KEY:-default}");
}

TEST(Errors, WhatComesFromTheEnvironmentIsNoYaml) {
  const auto config = parsed("auth: { admin_token: \"${T}\" }\nlogging: { level: '${L:-info}' }",
                             {{"T", "{a:[1]}#"}, {"L", "warn"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->auth.admin_token.expose(), "{a:[1]}#");
  EXPECT_EQ(config->logging.level, LogLevel::kWarn);
  EXPECT_THAT(errors("server: { trusted_proxies: '${X}' }", {{"X", "[\"10.0.0.0/8\"]"}}),
              HasSubstr("must be a list"));
}

TEST(Errors, NeverShowASecret) {
  const std::string message = errors(R"(
auth: { admin_token: "hunter2 with spaces" }
keys:
  - { key: [hunter2], name: a }
  - { key: "hunter2\n", name: b }
  - { key: hunter2, name: c }
  - { key: hunter2, name: d }
providers: [ { name: p, type: openai, api_keys: ["hunter2 x"] } ]
database: { url: "hunter2\t" }
)");
  EXPECT_THAT(message, HasSubstr("auth.admin_token may hold only visible ASCII"));
  EXPECT_THAT(message, HasSubstr("keys.3.key is the same as keys.2.key"));
  EXPECT_THAT(message, HasSubstr("keys.1.key must be one line of text"));
  EXPECT_THAT(message, Not(HasSubstr("hunter2")));
}

TEST(Errors, ShowAReferenceAndNotWhatItStandsFor) {
  const std::string message =
      errors("logging: { level: '${A}' }\nproviders: [{ name: a, type: openai, base_url: '${A}' }]",
             {{"A", "hunter2"}});
  EXPECT_THAT(message, HasSubstr("not \"${A}\""));
  EXPECT_THAT(message, Not(HasSubstr("hunter2")));
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, base_url: 'https://u:hunter2@h' }]"),
              Not(HasSubstr("hunter2")));
}

TEST(Errors, ShortenWhatTheyShow) {
  const std::string message = errors("logging: { level: " + std::string(5000, 'x') + " }");
  EXPECT_LT(message.size(), 300U);
}

class SecretFiles : public testing::Test {
 protected:
  Result<Config> load_with(std::string_view yaml) {
    LoadOptions options;
    options.environment = environment({});
    options.read_file = [](const std::string& path) -> Result<std::string> {
      if (path == "token") return "s3cret\n";
      if (path == "keys") return "k1\n\n  k2\r\nk3";
      return fail(ErrorCode::kIo, "No such file or directory");
    };
    return load_text(yaml, "test.yaml", options);
  }
};

TEST_F(SecretFiles, StandInForSecrets) {
  const auto config = load_with(
      "auth: { admin_token_file: token }\n"
      "keys: [{ key_file: token, name: a }]\n"
      "providers: [{ name: a, type: openai, api_keys_file: keys }]\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->auth.admin_token.expose(), "s3cret");
  EXPECT_EQ(config->keys.at(0).key.expose(), "s3cret");
  ASSERT_EQ(config->providers.at(0).api_keys.size(), 3U);
  EXPECT_EQ(config->providers[0].api_keys[1].expose(), "k2");
}

TEST_F(SecretFiles, AreNotExpanded) {
  LoadOptions options;
  options.environment = environment({{"A", "b"}});
  options.read_file = [](const std::string&) -> Result<std::string> { return "${A}$${A}"; };
  const auto config = load_text("auth: { admin_token_file: x }", "test.yaml", options);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->auth.admin_token.expose(), "${A}$${A}");
}

TEST_F(SecretFiles, ThatAreMissingAreReportedOnce) {
  EXPECT_EQ(load_with("keys:\n  - { key_file: gone, name: a }\n").error().message,
            "test.yaml:2:17: keys.0.key_file: cannot read \"gone\": No such file or directory");
}

TEST_F(SecretFiles, CannotStandBesideTheSecret) {
  EXPECT_THAT(load_with("auth: { admin_token: a, admin_token_file: token }").error().message,
              HasSubstr("both admin_token and admin_token_file are given"));
}

TEST_F(SecretFiles, ExistForSecretsOnly) {
  EXPECT_THAT(load_with("server: { host_file: token }").error().message,
              HasSubstr("unknown key \"host_file\""));
}

}  // namespace
}  // namespace sluice::config
