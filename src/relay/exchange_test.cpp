#include "relay/exchange.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/text.hpp"
#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

std::string answer(int status, std::string_view body, std::string_view fields = {}) {
  return fmt::format(
      "HTTP/1.1 {} x\r\n{}Content-Type: application/json\r\ncontent-length: {}\r\n\r\n{}", status,
      fields, body.size(), body);
}

constexpr std::string_view kOk =
    R"({"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7}})";

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() : client(relay.loop()), a(relay.loop()), b(relay.loop()) {}

  /// A request that upstream "a" has got.
  Task<void> asked(std::string_view body = TestRelay::kWholeBody) {
    co_await relay.ask(client, TestRelay::request(body));
    request = co_await relay.take_request(relay.up_a, a);
  }
  /// Head and body of what the client got.
  Task<std::string> got() {
    const std::string head = co_await client.read_through("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    co_return head + co_await client.read_bytes(length);
  }
  uint64_t retries(observe::RetryReason reason) const {
    return relay.context.metrics.retries[static_cast<size_t>(reason)].value();
  }
  uint64_t cancels(observe::CancelReason reason) const {
    return relay.context.metrics.upstream_cancels[static_cast<size_t>(reason)].value();
  }
  static size_t count(std::string_view text, std::string_view part) {
    size_t n = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) ++n;
    return n;
  }

  TestRelay relay;
  Peer client;
  Peer a;
  Peer b;
  std::string request;
};

TEST_F(ExchangeTest, PassesAWholeAnswerOnUnchangedAndCountsIt) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    EXPECT_THAT(request, HasSubstr(TestRelay::kWholeBody));
    EXPECT_THAT(request, HasSubstr("authorization: Bearer upstream-key\r\n"));
    co_await a.send(answer(200, kOk, "openai-version: 2\r\n"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(all, HasSubstr("openai-version: 2\r\n"));
    EXPECT_THAT(all,
                HasSubstr("x-sluice-provider: a\r\nx-sluice-model: m\r\nx-sluice-attempts: 1"));
    EXPECT_TRUE(all.ends_with(kOk));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 5U);
  EXPECT_EQ(relay.series().tokens_out.value(), 7U);
}

TEST_F(ExchangeTest, RefusesAnUnknownKeyWithoutAskingAnUpstream) {
  relay.config.auth.enabled = true;
  relay.config.keys.emplace_back().key = Secret("good");
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(TestRelay::kWholeBody, "x-api-key: bad\r\n"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 401"));
    EXPECT_THAT(all, HasSubstr("invalid_api_key"));
    EXPECT_THAT(all, Not(HasSubstr("bad")));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, AnswersATooLargeBodyReadably) {
  relay.config.server.max_body = 100;
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(std::string(200'000, 'x')));
    EXPECT_THAT(co_await got(), HasSubstr("request_too_large"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, DoesNotCountAStaleConnectionAsAnAttempt) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(200, kOk));
    co_await got();
    // The next request is on its way on the kept connection when that is reset.
    co_await client.send(TestRelay::request(TestRelay::kWholeBody));
    co_await relay.take_request(relay.up_a, a);
    a.reset();
    Peer fresh(relay.loop());
    co_await relay.take_request(relay.up_a, fresh);
    co_await fresh.send(answer(200, kOk));
    EXPECT_THAT(co_await got(), HasSubstr("x-sluice-attempts: 1\r\n"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, TriesAnotherKeyAtOnceWhenOneIsLimited) {
  relay.config.providers[0].api_keys = {Secret("key-one"), Secret("key-two")};
  relay.config.routing.spread_keys = true;
  relay.config.routing.retry.attempts = 2;
  const auto body = [&]() -> Task<void> {
    co_await asked();
    EXPECT_THAT(request, HasSubstr("Bearer key-one\r\n"));
    co_await a.send(answer(429, "{}"));
    EXPECT_THAT(co_await relay.take_request(relay.up_a, a), HasSubstr("Bearer key-two\r\n"));
    co_await a.send(answer(200, kOk));
    EXPECT_THAT(co_await got(), HasSubstr("x-sluice-attempts: 2\r\n"));
    // The limited key rests: the next request does not come back to it.
    co_await client.send(TestRelay::request(TestRelay::kWholeBody));
    EXPECT_THAT(co_await relay.take_request(relay.up_a, a), HasSubstr("Bearer key-two\r\n"));
    co_await a.send(answer(200, kOk));
    co_await got();
  };
  relay.run(body());
  EXPECT_EQ(retries(observe::RetryReason::kRateLimited), 1U);
}

// Pitfall 45 of src/dialect/chat/testdata/README.md.
TEST_F(ExchangeTest, SendsAllOfAConversationToOneAccount) {
  relay.config.providers[0].api_keys = {Secret("k-0"), Secret("k-1"), Secret("k-2")};
  const auto key_of = [&](const std::string& text) -> Task<std::string> {
    const std::string body = fmt::format(R"({{"model":"m","messages":[{}]}})", text);
    if (!client.stream) {
      co_await relay.ask(client, TestRelay::request(body));
    } else {
      co_await client.send(TestRelay::request(body));
    }
    const std::string seen = co_await relay.take_request(relay.up_a, a);
    co_await a.send(answer(200, kOk));
    co_await got();
    co_return seen.substr(seen.find("Bearer "), 10);
  };
  std::set<std::string> used;
  const auto body = [&]() -> Task<void> {
    for (int i = 0; i < 12; ++i) {
      const std::string first = fmt::format(R"({{"role":"user","content":"{}"}})", i);
      const std::string more = first + R"(,{"role":"assistant","content":"a"})";
      const std::string key = co_await key_of(first);
      EXPECT_EQ(co_await key_of(more), key);
      used.insert(key);
    }
  };
  relay.run(body());
  EXPECT_GT(used.size(), 1U);
}

TEST_F(ExchangeTest, DoesNotRestAKeyForAContentPolicyRefusal) {
  relay.config.providers[0].api_keys = {Secret("key-one")};
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(403, R"({"error":{"message":"no","code":"content_policy_violation"}})"));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 403"));
  };
  relay.run(body());
  const auto& state = relay.context.snapshot->upstreams[0]->state;
  EXPECT_TRUE(state->available("m", relay.loop().now()));
}

TEST_F(ExchangeTest, NeverTellsTheClientOfTheGatewaysRefusedCredential) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(401, R"({"error":{"message":"bad key upstream-key"}})"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 502"));
    EXPECT_THAT(all, HasSubstr("upstream_auth"));
    EXPECT_THAT(all, HasSubstr("x-should-retry: false\r\n"));
    EXPECT_THAT(all, Not(HasSubstr("upstream-key")));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, AnswersTheLast429WithOneRetryAfterAndOneContentType) {
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(429, "slow down", "Retry-After: 30\r\n"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 429"));
    EXPECT_THAT(all, HasSubstr("retry-after: 30\r\n"));
    EXPECT_THAT(all, HasSubstr("upstream_rate_limited"));
    EXPECT_EQ(count(to_lower(all), "retry-after:"), 1U);
    EXPECT_EQ(count(to_lower(all), "content-type:"), 1U);
  };
  relay.run(body());
}

TEST_F(ExchangeTest, PassesOnARetryAfterThatIsADate) {
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(429, "{}", "Retry-After: Wed, 21 Oct 2065 07:28:00 GMT\r\n"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("retry-after: Wed, 21 Oct 2065 07:28:00 GMT\r\n"));
    EXPECT_EQ(count(all, "retry-after:"), 1U);
  };
  relay.run(body());
}

TEST_F(ExchangeTest, PassesOnTheUpstreamsOwnRefusalOfTheRequest) {
  constexpr std::string_view kRefusal = R"({"error":{"message":"bad temperature","param":"t"}})";
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(400, kRefusal));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 400"));
    EXPECT_TRUE(all.ends_with(kRefusal));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, FollowsNoRedirect) {
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send("HTTP/1.1 302 Found\r\nlocation: http://inner/\r\ncontent-length: 0\r\n\r\n");
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 502"));
    EXPECT_THAT(all, Not(HasSubstr("inner")));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, LetsTheFallbackAnswerForARedirect) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send("HTTP/1.1 302 Found\r\nlocation: http://inner/\r\ncontent-length: 0\r\n\r\n");
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(answer(200, kOk));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 200 OK"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, SkipsInterimAnswers) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + answer(200, kOk));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 200 OK"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, LetsTheFallbackAnswerForAnErrorInsideASuccess) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(200, R"({"error":{"message":"busy","type":"overloaded_error"}})"));
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(answer(200, kOk));
    EXPECT_THAT(co_await got(), HasSubstr("x-sluice-provider: b"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, NeverPassesACutAnswerOffAsWhole) {
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"choices\":[");
    a.close();
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 502"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, EndsAnUpstreamThatIsSilentBeforeItsHead) {
  relay.config.providers[0].timeouts.first_token = milliseconds(20);
  relay.config.providers[0].timeouts.first_token_given = true;
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    EXPECT_THAT(co_await got(), HasSubstr("upstream_timeout"));
    // Its connection was closed before the client had its answer.
    char byte = 0;
    EXPECT_EQ(recv(a.stream->descriptor().fd(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
  };
  relay.run(body());
  EXPECT_EQ(cancels(observe::CancelReason::kFirstToken), 1U);
}

TEST_F(ExchangeTest, WaitsForAWholeAnswerWhoseHeadCameEarly) {
  relay.config.providers[0].timeouts.between_tokens = milliseconds(10);
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(fmt::format("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", kOk.size()));
    net::Scope scope(relay.loop());
    co_await net::Sleep(scope, relay.loop().now() + milliseconds(30));
    co_await a.send(std::string(kOk));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 200 OK"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, StopsWaitingToTryAgainWhenTheClientLeaves) {
  relay.config.routing.retry = {.attempts = 2,
                                .budget = 1,
                                .backoff = std::chrono::seconds(50),
                                .max_wait = std::chrono::seconds(100)};
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(answer(500, "{}"));
    // It reads the answer and sleeps; a due timer runs behind that.
    net::Scope scope(relay.loop());
    co_await net::Sleep(scope, relay.loop().now() + milliseconds(5));
    client.reset();
    co_await relay.ended.wait(client.scope);
  };
  relay.run(body());
  EXPECT_EQ(cancels(observe::CancelReason::kClientGone), 0U);  // no upstream was being asked
  EXPECT_EQ(relay.answered, 1);
}

TEST_F(ExchangeTest, AnswersWhoeverADrainFindsWaiting) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    relay.server().cancel_all(net::CancelReason::kDraining);
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 503"));
    EXPECT_THAT(all, HasSubstr("server_draining"));
    EXPECT_THAT(all, HasSubstr("retry-after: 1\r\n"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, AnswersWhoeverADrainFindsSendingItsBody) {
  const auto body = [&]() -> Task<void> {
    std::string bytes = TestRelay::request(TestRelay::kWholeBody, "expect: 100-continue\r\n");
    bytes.resize(bytes.find("\r\n\r\n") + 4);
    co_await relay.ask(client, bytes);
    co_await client.read_through("100 Continue\r\n\r\n");
    relay.server().cancel_all(net::CancelReason::kDraining);
    EXPECT_THAT(co_await got(), HasSubstr("server_draining"));
  };
  relay.run(body());
}

TEST_F(ExchangeTest, KeepsItsConfigurationThroughAReload) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    // The snapshot that the request began with is now its alone.
    config::Config other;
    other.auth.enabled = false;
    auto clients = clients_of_config(other, relay.registry);
    relay.context.snapshot =
        *make_snapshot(std::make_shared<const config::Config>(std::move(other)),
                       std::move(*clients), 1, relay.targets);
    co_await a.send(answer(500, "{}"));
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(answer(200, kOk));
    EXPECT_THAT(co_await got(), HasSubstr("x-sluice-provider: b"));
  };
  relay.run(body());
}

}  // namespace
}  // namespace sluice::relay
