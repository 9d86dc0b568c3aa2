#include "relay/count_tokens.hpp"

#include <gmock/gmock.h>

#include "api/test_gateway.hpp"

namespace sluice::api {
namespace {

using config::ProviderType;
using net::Peer;
using net::Task;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kMessages =
    R"({"model":"claude-x","messages":[{"role":"user","content":"Hi"}]})";

class CountTokensTest : public testing::Test {
 protected:
  Task<std::string> ask(std::string path, std::string body, std::string fields = {}) {
    return gateway.ask("POST " + path, std::move(fields), std::move(body));
  }

  /// Asks while the upstream answers the request with `reply` and closes the connection.
  Task<void> ask_upstream(std::string reply, std::string& answer, std::string fields = {}) {
    net::TaskGroup group;
    const auto asks = [this, &answer](std::string more) -> Task<void> {
      answer = co_await ask("/v1/messages/count_tokens", kMessages, std::move(more));
    };
    group.spawn(asks(std::move(fields)));
    Peer upstream(gateway.loop());
    co_await gateway.upstream.accept(upstream);
    asked = co_await upstream.read_through("}]}");
    if (!reply.empty()) co_await upstream.send(std::move(reply));
    upstream.close();
    net::Scope scope(gateway.loop());
    co_await group.empty(scope);
  }

  static std::string reply(std::string_view status, std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\nanthropic-organization-id: org\r\n"
        "content-length: {}\r\n\r\n{}",
        status, body.size(), body);
  }

  TestGateway gateway;
  std::string asked;
};

TEST_F(CountTokensTest, CountsWithoutAnyUpstream) {
  const auto body = [&]() -> Task<void> {
    const std::string exact = R"({"model":"mock-c1","messages":[{"role":"user","content":"Hi"}]})";
    for (const char* path : {"/v1/messages/count_tokens", "/messages/count_tokens"}) {
      const std::string answer = co_await ask(path, exact);
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
      EXPECT_THAT(answer, HasSubstr("content-type: application/json\r\n"));
      EXPECT_THAT(answer, HasSubstr("\r\nrequest-id: "));
      EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"input_tokens\":8}"));
    }
    for (const char* path : {"/v1/responses/input_tokens", "/responses/input_tokens"}) {
      EXPECT_THAT(co_await ask(path, R"({"model":"gpt-4o","input":"Hello world"})"),
                  EndsWith("\r\n\r\n{\"object\":\"response.input_tokens\",\"input_tokens\":9}"));
    }
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, CorrectsEstimatesByWhatWasLearned) {
  for (int i = 0; i < 500; ++i) gateway.service.calibration.learn("claude-x", 1.2, 100, 200);
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await ask("/v1/messages/count_tokens", kMessages),
                EndsWith("{\"input_tokens\":16}"));
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, CountsLongPromptsToo) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += " a";
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await ask("/v1/responses/input_tokens",
                             "{\"model\":\"gpt-4o\",\"input\":\"" + text + "\"}"),
                EndsWith("\"input_tokens\":20007}"));
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, TakesNobodyWhoMayNotUseTheModel) {
  gateway.config.auth.enabled = true;
  config::Key& key = gateway.config.keys.emplace_back();
  key.key = Secret("sk-good");
  key.name = "good";
  key.models = {"gpt-4o"};
  const auto body = [&]() -> Task<void> {
    const std::string stranger = co_await ask("/v1/messages/count_tokens", kMessages);
    EXPECT_THAT(stranger, StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(stranger, HasSubstr(R"("type":"error")"));
    EXPECT_THAT(stranger, HasSubstr("authentication_error"));
    EXPECT_THAT(co_await ask("/v1/messages/count_tokens", kMessages, "x-api-key: sk-good\r\n"),
                StartsWith("HTTP/1.1 403 "));
    EXPECT_THAT(co_await ask("/v1/responses/input_tokens", R"({"model":"gpt-4o","input":""})",
                             "authorization: Bearer sk-good\r\n"),
                StartsWith("HTTP/1.1 200 "));
    const std::string other = co_await ask("/v1/responses/input_tokens", R"({"model":"gpt-4o"})");
    EXPECT_THAT(other, HasSubstr(R"("code":"invalid_api_key")"));
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, RefusesWhatItCannotRead) {
  gateway.config.server.max_body = 1'000;
  const auto body = [&]() -> Task<void> {
    const std::string bad = co_await ask("/v1/messages/count_tokens", R"({"model":"m"})");
    EXPECT_THAT(bad, StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(bad, HasSubstr("invalid_request_error"));
    EXPECT_THAT(co_await ask("/v1/responses/input_tokens", R"({"model":"m","input":7})"),
                HasSubstr(R"("param":"input")"));
    EXPECT_THAT(co_await ask("/v1/responses/input_tokens", std::string(2'000, ' ')),
                StartsWith("HTTP/1.1 413 "));
    const std::string get = co_await gateway.ask("GET /v1/messages/count_tokens");
    EXPECT_THAT(get, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(get, HasSubstr("allow: POST\r\n"));
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, LetsTheUpstreamCountThatCan) {
  gateway.add_provider("an", ProviderType::kAnthropic);
  gateway.config.routing.rules.push_back(
      {.prefix = false, .pattern = "claude-x", .target = {"an", "claude-real"}, .priority = 0});
  const auto body = [&]() -> Task<void> {
    std::string answer;
    co_await ask_upstream(reply("200 OK", R"({"input_tokens":4711})"), answer,
                          "x-api-key: client-key\r\nanthropic-beta: b\r\n");
    EXPECT_THAT(asked, StartsWith("POST /v1/messages/count_tokens HTTP/1.1\r\n"));
    EXPECT_THAT(asked, HasSubstr("x-api-key: upstream-key\r\n"));
    EXPECT_THAT(asked, HasSubstr("anthropic-version: 2023-06-01\r\n"));
    EXPECT_THAT(asked, HasSubstr("anthropic-beta: b\r\n"));
    EXPECT_THAT(asked, Not(HasSubstr("client-key")));
    EXPECT_THAT(asked, HasSubstr(R"({"model":"claude-real","messages":[)"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer, HasSubstr("x-sluice-provider: an\r\n"));
    EXPECT_THAT(answer, HasSubstr("x-sluice-model: claude-real\r\n"));
    EXPECT_THAT(answer, HasSubstr("anthropic-organization-id: org\r\n"));
    EXPECT_THAT(answer, EndsWith(R"({"input_tokens":4711})"));
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, CountsItselfWhereTheUpstreamCannot) {
  gateway.add_provider("an", ProviderType::kAnthropic).is_default = true;
  const auto body = [&]() -> Task<void> {
    for (const std::string& bad :
         {reply("404 Not Found", "{}"), reply("500 Oops", ""), reply("529 Busy", "{}"),
          reply("401 No", "{}"), reply("429 Slow", "{}"), reply("302 Found", ""),
          std::string("HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{"),
          std::string("gibberish\r\n\r\n"), std::string()}) {
      std::string answer;
      co_await ask_upstream(bad, answer);
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 ")) << bad;
      EXPECT_THAT(answer, EndsWith("{\"input_tokens\":10}")) << bad;  // 8 times 1.2
      EXPECT_THAT(answer, Not(HasSubstr("x-sluice-provider"))) << bad;
    }
  };
  gateway.run(body());
}

TEST_F(CountTokensTest, PassesOnThatTheRequestIsAtFault) {
  gateway.add_provider("an", ProviderType::kAnthropic).is_default = true;
  const auto body = [&]() -> Task<void> {
    std::string answer;
    co_await ask_upstream(
        reply("400 Bad Request",
              R"({"type":"error","error":{"type":"invalid_request_error","message":"no good"}})"),
        answer);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer, HasSubstr("no good"));
    EXPECT_THAT(answer, HasSubstr("x-sluice-provider: an\r\n"));
  };
  gateway.run(body());
}

}  // namespace
}  // namespace sluice::api
