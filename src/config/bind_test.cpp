// What must fit together across options: names, files, defaults.
#include "config/bind.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Providers, HaveNamesOfTheirOwn) {
  EXPECT_EQ(errors("providers:\n  - { name: a, type: openai }\n  - { name: a, type: gemini }\n"),
            "test.yaml:3:13: there are two providers named \"a\"");
  EXPECT_THAT(errors("providers: [{ name: workers, type: openai }]"), HasSubstr("reserved"));
  EXPECT_THAT(errors("providers: [{ name: 'a b', type: openai }]"), HasSubstr("letters, digits"));
}

TEST(Providers, OneOfADialectMayBeTheDefault) {
  EXPECT_THAT(errors("providers:\n"
                     "  - { name: a, type: openai, default: true }\n"
                     "  - { name: b, type: zai, default: true }\n"),
              HasSubstr("test.yaml:3:36: \"a\" and \"b\" are both the default of the openai "
                        "dialect"));
  EXPECT_EQ(errors("providers:\n"
                   "  - { name: a, type: openai, default: true }\n"
                   "  - { name: b, type: anthropic, default: true }\n"
                   "  - { name: c, type: openai, default: true, enabled: false }\n"),
            "");
}

TEST(Providers, OfUnknownMakeNeedAnAddress) {
  EXPECT_EQ(errors("providers:\n  - { name: a, type: openai_compatible }\n"),
            "test.yaml:2:5: providers.0: a provider of type openai_compatible needs a base_url");
}

TEST(Providers, RefuseHeadersThatCannotBeSent) {
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, headers: { 'a b': c } }]"),
              HasSubstr("\"a b\" is no header name"));
  for (const char* name : {"Connection", "transfer-encoding", "content-length", "expect"}) {
    EXPECT_THAT(
        errors(fmt::format("providers: [{{ name: a, type: openai, headers: {{ {}: x }} }}]", name)),
        HasSubstr("is the gateway's own to say"))
        << name;
  }
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, headers: { a: \"b\\r\\nc: d\" } }]"),
              HasSubstr("one line of text"));
}

TEST(Providers, RefuseAProxyThatIsNoPlainHttp) {
  for (const char* proxy : {"https://p:1", "p:1", "http://p:1/path", "socks5://p:1"}) {
    EXPECT_THAT(errors(fmt::format("providers: [{{ name: a, type: openai, proxy: '{}' }}]", proxy)),
                HasSubstr("proxy must be http://host:port"))
        << proxy;
  }
}

TEST(Files, ThatAreNamedMustBeThere) {
  EXPECT_THAT(errors("providers: [{ name: a, type: openai, ca_file: /nonexistent }]"),
              HasSubstr("providers.0.ca_file: cannot read \"/nonexistent\""));
  EXPECT_THAT(errors("server: { tls: { enabled: true, cert: /nonexistent } }"),
              HasSubstr("server.tls.cert: cannot read \"/nonexistent\""));
  EXPECT_EQ(errors("server: { tls: { enabled: false, cert: /nonexistent } }"), "");
}

TEST(Keys, RefuseModelPatternsWithAStarInTheMiddle) {
  EXPECT_THAT(errors("keys: [{ key: k, name: n, models: ['a*b'] }]"), HasSubstr("only at the end"));
  EXPECT_EQ(errors("keys: [{ key: k, name: n, models: ['*', 'a*', 'b'] }]"), "");
}

TEST(Server, DoesNotDrainForLongerAtLeastThanAtMost) {
  EXPECT_THAT(errors("server: { drain_min: 10s, drain_max: 5s }"),
              HasSubstr("test.yaml:1:22: server.drain_min must not be longer"));
  EXPECT_THAT(errors("server: { drain_max: 1s }"), HasSubstr("must not be longer"));
}

TEST(Server, ListensOnAddressesAndSharesWithNamedOrigins) {
  EXPECT_THAT(errors("server: { host: 'a b' }"), HasSubstr("server.host must be an address"));
  EXPECT_EQ(errors("server: { host: '::' }"), "");
  EXPECT_THAT(errors("server: { cors: { allowed_origins: ['https://a.com/'] } }"),
              HasSubstr("an origin is"));
  EXPECT_THAT(errors("server: { cors: { allowed_origins: [a.com] } }"), HasSubstr("an origin is"));
}

TEST(Fetch, IsBoundedFromTheStartAndAllowsNoPrivateNetwork) {
  const auto standard = parsed("{}");
  ASSERT_TRUE(standard) << standard.error().message;
  EXPECT_TRUE(standard->fetch.enabled);
  EXPECT_TRUE(standard->fetch.allow.empty());
  EXPECT_EQ(standard->fetch.max_size, 10U << 20);
  EXPECT_EQ(standard->fetch.timeout, std::chrono::seconds(10));
  EXPECT_EQ(standard->fetch.max_per_request, 20);
  const auto given = parsed(
      "fetch: { enabled: false, allow: [10.0.0.0/8, '::1'], max_size: 1MiB, timeout: 250ms, "
      "max_per_request: 3 }");
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_FALSE(given->fetch.enabled);
  EXPECT_THAT(given->fetch.allow, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(given->fetch.max_size, 1U << 20);
  EXPECT_EQ(given->fetch.timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(given->fetch.max_per_request, 3);
  EXPECT_THAT(errors("fetch: { allow: [intranet] }"), HasSubstr("fetch.allow"));
}

TEST(JwtSecret, IsRefusedWhenAnybodyCouldGuessIt) {
  EXPECT_THAT(errors("auth: { jwt_secret: secret }"),
              HasSubstr("test.yaml:1:21: auth.jwt_secret must have at least 8 characters"));
  const auto weak = parsed("auth: { jwt_secret: yoursecret }");
  ASSERT_TRUE(weak) << weak.error().message;
  EXPECT_THAT(weak->warnings, testing::Contains(HasSubstr("openssl rand -base64 32")));
  const auto good = parsed("auth: { jwt_secret: 0123456789abcdef }");
  EXPECT_THAT(good->warnings, testing::Not(testing::Contains(HasSubstr("jwt_secret"))));
}

TEST(MetricsOption, HasAPathAndAPortOfItsOwn) {
  EXPECT_THAT(errors("metrics: { port: 8080 }"), HasSubstr("metrics.port is server.port"));
  EXPECT_THAT(errors("metrics: { path: metrics }"), HasSubstr("a path such as /metrics"));
  EXPECT_THAT(errors("metrics: { path: '/m?x' }"), HasSubstr("a path such as /metrics"));
  EXPECT_EQ(parsed("metrics: { port: 9100, path: /m }")->metrics.path, "/m");
}

}  // namespace
}  // namespace sluice::config
