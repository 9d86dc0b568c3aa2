#include "relay/headers.hpp"

#include <gmock/gmock.h>

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

/// A provider, and what a client sends to it.
class HeadersTest : public testing::Test {
 protected:
  HeadersTest() {
    provider.name = "a";
    provider.base_url = "https://api.example.com/v1";
  }
  std::string head(std::string_view client_head, bool stream = false) {
    Upstream upstream;
    upstream.provider = &provider;
    upstream.dialect = dialect_;
    upstream.base_path = dialect_ == dialect::Dialect::kAnthropic ? "" : "/v1";
    upstream.host_header = "api.example.com";
    http::RequestHead client;
    size_t scanned = 0;
    const auto parsed = http::parse_request_head(client_head, scanned, {}, client);
    EXPECT_EQ(parsed.state, http::HeadState::kDone);
    const Secret credential("sk-upstream");
    const auto endpoint = dialect_ == dialect::Dialect::kAnthropic
                              ? dialect::Endpoint::kMessages
                              : dialect::Endpoint::kChatCompletions;
    return upstream_head({.client = client,
                          .upstream = upstream,
                          .endpoint = endpoint,
                          .stream = stream,
                          .body_size = 7,
                          .credential = &credential,
                          .request_id = "req_1",
                          .traceparent = "00-a-b-01",
                          .trace_continued = continued});
  }
  static std::string client(std::string_view fields) {
    return "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n" + std::string(fields) + "\r\n";
  }

  config::Provider provider;
  dialect::Dialect dialect_ = dialect::Dialect::kOpenAi;
  bool continued = false;
};

TEST_F(HeadersTest, NeverSendTheClientsCredentialsCookiesOrHopByHopFieldsUpstream) {
  const std::string sent =
      head(client("Authorization: Bearer client-secret\r\nX-Api-Key: client-secret\r\n"
                  "api-key: client-secret\r\nX-Goog-Api-Key: client-secret\r\n"
                  "Proxy-Authorization: client-secret\r\nCookie: client-secret\r\n"
                  "Connection: keep-alive, x-named\r\nX-Named: client-secret\r\nKeep-Alive: 5\r\n"
                  "TE: trailers\r\nUpgrade: h2c\r\nX-Sluice-Key-Id: client-secret\r\n"
                  "Transfer-Encoding: chunked\r\nTracestate: client-secret\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("client-secret")));
  EXPECT_THAT(sent, Not(HasSubstr("gateway")));
  for (const char* name : {"Connection", "Keep-Alive", "TE:", "Upgrade", "Transfer-Encoding"}) {
    EXPECT_THAT(sent, Not(HasSubstr(name)));
  }
  EXPECT_THAT(sent, HasSubstr("authorization: Bearer sk-upstream\r\n"));
  EXPECT_THAT(sent, HasSubstr("content-length: 7\r\n"));
}

TEST_F(HeadersTest, SendEverythingElseAsItCame) {
  const std::string sent =
      head(client("OpenAI-Beta: x=1\r\nUser-Agent: sdk/1\r\nIdempotency-Key: k\r\n"
                  "Content-Type: application/json; charset=utf-8\r\n"));
  EXPECT_THAT(sent, HasSubstr("OpenAI-Beta: x=1\r\n"));
  EXPECT_THAT(sent, HasSubstr("User-Agent: sdk/1\r\n"));
  EXPECT_THAT(sent, HasSubstr("Idempotency-Key: k\r\n"));
  EXPECT_THAT(sent, HasSubstr("Content-Type: application/json; charset=utf-8\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("content-type: application/json\r\n")));
}

TEST_F(HeadersTest, PassATracestateWithItsOwnTraceOnly) {
  EXPECT_THAT(head(client("tracestate: a=b\r\n")), Not(HasSubstr("tracestate")));
  continued = true;
  EXPECT_THAT(head(client("tracestate: a=b\r\n")), HasSubstr("tracestate: a=b\r\n"));
}

TEST_F(HeadersTest, LetTheConfiguredFieldsStandOnceAndWin) {
  provider.headers = {{"Authorization", "Custom x"},
                      {"Host", "inner.example.com"},
                      {"anthropic-version", "2099-01-01"},
                      {"X-Team", "blue"}};
  const std::string sent = head(client("x-team: red\r\n"));
  EXPECT_THAT(sent, HasSubstr("Authorization: Custom x\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("sk-upstream")));
  EXPECT_THAT(sent, HasSubstr("Host: inner.example.com\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("api.example.com")));
  EXPECT_THAT(sent, HasSubstr("X-Team: blue\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("red")));
  dialect_ = dialect::Dialect::kAnthropic;
  EXPECT_THAT(head(client("")), Not(HasSubstr("2023-06-01")));
}

TEST_F(HeadersTest, GiveAnthropicItsVersionAndItsOwnCredentialField) {
  dialect_ = dialect::Dialect::kAnthropic;
  const std::string sent = head(client("authorization: Bearer client-secret\r\n"));
  EXPECT_THAT(sent, HasSubstr("x-api-key: sk-upstream\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("authorization")));
  EXPECT_THAT(sent, HasSubstr("anthropic-version: 2023-06-01\r\n"));
  EXPECT_THAT(head(client("anthropic-version: 2024-01-01\r\n")), Not(HasSubstr("2023-06-01")));
}

TEST_F(HeadersTest, AskForPlainStreamsAndForGzipWhereTheClientTakesIt) {
  const std::string accepts = client("accept-encoding: br, gzip\r\n");
  EXPECT_THAT(head(accepts, true), HasSubstr("accept-encoding: identity\r\n"));
  EXPECT_THAT(head(accepts, false), HasSubstr("accept-encoding: gzip\r\n"));
  EXPECT_THAT(head(client(""), false), HasSubstr("accept-encoding: identity\r\n"));
}

TEST_F(HeadersTest, TakeCredentialsOutOfTheQuery) {
  EXPECT_EQ(upstream_query(""), "");
  EXPECT_EQ(upstream_query("beta=true&key=secret&x=1"), "?beta=true&x=1");
  EXPECT_EQ(upstream_query("api_key=secret"), "");
  EXPECT_EQ(upstream_query("API-Key=secret&&a"), "?&a");
}

TEST_F(HeadersTest, GiveTheClientTheUpstreamsFieldsInLowerCase) {
  http::Fields fields;
  fields.add("Content-Type", "text/html");
  fields.add("OpenAI-Processing-Ms", "5");
  fields.add("Anthropic-RateLimit-Tokens-Remaining", "9");
  fields.add("X-RateLimit-Limit-Requests", "3");
  fields.add("Set-Cookie", "secret");
  fields.add("X-Request-Id", "theirs");
  fields.add("Server", "x");
  net::HeaderList headers;
  pass_response_headers(fields, false, headers);
  EXPECT_THAT(headers,
              ElementsAre(Pair("content-type", "text/html"), Pair("openai-processing-ms", "5"),
                          Pair("anthropic-ratelimit-tokens-remaining", "9"),
                          Pair("x-ratelimit-limit-requests", "3")));
}

TEST_F(HeadersTest, HideWhatOthersLeaveOfAnUpstreamsLimits) {
  http::Fields fields;
  for (const std::string_view name :
       {"X-RateLimit-Remaining-Tokens", "RateLimit-Reset", "Anthropic-RateLimit-Tokens-Remaining",
        "Anthropic-Priority-Input-Tokens-Limit", "Anthropic-Fast-Output-Tokens-Limit"}) {
    fields.add(name, "7");
  }
  fields.add("Anthropic-Organization-Id", "org");
  fields.add("Retry-After", "2");
  net::HeaderList headers;
  pass_response_headers(fields, true, headers);
  EXPECT_THAT(headers,
              ElementsAre(Pair("anthropic-organization-id", "org"), Pair("retry-after", "2")));
}

TEST_F(HeadersTest, ReadACredentialFromEitherField) {
  http::Fields fields;
  EXPECT_EQ(client_credential(fields), "");
  fields.add("X-Api-Key", "k2");
  EXPECT_EQ(client_credential(fields), "k2");
  fields.add("Authorization", "Basic abc");
  EXPECT_EQ(client_credential(fields), "k2");
  fields.clear();
  fields.add("Authorization", "bearer   k1 ");
  fields.add("x-api-key", "k2");
  EXPECT_EQ(client_credential(fields), "k1");
}

TEST_F(HeadersTest, AskForModelsBesideTheEndpointsOfTheDialect) {
  Upstream upstream;
  upstream.provider = &provider;
  upstream.base_path = "/api/paas/v4";
  upstream.host_header = "z";
  const Secret key("sk");
  EXPECT_THAT(model_list_head(upstream, &key), HasSubstr("GET /api/paas/v4/models HTTP/1.1\r\n"));
  upstream.dialect = dialect::Dialect::kAnthropic;
  upstream.base_path = "";
  EXPECT_THAT(model_list_head(upstream, nullptr),
              HasSubstr("GET /v1/models?limit=1000 HTTP/1.1\r\n"));
}

}  // namespace
}  // namespace sluice::relay
