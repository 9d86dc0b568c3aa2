#include "api/probe_verdict.hpp"

#include <gmock/gmock.h>

namespace sluice::api {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProbeVerdictTest : public testing::Test {
 protected:
  ProbeVerdictTest() {
    provider.name = "p";
    provider.base_url = "https://api.example.com/v1";
    provider.api_keys = {Secret("sk-secret-one"), Secret("sk-secret-two")};
    provider.headers = {{"authorization", "Bearer tok-abcdef"}, {"x-a", "b"}};
    remake();
  }
  void remake() { upstream = relay::make_upstream(provider, 1, nullptr).value(); }

  std::string problem_of(ErrorCode code, std::string message = {}, bool sent = false) {
    return verdict_of(Error{.code = code, .message = std::move(message), .param = {}}, *upstream,
                      steps, sent)
        .problem;
  }
  admin::ProbeVerdict answered(int status, std::string_view body, std::string_view model = {}) {
    return verdict_of({.status = status, .body = body, .model = model, .with_key = true},
                      *upstream);
  }

  config::Provider provider;
  std::unique_ptr<const relay::Upstream> upstream;
  net::ConnectSteps steps;
};

TEST_F(ProbeVerdictTest, TellsFailuresBeforeAnAnswerApart) {
  EXPECT_EQ(problem_of(ErrorCode::kResolve), "unknown_host");
  EXPECT_EQ(problem_of(ErrorCode::kUpstreamUnreachable), "unreachable");
  EXPECT_EQ(problem_of(ErrorCode::kConnectionClosed), "closed");
  EXPECT_EQ(problem_of(ErrorCode::kProtocol), "garbage");
  const std::string untrusted = "certificate not trusted: ";
  EXPECT_EQ(problem_of(ErrorCode::kTls, untrusted + "hostname mismatch"), "certificate_name");
  EXPECT_EQ(problem_of(ErrorCode::kTls, untrusted + "IP address mismatch"), "certificate_name");
  EXPECT_EQ(problem_of(ErrorCode::kTls, untrusted + "certificate has expired"),
            "certificate_expired");
  EXPECT_EQ(problem_of(ErrorCode::kTls, untrusted + "self-signed certificate"),
            "certificate_untrusted");
  EXPECT_EQ(problem_of(ErrorCode::kTls, "SSL routines::wrong version number"), "tls");
}

TEST_F(ProbeVerdictTest, TellsWhatWasWaitedFor) {
  const auto message = [&](bool sent) {
    return verdict_of(Error{.code = ErrorCode::kTimeout, .message = "t", .param = {}}, *upstream,
                      steps, sent)
        .message;
  };
  EXPECT_THAT(message(false), HasSubstr("looking up"));
  steps.resolved = TimePoint{Duration(1)};
  EXPECT_THAT(message(false), HasSubstr("did not take the connection"));
  steps.connected = TimePoint{Duration(2)};
  EXPECT_THAT(message(false), HasSubstr("TLS handshake"));
  EXPECT_THAT(message(true), HasSubstr("did not answer in time"));
  provider.proxy = "http://proxy:3128";
  remake();
  EXPECT_THAT(message(false), HasSubstr("the proxy proxy:3128 did not say"));
}

TEST_F(ProbeVerdictTest, TellsRefusalsApart) {
  EXPECT_EQ(answered(401, R"({"error":{"message":"bad key"}})").problem, "unauthorized");
  EXPECT_EQ(answered(403, "{}").problem, "forbidden");
  EXPECT_EQ(answered(404, "<html>").problem, "not_found");
  EXPECT_EQ(answered(404, R"({"error":{"code":"model_not_found","message":"no"}})", "m").problem,
            "model_not_found");
  EXPECT_EQ(answered(429, R"({"error":{"code":"rate_limit_exceeded","message":"slow"}})").problem,
            "rate_limited");
  EXPECT_EQ(answered(429, R"({"error":{"code":"insufficient_quota","message":"pay"}})").problem,
            "quota_exhausted");
  EXPECT_EQ(answered(502, "").problem, "upstream_error");
  EXPECT_EQ(answered(301, "").problem, "redirected");
}

TEST_F(ProbeVerdictTest, AGoodStatusAloneIsNoProof) {
  EXPECT_TRUE(answered(200, R"({"object":"list","data":[{"id":"m"}]})").ok());
  EXPECT_EQ(models_in(R"({"data":[{"id":"m"},{"id":"n"}]})"), 2U);
  for (const char* body : {"<html>login</html>", "", "[]", R"({"error":"x"})", R"({"data":1})"}) {
    EXPECT_EQ(answered(200, body).problem, "garbage") << body;
  }
  EXPECT_TRUE(answered(200, R"({"choices":[]})", "m").ok());
  EXPECT_EQ(answered(200, R"({"content":[]})", "m").problem, "garbage");
}

TEST_F(ProbeVerdictTest, SaysNothingSecretAndNothingLong) {
  const auto told =
      answered(401, R"({"error":{"message":"no sk-secret-one\nnor tok-abcdef, x"}})").said;
  EXPECT_EQ(told, "no *** nor ***, x");
  const std::string long_one = presentable(std::string(190, 'a') + "sk-secret-two", provider);
  EXPECT_THAT(long_one, Not(HasSubstr("sk-")));
  const std::string cut = presentable(std::string(8 * 1024 - 9, ' ') + "sk-secret-two", provider);
  EXPECT_EQ(cut, "***") << "what a cut leaves of a secret is one";
  EXPECT_LE(presentable(std::string(100'000, 'a'), provider).size(), 200U);
  EXPECT_EQ(presentable("a\r\n\x01 b\t", provider), "a b");
  EXPECT_EQ(presentable("\xff\xfe", provider), "(no readable text)");
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "\u00e4\u4e2d";
  EXPECT_THAT(presentable(wide, provider), Not(HasSubstr("no readable")));
}

}  // namespace
}  // namespace sluice::api
