#include "relay/pump.hpp"

#include <gmock/gmock.h>

#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;

const std::string kChunkedHead = std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n";

/// Streams through the relay from upstream "a".
class PumpTest : public testing::Test {
 protected:
  PumpTest() : client(relay.loop()), a(relay.loop()), b(relay.loop()) {}

  /// A request of a client that upstream "a" has got, and has answered with its head.
  Task<void> begin(std::string head = kChunkedHead) {
    co_await relay.ask_stream(client);
    request = co_await relay.take_request(relay.up_a, a);
    co_await a.send(std::move(head));
  }
  /// The whole answer to the client, which ends with the connection or the last chunk.
  Task<std::string> answer() { return client.read_through(kLastChunk); }
  uint64_t malformed() const { return relay.context.metrics.malformed_events.value(); }
  uint64_t cancels(observe::CancelReason reason) const {
    return relay.context.metrics.upstream_cancels[static_cast<size_t>(reason)].value();
  }

  TestRelay relay;
  Peer client;
  Peer a;
  Peer b;
  std::string request;
};

TEST_F(PumpTest, RelaysContentByteByByteAndReusesBothConnections) {
  const auto body = [&]() -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      if (i == 0) {
        co_await relay.ask_stream(client);
      } else {
        co_await client.send(TestRelay::request(TestRelay::kStreamBody));
      }
      co_await relay.take_request(relay.up_a, a);
      co_await a.send(kChunkedHead + kRole + content("Hel"));
      EXPECT_THAT(co_await client.read_through("Hel\"}}]}\n\n\r\n"), HasSubstr("assistant"));
      co_await a.send(content("lo") + kFinish + kUsage + kDone + kLastChunk);
      EXPECT_THAT(co_await answer(), HasSubstr("data: [DONE]\n\n"));
    }
  };
  relay.run(body());
  EXPECT_EQ(relay.answered, 3);
  EXPECT_EQ(relay.series().tokens_out.value(), 6U);
  EXPECT_EQ(relay.series().tokens_in.value(), 9U);
}

TEST_F(PumpTest, HoldsThePreambleUntilThereIsContent) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + kRole);
    // The upstream dies without having said anything: the client never knows that it was there.
    a.reset();
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + content("from b") + kFinish + kDone + kLastChunk);
    const std::string got = co_await answer();
    EXPECT_THAT(got, HasSubstr("x-sluice-provider: b\r\n"));
    EXPECT_THAT(got, HasSubstr("x-sluice-attempts: 2\r\n"));
    EXPECT_THAT(got, HasSubstr("from b"));
    EXPECT_THAT(got, Not(HasSubstr("assistant")));
  };
  relay.run(body());
}

TEST_F(PumpTest, ReadsABodyThatCameInOnePieceWithItsHead) {
  // Ends with its connection: all that lies behind the head is one piece in the head's memory.
  const auto body = [&]() -> Task<void> {
    std::string events;
    for (int i = 0; i < 50; ++i) {
      events += fmt::format(
          "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"w{}\"}}}}]}}\n\n", i);
    }
    events += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    co_await begin(std::string(kSseHead) + "\r\n" + events + "data: [DONE]\n\n");
    a.close();
    const std::string got = co_await answer();
    EXPECT_THAT(got, HasSubstr(events));
    EXPECT_THAT(got, HasSubstr("data: [DONE]\n\n"));
  };
  relay.run(body());
}

TEST_F(PumpTest, EndsWithAnErrorFrameWhenTheUpstreamDiesAfterContent) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("half"));
    co_await client.read_through("half");
    a.reset();
    const std::string rest = co_await answer();
    EXPECT_THAT(rest, HasSubstr("upstream_stream_interrupted"));
    EXPECT_THAT(rest, Not(HasSubstr("[DONE]")));
  };
  relay.run(body());
}

TEST_F(PumpTest, AddsTheTerminalEventThatIsMissing) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("all") + kFinish + kLastChunk);
    EXPECT_THAT(co_await answer(), HasSubstr("data: [DONE]\n\n"));
  };
  relay.run(body());
}

TEST_F(PumpTest, CompletesALastEventWithoutABlankLine) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("all") + kFinish + chunk("data: [DONE]") + kLastChunk);
    EXPECT_THAT(co_await answer(), HasSubstr("data: [DONE]\n\n"));
  };
  relay.run(body());
}

TEST_F(PumpTest, TriesAgainAfterAnErrorEventWithoutABlankLine) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead +
                   chunk("data: {\"error\":{\"message\":\"x\",\"code\":\"rate_limit_exceeded\"}}") +
                   kLastChunk);
    co_await relay.take_request(relay.up_b, b);
    co_await b.send("HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n");
    EXPECT_THAT(co_await client.read_through("\r\n\r\n"), HasSubstr("HTTP/1.1 502"));
  };
  relay.run(body());
  using observe::RetryReason;
  EXPECT_EQ(relay.context.metrics.retries[static_cast<size_t>(RetryReason::kRateLimited)].value(),
            1U);
}

TEST_F(PumpTest, TakesOutTheUsageThatOnlyTheGatewayAskedFor) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x") + kFinish + kUsage + kDone + kLastChunk);
    EXPECT_THAT(request, HasSubstr(R"("stream_options":{"include_usage":true})"));
    EXPECT_THAT(co_await answer(), Not(HasSubstr("prompt_tokens")));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 3U);
}

TEST_F(PumpTest, DropsAndCountsMalformedEvents) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x") + chunk("data: {\"choices\":[{\n\n") + kFinish +
                   kDone + kLastChunk);
    EXPECT_THAT(co_await answer(), Not(HasSubstr("data: {\"choices\":[{\n\n")));
  };
  relay.run(body());
  EXPECT_EQ(malformed(), 1U);
}

TEST_F(PumpTest, EndsAnEventThatIsTooLarge) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x"));
    co_await client.read_through("\"x\"");
    const std::string part = chunk("data: " + std::string(1 << 20, 'a'));
    for (int i = 0; i < 17; ++i) {
      net::Io io = co_await a.stream->write(a.scope, part);
      if (!io.ok()) break;
    }
    EXPECT_THAT(co_await answer(), HasSubstr("upstream_stream_interrupted"));
  };
  relay.run(body());
}

TEST_F(PumpTest, PassesOnAPreambleThatIsTooLongToHold) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    const std::string comment = chunk(": " + std::string(1000, 'p') + "\n\n");
    std::string many;
    for (int i = 0; i < 70; ++i) many += comment;
    co_await a.send(many);
    EXPECT_THAT(co_await client.read_through("\r\n\r\n"), HasSubstr("HTTP/1.1 200 OK"));
  };
  relay.run(body());
}

TEST_F(PumpTest, PassesOnThePlainAnswerOfAnUpstreamThatDoesNotStream) {
  const auto body = [&]() -> Task<void> {
    co_await begin(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 14\r\n\r\n"
        R"({"choices":[]})");
    const std::string got = co_await client.read_through(R"({"choices":[]})");
    EXPECT_THAT(got, HasSubstr("content-type: application/json\r\n"));
  };
  relay.run(body());
}

TEST_F(PumpTest, ResetsTheUpstreamInTheRoundInWhichTheClientResets) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x"));
    co_await client.read_through("\"x\"");
    client.reset();
    co_await relay.ended.wait(client.scope);
    // The request has ended, and the upstream's end is on its way already: no wait in between.
    char byte = 0;
    EXPECT_EQ(recv(a.stream->descriptor().fd(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
  };
  relay.run(body());
  EXPECT_EQ(cancels(observe::CancelReason::kClientGone), 1U);
}

TEST_F(PumpTest, ResetsTheUpstreamOfAClientThatLeavesBeforeThereIsAHead) {
  const auto body = [&]() -> Task<void> {
    co_await relay.ask_stream(client);
    co_await relay.take_request(relay.up_a, a);
    client.reset();
    co_await relay.ended.wait(client.scope);
    char byte = 0;
    EXPECT_EQ(recv(a.stream->descriptor().fd(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
  };
  relay.run(body());
}

TEST_F(PumpTest, StopsReadingFromTheUpstreamOfASlowClient) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    // More than the buffers of four sockets hold; the client takes nothing.
    const std::string part = content(std::string(60'000, 's'));
    size_t sent = 0;
    const size_t all = size_t{64} << 20;
    net::Scope patience(relay.loop());
    while (sent < all) {
      patience.set_deadline(relay.loop().now() + std::chrono::milliseconds(200));
      const net::Io io = co_await a.stream->write(patience, part);
      if (!io.ok()) break;
      sent += part.size();
    }
    EXPECT_LT(sent, all);
    EXPECT_GT(sent, 0U);
    client.reset();
    co_await relay.ended.wait(client.scope);
  };
  relay.run(body());
}

TEST_F(PumpTest, TellsTheClientOfADrainInTheStream) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x"));
    co_await client.read_through("\"x\"");
    relay.server().cancel_all(net::CancelReason::kDraining);
    EXPECT_THAT(co_await answer(), HasSubstr("server_draining"));
  };
  relay.run(body());
  EXPECT_EQ(cancels(observe::CancelReason::kDraining), 1U);
}

TEST_F(PumpTest, EndsASilentUpstreamAfterContent) {
  relay.config.providers[0].timeouts.between_tokens = std::chrono::milliseconds(20);
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x"));
    const std::string got = co_await answer();
    EXPECT_THAT(got, HasSubstr("upstream_stalled"));
    EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
  };
  relay.run(body());
  EXPECT_EQ(cancels(observe::CancelReason::kStalled), 1U);
}

TEST_F(PumpTest, EndsAnAnswerWhoseUpstreamNeverSendsItsTerminalEvent) {
  relay.config.providers[0].timeouts.between_tokens = std::chrono::milliseconds(20);
  const auto body = [&]() -> Task<void> {
    // The connection stays open: nothing but time tells that there will be no more.
    co_await begin(kChunkedHead + content("all") + kFinish + kUsage);
    const std::string got = co_await answer();
    EXPECT_THAT(got, HasSubstr("data: [DONE]\n\n"));
    EXPECT_THAT(got, Not(HasSubstr("error")));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 3U);
  EXPECT_EQ(cancels(observe::CancelReason::kStalled), 0U);
}

TEST_F(PumpTest, EndsAConvertedAnswerWhoseUpstreamNeverSendsItsTerminalEvent) {
  relay.endpoint = dialect::Endpoint::kMessages;
  relay.config.providers[0].timeouts.between_tokens = std::chrono::milliseconds(20);
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("all") + kFinish + kUsage);
    const std::string got = co_await answer();
    EXPECT_THAT(got, HasSubstr("message_stop"));
    EXPECT_THAT(got, HasSubstr(R"("output_tokens":2)"));
  };
  relay.run(body());
}

TEST_F(PumpTest, BoundsTheWholeAnswer) {
  relay.config.providers[0].timeouts.total = std::chrono::milliseconds(50);
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + content("x"));
    EXPECT_THAT(co_await answer(), HasSubstr("took longer than it may"));
  };
  relay.run(body());
  EXPECT_EQ(cancels(observe::CancelReason::kTotal), 1U);
}

TEST_F(PumpTest, LetsTheFallbackAnswerForAnUpstreamThatSendsPingsOnly) {
  relay.config.providers[0].timeouts.first_token = std::chrono::milliseconds(20);
  const auto body = [&]() -> Task<void> {
    co_await begin(kChunkedHead + chunk(": ping\n\n"));
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + content("b") + kFinish + kDone + kLastChunk);
    EXPECT_THAT(co_await answer(), HasSubstr("x-sluice-provider: b"));
  };
  relay.run(body());
}

TEST_F(PumpTest, DecodesACompressedStream) {
  const auto body = [&]() -> Task<void> {
    const std::string plain =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"zipped\"},"
        "\"finish_reason\":\"stop\"}]}\n\n";
    const std::string coded = http::gzip(plain + "data: [DONE]\n\n");
    co_await begin(std::string(kSseHead) +
                   "content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(coded) +
                   kLastChunk);
    const std::string got = co_await answer();
    EXPECT_THAT(got, HasSubstr(plain));
    EXPECT_THAT(got, HasSubstr("data: [DONE]\n\n"));
    EXPECT_THAT(got, Not(HasSubstr("content-encoding")));
  };
  relay.run(body());
}

}  // namespace
}  // namespace sluice::relay
