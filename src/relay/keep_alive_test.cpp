#include "relay/keep_alive.hpp"

#include <gmock/gmock.h>

#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kPing = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
const std::string kChunkedHead = std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n";

/// A client whose patience is short: signs of life come every 10 ms.
class KeepAliveTest : public testing::Test {
 protected:
  KeepAliveTest() : client(relay.loop()), a(relay.loop()), b(relay.loop()) {
    relay.config.routing.keep_alive = milliseconds(10);
  }
  void of_anthropic_client() { relay.endpoint = dialect::Endpoint::kMessages; }
  void of_anthropic_upstreams() {
    for (auto& each : relay.config.providers) each.type = config::ProviderType::kAnthropic;
  }
  Task<void> asked() {
    co_await relay.ask_stream(client);
    co_await relay.take_request(relay.up_a, a);
  }
  Task<std::string> rest() { return client.read_through(kLastChunk); }
  static size_t count(std::string_view text, std::string_view part) {
    size_t n = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) ++n;
    return n;
  }

  TestRelay relay;
  Peer client;
  Peer a;
  Peer b;
};

TEST_F(KeepAliveTest, FillsTheSilenceInsideAStream) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(kChunkedHead + content("one"));
    co_await client.read_through("one");
    // Exactly the comment, as a chunk of its own between two events.
    co_await client.read_through("\n\n\r\n");
    EXPECT_EQ(co_await client.read_bytes(24), "7\r\n: ping\n\r\n7\r\n: ping\n\r\n");
    co_await a.send(content("two") + kFinish + kDone + kLastChunk);
    EXPECT_THAT(co_await rest(), HasSubstr("two"));
  };
  relay.run(body());
}

// Pitfall 31 of src/dialect/chat/testdata/README.md.
TEST_F(KeepAliveTest, SaysNothingWithinAnEvent) {
  const auto body = [&]() -> Task<void> {
    co_await asked();
    const std::string event =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"split\"}}]}\n\n";
    co_await a.send(kChunkedHead + content("one") + chunk(event.substr(0, 30)));
    co_await client.read_through(": ping\n\r\n");
    co_await a.send(chunk(event.substr(30)) + kFinish + kDone + kLastChunk);
    EXPECT_THAT(co_await rest(), HasSubstr(event));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, IsSilentWhereItIsSwitchedOff) {
  relay.config.routing.keep_alive = Duration::zero();
  relay.config.providers[0].timeouts.between_tokens = milliseconds(50);
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await a.send(kChunkedHead + content("one"));
    EXPECT_THAT(co_await rest(), Not(HasSubstr("ping")));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, ShowsAnAnthropicClientThatItsSlowUpstreamIsWaitedFor) {
  of_anthropic_client();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    const std::string head = co_await client.read_through("\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(head, HasSubstr("content-type: text/event-stream"));
    EXPECT_THAT(head, HasSubstr("x-request-id: "));
    // It is not decided yet who answers.
    EXPECT_THAT(head, Not(HasSubstr("x-sluice-provider")));
    EXPECT_THAT(co_await client.read_through("}\n\n"), EndsWith(kPing));
    co_await a.send(kChunkedHead + kRole + content("late") + kFinish + kUsage + kDone + kLastChunk);
    const std::string all = co_await rest();
    EXPECT_EQ(count(all, "event: message_start"), 1U);
    EXPECT_THAT(all, HasSubstr("late"));
    EXPECT_THAT(all, HasSubstr("message_stop"));
    EXPECT_THAT(all, Not(HasSubstr("HTTP/1.1")));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, ShowsAnOpenAiClientThatAConvertedAnswerIsWaitedFor) {
  of_anthropic_upstreams();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    EXPECT_THAT(co_await client.read_through(": ping\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
    a.reset();
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(
        "HTTP/1.1 400 no\r\ncontent-length: 68\r\n\r\n"
        R"({"type":"error","error":{"type":"invalid_request_error","message":"x"})");
    const std::string all = co_await rest();
    EXPECT_THAT(all, HasSubstr("data: {\"error\":{"));
    EXPECT_THAT(all, Not(HasSubstr("[DONE]")));
    EXPECT_THAT(all, Not(HasSubstr("HTTP/1.1")));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, LeavesAnOpenAiClientTheStatusOfAnUpstreamOfItsDialect) {
  relay.config.providers[0].timeouts.first_token = milliseconds(60);
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    EXPECT_THAT(co_await client.read_through("\r\n\r\n"), StartsWith("HTTP/1.1 504"));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, LeavesTheStatusToAClientOfResponsesWhoseBytesPass) {
  relay.endpoint = dialect::Endpoint::kResponses;
  relay.config.providers[0].responses = true;
  relay.config.providers[0].timeouts.first_token = milliseconds(60);
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(R"({"model":"m","stream":true,"input":"hi"})"));
    co_await relay.take_request(relay.up_a, a);
    EXPECT_THAT(co_await client.read_through("\r\n\r\n"), StartsWith("HTTP/1.1 504"));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, LetsTheFallbackAnswerAfterSignsOfLife) {
  of_anthropic_client();
  relay.config.providers[0].timeouts.first_token = milliseconds(60);
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await client.read_through(std::string(kPing));
    // What the first one had begun without content is not shown.
    co_await a.send(kChunkedHead + kRole);
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + content("from b") + kFinish + kUsage + kDone + kLastChunk);
    const std::string all = co_await rest();
    EXPECT_EQ(count(all, "event: message_start"), 1U);
    EXPECT_THAT(all, HasSubstr("from b"));
    EXPECT_THAT(all, HasSubstr("message_stop"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series("b").tokens_out.value(), 2U);
}

TEST_F(KeepAliveTest, TellsTheLastFailureInTheStream) {
  of_anthropic_client();
  of_anthropic_upstreams();
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await client.read_through(std::string(kPing));
    co_await a.send("HTTP/1.1 529 x\r\ncontent-length: 2\r\n\r\n{}");
    const std::string all = co_await rest();
    EXPECT_THAT(all, HasSubstr("event: error\ndata: {\"type\":\"error\""));
    EXPECT_THAT(all, Not(HasSubstr("HTTP/1.1")));
    EXPECT_THAT(all, Not(HasSubstr("message_stop")));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, TellsOfADrainInTheStream) {
  of_anthropic_client();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await client.read_through(std::string(kPing));
    relay.server().cancel_all(net::CancelReason::kDraining);
    EXPECT_THAT(co_await rest(), HasSubstr("event: error"));
  };
  relay.run(body());
}

TEST_F(KeepAliveTest, DoesNotPutAWholeAnswerIntoAStream) {
  of_anthropic_client();
  of_anthropic_upstreams();
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked();
    co_await client.read_through(std::string(kPing));
    co_await a.send(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n"
        R"({"content":1})");
    EXPECT_THAT(co_await rest(), HasSubstr("event: error"));
  };
  relay.run(body());
}

}  // namespace
}  // namespace sluice::relay
