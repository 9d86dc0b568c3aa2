#include "api/handler.hpp"

#include <gmock/gmock.h>

#include "api/test_gateway.hpp"
#include "http/content_coding.hpp"

namespace sluice::api {
namespace {

using net::Task;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class HandlerTest : public testing::Test {
 protected:
  TestGateway gateway;
};

TEST_F(HandlerTest, FindsInferenceRoutesWithAndWithoutTheVersion) {
  const auto body = [&]() -> Task<void> {
    for (const char* path : {"/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions",
                             "/v1/messages", "/messages", "/v1/embeddings", "/v1/completions"}) {
      // 400 for want of a body, and not 404.
      EXPECT_THAT(co_await gateway.ask(std::string("POST ") + path, "content-length: 0\r\n"),
                  StartsWith("HTTP/1.1 400 "))
          << path;
    }
    EXPECT_THAT(co_await gateway.ask("POST /v1/chat", "content-length: 0\r\n"),
                StartsWith("HTTP/1.1 404 "));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, AnswersAWrongMethodWithTheRightOnes) {
  const auto body = [&]() -> Task<void> {
    const std::string chat = co_await gateway.ask("GET /v1/chat/completions");
    EXPECT_THAT(chat, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(chat, HasSubstr("allow: POST\r\n"));
    EXPECT_THAT(co_await gateway.ask("DELETE /health"), HasSubstr("allow: GET, HEAD\r\n"));
    EXPECT_THAT(co_await gateway.ask("PUT /metrics"), HasSubstr("allow: GET, HEAD\r\n"));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, AnswersHeadWithoutABody) {
  const auto body = [&]() -> Task<void> {
    const std::string answer = co_await gateway.ask("HEAD /api/hello");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(answer.ends_with("content-length: 2\r\n\r\n"));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, IsReadyOnlyWhileItServes) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /ready"), StartsWith("HTTP/1.1 200 "));
    gateway.service.phase = Phase::kDraining;
    const std::string answer = co_await gateway.ask("GET /ready");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(answer, HasSubstr(R"("reasons":["draining"])"));
    EXPECT_THAT(co_await gateway.ask("GET /health"), HasSubstr(R"("status":"healthy")"));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, ServesMetricsAsTextAndAsJsonAndNotWhereTheyHaveTheirOwnPort) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /metrics"), HasSubstr("# TYPE gateway_"));
    EXPECT_THAT(co_await gateway.ask("GET /metrics", "accept: application/json\r\n"),
                HasSubstr("requests_per_second"));
  };
  gateway.run(body());
  gateway.config.metrics.port = 9;
  const auto elsewhere = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /metrics"), StartsWith("HTTP/1.1 404 "));
  };
  gateway.run(elsewhere());
}

TEST_F(HandlerTest, ShowsTheLiveBoardToThisMachineOnlyWhileThereIsNoToken) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask_at("localhost", "GET /api/live"), HasSubstr("\"running\":["));
    // A page in a browser here, under a name that it has made point here.
    EXPECT_THAT(co_await gateway.ask_at("evil.example", "GET /api/live"),
                StartsWith("HTTP/1.1 403 "));
    // Whoever comes through a proxy on this machine is not on this machine.
    for (const char* field : {"X-Forwarded-For: 8.8.8.8", "X-Forwarded-For: 127.0.0.1",
                              "Forwarded: for=8.8.8.8", "X-Real-IP: 8.8.8.8"}) {
      EXPECT_THAT(
          co_await gateway.ask_at("localhost", "GET /api/live", std::string(field) + "\r\n"),
          StartsWith("HTTP/1.1 403 "))
          << field;
    }
  };
  gateway.run(body());
}

TEST_F(HandlerTest, ShowsTheLiveBoardToWhoeverHasTheToken) {
  gateway.config.auth.admin_token = Secret("sesame");
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /api/live"), StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(co_await gateway.ask("GET /api/live", "authorization: Bearer sesam\r\n"),
                StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(co_await gateway.ask("GET /api/live", "authorization: Bearer sesame\r\n"),
                StartsWith("HTTP/1.1 200 "));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, AllowsTheConfiguredOriginsAndNoOthers) {
  gateway.config.server.cors = {.enabled = true, .allowed_origins = {"https://app.example.com"}};
  const auto body = [&]() -> Task<void> {
    const std::string good =
        co_await gateway.ask("GET /health", "origin: https://app.example.com\r\n");
    EXPECT_THAT(good, HasSubstr("access-control-allow-origin: https://app.example.com\r\n"));
    EXPECT_THAT(good, HasSubstr("vary: origin\r\n"));
    const std::string bad = co_await gateway.ask("GET /health", "origin: https://evil.com\r\n");
    EXPECT_THAT(bad, Not(HasSubstr("access-control")));
    EXPECT_THAT(bad, HasSubstr("vary: origin\r\n"));
    const std::string preflight = co_await gateway.ask(
        "OPTIONS /v1/chat/completions",
        "origin: https://app.example.com\r\naccess-control-request-method: POST\r\n"
        "access-control-request-headers: authorization, content-type\r\n");
    EXPECT_THAT(preflight, StartsWith("HTTP/1.1 204 "));
    EXPECT_THAT(preflight,
                HasSubstr("access-control-allow-headers: authorization, content-type\r\n"));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, SaysNothingOfOriginsWhileThatIsOff) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /health", "origin: https://evil.com\r\n"),
                Not(HasSubstr("access-control")));
  };
  gateway.run(body());
}

TEST_F(HandlerTest, CompressesForWhoeverAsksWhenItMay) {
  gateway.config.server.gzip = true;
  const auto body = [&]() -> Task<void> {
    const std::string coded = co_await gateway.ask("GET /metrics", "accept-encoding: gzip\r\n");
    EXPECT_THAT(coded, HasSubstr("content-encoding: gzip\r\n"));
    EXPECT_THAT(coded, HasSubstr("vary: accept-encoding\r\n"));
    std::string plain;
    http::Inflater inflater(http::Coding::kGzip, 1 << 20);
    EXPECT_TRUE(inflater.feed(coded.substr(coded.find("\r\n\r\n") + 4), plain).has_value());
    EXPECT_THAT(plain, HasSubstr("# TYPE gateway_"));

    EXPECT_THAT(co_await gateway.ask("GET /metrics"), Not(HasSubstr("content-encoding")));
    // Too small to be worth it.
    EXPECT_THAT(co_await gateway.ask("GET /health", "accept-encoding: gzip\r\n"),
                Not(HasSubstr("content-encoding")));
  };
  gateway.run(body());
}

}  // namespace
}  // namespace sluice::api
