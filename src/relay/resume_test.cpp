#include "relay/resume.hpp"

#include <gmock/gmock.h>

#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;

const std::string kChunkedHead = std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n";
const std::string kStart = chunk(
    "data: {\"id\":\"gen-7\",\"created\":77,\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":"
    "{\"role\":\"assistant\"}}]}\n\n");

/// How often `part` stands in `text`.
size_t times(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

/// What the pieces of content in a chat's stream come to.
std::string content_of(std::string_view stream) {
  constexpr std::string_view kBefore = R"("content":")";
  std::string text;
  for (size_t at = stream.find(kBefore); at != std::string_view::npos;
       at = stream.find(kBefore, at)) {
    at += kBefore.size();
    text += stream.substr(at, stream.find('"', at) - at);
  }
  return text;
}

class ResumeTest : public testing::Test {
 protected:
  ResumeTest() : client(relay.loop()), a(relay.loop()), b(relay.loop()) {
    relay.config.routing.resume = config::Resume::kRestart;
  }

  Task<void> begin(std::string body = std::string(TestRelay::kStreamBody)) {
    co_await relay.ask(client, TestRelay::request(body));
    co_await relay.take_request(relay.up_a, a);
  }
  /// All the client gets from now on.
  Task<void> read_rest() { got += co_await client.read_through(kLastChunk); }

  TestRelay relay;
  Peer client;
  Peer a;
  Peer b;
  std::string got;
};

TEST_F(ResumeTest, GoesOnWhereAStreamOfTheSameDialectBrokeOff) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kStart + content("one ") + content("two"));
    got = co_await client.read_through("two\"}}]}\n\n\r\n");
    a.reset();
    const std::string again = co_await relay.take_request(relay.up_b, b);
    EXPECT_THAT(again, HasSubstr(R"("messages":[{"role":"user","content":"hi"}]})"));
    co_await b.send(kChunkedHead + kRole + content("one t") + content("wo thr") + content("ee") +
                    kFinish + kUsage + kDone + kLastChunk);
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_EQ(content_of(got), "one two three");
  EXPECT_EQ(times(got, "\"role\""), 1U);
  EXPECT_EQ(times(got, "\"finish_reason\":\"stop\""), 1U);
  EXPECT_EQ(times(got, "[DONE]"), 1U);
  // What goes on tells itself apart by nothing.
  EXPECT_EQ(
      times(got, R"("id":"gen-7","object":"chat.completion.chunk","created":77,"model":"m-1")"),
      3U);
  EXPECT_EQ(times(got, "\"error\""), 0U);
  EXPECT_EQ(relay.ledger.settlements.size(), 1U);
}

TEST_F(ResumeTest, EndsWhereTheSecondStreamSaysSomethingElse) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one ") + content("two"));
    got = co_await client.read_through("two\"}}]}\n\n\r\n");
    a.reset();
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + kRole + content("one ") + content("2") + content(" three"));
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_THAT(got, HasSubstr("upstream_stream_interrupted"));
  EXPECT_THAT(got, Not(HasSubstr("three")));
  EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
}

TEST_F(ResumeTest, EndsWhereTheSecondStreamSaysLess) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one ") + content("two"));
    got = co_await client.read_through("two\"}}]}\n\n\r\n");
    a.reset();
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + kRole + content("one ") + kFinish + kDone + kLastChunk);
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_THAT(got, HasSubstr("upstream_stream_interrupted"));
  EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
}

TEST_F(ResumeTest, EndsWithTheErrorWhenNobodyIsLeft) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one"));
    got = co_await client.read_through("one\"}}]}\n\n\r\n");
    a.reset();
    co_await relay.take_request(relay.up_b, b);
    co_await b.send("HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n");
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_EQ(times(got, "HTTP/1.1"), 1U);
  EXPECT_THAT(got, HasSubstr("upstream_stream_interrupted"));
  EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
}

TEST_F(ResumeTest, AsksTheSameTargetWhereThereIsNoOther) {
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one"));
    got = co_await client.read_through("one\"}}]}\n\n\r\n");
    a.reset();
    co_await relay.take_request(relay.up_a, b);
    co_await b.send(kChunkedHead + kRole + content("one two") + kFinish + kDone + kLastChunk);
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_EQ(content_of(got), "one two");
  EXPECT_EQ(times(got, "[DONE]"), 1U);
}

TEST_F(ResumeTest, GoesOnForAClientOfAnotherDialect) {
  relay.endpoint = dialect::Endpoint::kMessages;
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one ") + content("two"));
    got = co_await client.read_through("two\"}}\n\n\r\n");
    a.reset();
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + kRole + content("one tw") + content("o three") + kFinish +
                    kDone + kLastChunk);
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_EQ(times(got, "event: message_start"), 1U);
  EXPECT_EQ(times(got, "event: content_block_start"), 1U);
  EXPECT_EQ(times(got, "event: content_block_stop"), 1U);
  EXPECT_EQ(times(got, "event: message_stop"), 1U);
  EXPECT_EQ(times(got, R"("text":"one ")"), 1U);
  EXPECT_EQ(times(got, R"("text":" three")"), 1U);
}

TEST_F(ResumeTest, AsksTheModelToGoOn) {
  relay.config.routing.resume = config::Resume::kContinue;
  std::string again;
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one ") + content("two "));
    got = co_await client.read_through("two \"}}]}\n\n\r\n");
    a.reset();
    again = co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + kRole + content(" three") + kFinish + kUsage + kDone +
                    kLastChunk);
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_THAT(again, HasSubstr(R"({"role":"user","content":"hi"},)"
                               R"({"role":"assistant","content":"one two"},{"role":"user",)"));
  EXPECT_EQ(content_of(got), "one two three");
  EXPECT_EQ(times(got, "[DONE]"), 1U);
}

TEST_F(ResumeTest, NeverAsksToGoOnWithACall) {
  relay.config.routing.resume = config::Resume::kContinue;
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(
        kChunkedHead + kRole +
        chunk(
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n"));
    got = co_await client.read_through("\"f\"");
    a.reset();
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_THAT(got, HasSubstr("upstream_stream_interrupted"));
}

TEST_F(ResumeTest, DoesNotGoOnForAClientThatHasGone) {
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one"));
    got = co_await client.read_through("one\"}}]}\n\n\r\n");
    client.reset();
    co_await relay.ended.wait(client.scope);
    EXPECT_EQ(relay.answered, 1);
  };
  relay.run(body());
  EXPECT_EQ(relay.ledger.settlements.size(), 1U);
}

TEST_F(ResumeTest, TellsInTheGapThatTheServerDrains) {
  for (const auto reason : {net::CancelReason::kDraining, net::CancelReason::kRequested}) {
    TestRelay other;
    other.config.routing.resume = config::Resume::kRestart;
    Peer asker(other.loop());
    Peer first(other.loop());
    Peer second(other.loop());
    const auto body = [&]() -> Task<void> {
      co_await other.ask_stream(asker);
      co_await other.take_request(other.up_a, first);
      co_await first.send(kChunkedHead + kRole + content("one"));
      co_await asker.read_through("one\"}}]}\n\n\r\n");
      first.reset();
      co_await other.take_request(other.up_b, second);
      other.server().cancel_all(reason);
      got = co_await asker.read_through(kLastChunk);
    };
    other.run(body());
    const bool draining = reason == net::CancelReason::kDraining;
    EXPECT_THAT(got, HasSubstr(draining ? "server_draining" : "cancelled by an operator"));
    EXPECT_EQ(times(got, "HTTP/1.1"), 0U);
    ASSERT_EQ(other.ledger.settlements.size(), 1U);
    EXPECT_EQ(other.ledger.settlements[0].charged.output, 1);
  }
}

TEST_F(ResumeTest, LeavesAStreamAloneThatIsNotToBeResumed) {
  relay.config.routing.resume = config::Resume::kNone;
  const auto body = [&]() -> Task<void> {
    co_await begin();
    co_await a.send(kChunkedHead + kRole + content("one"));
    got = co_await client.read_through("one\"}}]}\n\n\r\n");
    a.reset();
    co_await read_rest();
  };
  relay.run(body());
  EXPECT_THAT(got, HasSubstr("upstream_stream_interrupted"));
}

TEST(Resume, SuitsStreamsOfOneChoiceAlone) {
  const auto suits = [](std::string_view members) {
    auto request = dialect::understand(
        dialect::Endpoint::kChatCompletions,
        R"({"model":"m","messages":[{"role":"user","content":"x"}])" + std::string(members) + "}");
    return Resume::suits(*request);
  };
  EXPECT_TRUE(suits(R"(,"stream":true)"));
  EXPECT_TRUE(suits(R"(,"stream":true,"logprobs":false,"n":1)"));
  EXPECT_FALSE(suits(""));
  EXPECT_FALSE(suits(R"(,"stream":true,"n":2)"));
  EXPECT_FALSE(suits(R"(,"stream":true,"logprobs":true)"));
}

}  // namespace
}  // namespace sluice::relay
