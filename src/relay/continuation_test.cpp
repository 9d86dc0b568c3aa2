#include "relay/continuation.hpp"

#include <gmock/gmock.h>

#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;

TEST(Continuation, PutsWhatTheModelHasSaidBehindTheMessages) {
  size_t kept = 0;
  {
    Continuation turn(kept);
    EXPECT_FALSE(turn.possible());
    turn.keep(R"({"model":"m","messages":[{"role":"user","content":"[]"}],"max_tokens":9})");
    EXPECT_GT(kept, 0U);
    EXPECT_EQ(turn.next(""), "");
    const std::string first = turn.next(R"({"type":"text","text":"a"})");
    EXPECT_EQ(first,
              R"({"model":"m","messages":[{"role":"user","content":"[]"},{"role":"assistant",)"
              R"("content":[{"type":"text","text":"a"}]}],"max_tokens":9})");
    turn.keep(first);  // as it is sent: no second body
    EXPECT_THAT(turn.next("1,2"), HasSubstr(R"("[]"},{"role":"assistant","content":[1,2]}])"));
    for (int i = 0; i < 3; ++i) EXPECT_NE(turn.next("1"), "");
    EXPECT_FALSE(turn.possible());
  }
  EXPECT_EQ(kept, 0U);
}

TEST(Continuation, KeepsNoMoreThanThereIsRoomFor) {
  size_t kept = 100 << 20;
  Continuation turn(kept);
  turn.keep(R"({"messages":[1]})");
  EXPECT_FALSE(turn.possible());
}

constexpr std::string_view kJsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const std::string kEventHead = std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n";

std::string event(std::string_view type, std::string_view rest) {
  return chunk(fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest));
}
std::string start(int input) {
  return event("message_start", fmt::format(R"(,"message":{{"id":"msg_1","model":"claude","usage":)"
                                            R"({{"input_tokens":{},"output_tokens":1}}}})",
                                            input));
}
std::string block(int index, std::string_view open, std::string_view delta) {
  return event("content_block_start",
               fmt::format(R"(,"index":{},"content_block":{})", index, open)) +
         event("content_block_delta", fmt::format(R"(,"index":{},"delta":{})", index, delta)) +
         event("content_block_stop", fmt::format(R"(,"index":{})", index));
}
std::string text(int index, std::string_view words) {
  return block(index, R"({"type":"text","text":""})",
               fmt::format(R"({{"type":"text_delta","text":"{}"}})", words));
}
std::string stop(std::string_view reason, int output) {
  return event("message_delta",
               fmt::format(R"(,"delta":{{"stop_reason":"{}"}},"usage":{{"output_tokens":{}}})",
                           reason, output)) +
         event("message_stop", "") + kLastChunk;
}
std::string message(std::string_view words, std::string_view reason, int input, int output) {
  const std::string body = fmt::format(
      R"({{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{{"type":)"
      R"("text","text":"{}"}}],"stop_reason":"{}","usage":{{"input_tokens":{},"output_tokens":{}}}}})",
      words, reason, input, output);
  return fmt::format("{}content-length: {}\r\n\r\n{}", kJsonHead, body.size(), body);
}

// Only who runs tools himself pauses.
constexpr std::string_view kSearching =
    R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],)"
    R"("web_search_options":{}})";
constexpr std::string_view kSearchingStream =
    R"({"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}],)"
    R"("web_search_options":{}})";

/// An OpenAI client of Anthropic upstreams that pause.
class PauseTest : public testing::Test {
 protected:
  PauseTest() : client(relay.loop()), a(relay.loop()) {
    for (auto& each : relay.config.providers) each.type = config::ProviderType::kAnthropic;
    relay.config.routing.fallbacks.clear();
  }
  Task<std::string> rest() { return client.read_through(kLastChunk); }
  Task<std::string> whole() {
    const std::string head = co_await client.read_through("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    co_return head + co_await client.read_bytes(length);
  }

  TestRelay relay;
  Peer client;
  Peer a;
};

TEST_F(PauseTest, GoesOnOnTheSameStreamWithAllThatWasSaid) {
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSearchingStream));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send(
        kEventHead + start(10) +
        block(0, R"({"type":"thinking","thinking":"","signature":""})",
              R"({"type":"signature_delta","signature":"sig"})") +
        text(1, "one \\n") +
        block(2, R"({"type":"server_tool_use","id":"srv_1","name":"web_search","input":{}})",
              R"({"type":"input_json_delta","partial_json":"{\"q\":\"x\"}"})") +
        stop("pause_turn", 5));
    const std::string again = co_await relay.take_request(relay.up_a, a);
    EXPECT_THAT(again,
                HasSubstr(R"({"role":"assistant","content":[{"type":"thinking","thinking":"",)"
                          R"("signature":"sig"},{"type":"text","text":"one \n"},)"
                          R"({"type":"server_tool_use","id":"srv_1","name":"web_search",)"
                          R"("input":{"q":"x"}}]}])"));
    co_await a.send(kEventHead + start(30) + text(0, "two") + stop("end_turn", 7));
    const std::string got = co_await rest();
    EXPECT_THAT(got, HasSubstr("one "));
    EXPECT_THAT(got, HasSubstr("two"));
    EXPECT_THAT(got, HasSubstr(R"("finish_reason":"stop")"));
    EXPECT_THAT(got, HasSubstr("data: [DONE]"));
    EXPECT_THAT(got, Not(HasSubstr("pause")));
    EXPECT_EQ(got.find("\"role\":\"assistant\""), got.rfind("\"role\":\"assistant\""));
  };
  relay.run(body());
  // Both are paid for.
  EXPECT_EQ(relay.series().tokens_in.value(), 40U);
  EXPECT_EQ(relay.series().tokens_out.value(), 12U);
}

TEST_F(PauseTest, EndsAsCutOffWhenTheUpstreamPausesForEver) {
  int asked = 0;
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSearchingStream));
    for (; asked < 6; ++asked) {
      co_await relay.take_request(relay.up_a, a);
      co_await a.send(kEventHead + start(10) + text(0, "more") + stop("pause_turn", 5));
    }
    EXPECT_THAT(co_await rest(), HasSubstr(R"("finish_reason":"length")"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_out.value(), 30U);
}

TEST_F(PauseTest, TellsTheClientWhenTheUpstreamDoesNotGoOn) {
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSearchingStream));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send(kEventHead + start(10) + text(0, "one") + stop("pause_turn", 5));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send("HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n");
    const std::string got = co_await rest();
    EXPECT_THAT(got, HasSubstr("upstream_stream_interrupted"));
    EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
  };
  relay.run(body());
}

TEST_F(PauseTest, AsksNoMoreWhenTheKeysTokensAreUsedUp) {
  relay.config.auth.enabled = true;
  auto& key = relay.config.keys.emplace_back();
  key.key = Secret("k");
  key.quota_tokens = 60;
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSearchingStream, "x-api-key: k\r\n"));
    co_await relay.take_request(relay.up_a, a);
    std::string words;
    for (int i = 0; i < 30; ++i) words += " word";
    co_await a.send(kEventHead + start(10) + text(0, words) + stop("pause_turn", 30));
    // Prompt and answer, once more, are beyond what is left.
    EXPECT_THAT(co_await rest(), HasSubstr(R"("finish_reason":"length")"));
    EXPECT_TRUE(relay.up_a.deserted());
  };
  relay.run(body());
}

TEST_F(PauseTest, JoinsWholeAnswers) {
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSearching));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send(message("one ", "pause_turn", 10, 5));
    EXPECT_THAT(co_await relay.take_request(relay.up_a, a),
                HasSubstr(R"({"role":"assistant","content":[{"type":"text","text":"one "}]}])"));
    co_await a.send(message("two", "end_turn", 30, 7));
    const std::string got = co_await whole();
    EXPECT_THAT(got, HasSubstr(R"("content":"one two")"));
    EXPECT_THAT(got, HasSubstr(R"("finish_reason":"stop")"));
    EXPECT_THAT(got, HasSubstr(R"("prompt_tokens":40,"completion_tokens":12)"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 40U);
  EXPECT_EQ(relay.series().tokens_out.value(), 12U);
}

TEST_F(PauseTest, GathersAWholeAnswerThatIsStreamedUnasked) {
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSearching));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send(kEventHead + start(10) + text(0, "all of \\\"it\\\"") + stop("end_turn", 7));
    const std::string got = co_await whole();
    EXPECT_THAT(got, HasSubstr("content-type: application/json\r\n"));
    EXPECT_THAT(got, HasSubstr(R"("content":"all of \"it\"")"));
    EXPECT_THAT(got, HasSubstr(R"("prompt_tokens":10,"completion_tokens":7)"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_out.value(), 7U);
}

}  // namespace
}  // namespace sluice::relay
