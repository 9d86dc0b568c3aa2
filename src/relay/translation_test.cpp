#include "relay/translation.hpp"

#include <gmock/gmock.h>

#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;

const std::string kChunkedHead = std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n";

std::string event(std::string_view type, std::string_view rest) {
  return chunk(fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest));
}
const std::string kStart =
    event("message_start",
          R"(,"message":{"id":"msg_1","model":"up","usage":{"input_tokens":3,"output_tokens":1}})");
const std::string kBlock =
    event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})");
std::string delta(std::string_view text) {
  return event("content_block_delta",
               fmt::format(R"(,"index":0,"delta":{{"type":"text_delta","text":"{}"}})", text));
}
const std::string kEnd =
    event("content_block_stop", R"(,"index":0)") +
    event("message_delta", R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2})") +
    event("message_stop", "");

std::string answer(int status, std::string_view body, std::string_view fields = {}) {
  return fmt::format(
      "HTTP/1.1 {} x\r\n{}Content-Type: application/json\r\ncontent-length: {}\r\n\r\n{}", status,
      fields, body.size(), body);
}

/// An OpenAI client whose upstream "a" speaks Anthropic's dialect, and "b" OpenAI's.
class TranslationTest : public testing::Test {
 protected:
  TranslationTest() : client(relay.loop()), a(relay.loop()), b(relay.loop()) {
    relay.config.providers[0].type = config::ProviderType::kAnthropic;
  }
  /// The same with all dialects exchanged.
  void other_way() {
    relay.endpoint = dialect::Endpoint::kMessages;
    relay.config.providers[0].type = config::ProviderType::kOpenAi;
    relay.config.providers[1].type = config::ProviderType::kAnthropic;
  }
  Task<void> asked(std::string_view body, std::string_view fields = {},
                   std::string_view path = "/v1/chat/completions") {
    co_await relay.ask(client, TestRelay::request(body, fields, path));
    request = co_await relay.take_request(relay.up_a, a);
  }
  Task<void> begin(std::string events) {
    co_await asked(TestRelay::kStreamBody);
    co_await a.send(kChunkedHead + events);
  }
  Task<std::string> streamed() { return client.read_through(kLastChunk); }
  Task<std::string> got() {
    const std::string head = co_await client.read_through("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    co_return head + co_await client.read_bytes(length);
  }

  TestRelay relay;
  Peer client;
  Peer a;
  Peer b;
  std::string request;
};

TEST_F(TranslationTest, AsksInTheUpstreamsWordsAndPassesNoneOfTheClients) {
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kStreamBody,
                   "openai-organization: o\r\nanthropic-beta: b\r\nx-other: 1\r\n",
                   "/v1/chat/completions?beta=true");
    EXPECT_THAT(request, HasSubstr("POST /v1/messages HTTP/1.1\r\n"));
    EXPECT_THAT(request, HasSubstr("anthropic-version: 2023-06-01\r\n"));
    EXPECT_THAT(request, HasSubstr("x-api-key: upstream-key\r\n"));
    EXPECT_THAT(request, HasSubstr("x-other: 1\r\n"));
    EXPECT_THAT(request, Not(HasSubstr("openai-organization")));
    EXPECT_THAT(request, Not(HasSubstr("anthropic-beta")));
    EXPECT_THAT(request, HasSubstr(R"("max_tokens":9)"));
    EXPECT_THAT(request, HasSubstr(R"("stream":true)"));
    co_await a.send(kChunkedHead + kStart + kBlock + delta("x") + kEnd + kLastChunk);
    co_await streamed();
  };
  relay.run(body());
}

TEST_F(TranslationTest, LeavesThinkingWithTheAccountThatItBelongsTo) {
  relay.config.providers[0].api_keys = {Secret("key-one"), Secret("key-two")};
  relay.config.routing.retry.attempts = 2;
  relay.config.models.emplace_back().name = "m";
  relay.config.models.back().capabilities = {{"thinking_prefix_bound", "true"}};
  constexpr std::string_view kBody =
      R"({"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant",)"
      R"("content":"a","thinking_blocks":[{"type":"thinking","thinking":"t","signature":)"
      R"("by-claude"}]},{"role":"user","content":"more"}]})";
  const auto body = [&]() -> Task<void> {
    co_await asked(kBody);
    EXPECT_THAT(request, HasSubstr("by-claude"));
    co_await a.send(answer(429, "{}"));
    const std::string other = co_await relay.take_request(relay.up_a, a);
    EXPECT_THAT(other, Not(HasSubstr("by-claude")));
    EXPECT_THAT(other, HasSubstr("more"));
    co_await a.send(answer(400, "{}"));
    co_await got();
  };
  relay.run(body());
}

TEST_F(TranslationTest, BelievesWhatTheUpstreamsListTells) {
  constexpr std::string_view kLong =
      R"({"model":"m","max_tokens":50000,"messages":[{"role":"user","content":"hi"}]})";
  dialect::chat::ToldCapabilities told;
  told.max_output = 4'000;
  const auto body = [&]() -> Task<void> {
    relay.learned.learn(relay.config.providers[0], {{"m", told}});
    co_await asked(kLong);
    EXPECT_THAT(request, HasSubstr(R"("max_tokens":4000)"));
    co_await a.send(answer(400, "{}"));
    co_await got();
  };
  relay.run(body());
}

TEST_F(TranslationTest, BelievesTheConfigurationMoreThanTheUpstreamsList) {
  dialect::chat::ToldCapabilities told;
  told.max_output = 4'000;
  relay.config.models.emplace_back().name = "m";
  relay.config.models.back().max_output = 3'000;
  const auto body = [&]() -> Task<void> {
    relay.learned.learn(relay.config.providers[0], {{"m", told}});
    co_await asked(
        R"({"model":"m","max_tokens":50000,"messages":[{"role":"user","content":"hi"}]})");
    EXPECT_THAT(request, HasSubstr(R"("max_tokens":3000)"));
    co_await a.send(answer(400, "{}"));
    co_await got();
  };
  relay.run(body());
}

TEST_F(TranslationTest, ConvertsALargeRequestWholeAndRefusesItAsAnyOther) {
  const std::string long_text(400'000, 'x');
  const auto large = [&](std::string_view more) {
    return fmt::format(R"({{"model":"m","max_tokens":9{},"messages":[{{"role":"user",)"
                       R"("content":"{}"}}]}})",
                       more, long_text);
  };
  const auto body = [&]() -> Task<void> {
    co_await asked(large(R"(,"seed":1)"));
    EXPECT_THAT(request, HasSubstr(long_text));
    co_await a.send(answer(400, "{}"));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 400"));
    co_await client.send(TestRelay::request(large(R"(,"seed":1)"), "x-sluice-mode: strict\r\n"));
    const std::string refused = co_await got();
    EXPECT_THAT(refused, HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(refused, HasSubstr("seed"));
  };
  relay.run(body());
}

TEST_F(TranslationTest, StreamsEachEventInTheClientsDialectAsItComes) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kStart + kBlock + delta("Hel"));
    const std::string first = co_await client.read_through("Hel");
    EXPECT_THAT(first, HasSubstr("content-type: text/event-stream"));
    EXPECT_THAT(first, HasSubstr("chat.completion.chunk"));
    EXPECT_THAT(first, HasSubstr(R"("model":"m")"));
    co_await a.send(delta("lo") + kEnd + kLastChunk);
    const std::string rest = co_await streamed();
    EXPECT_THAT(rest, HasSubstr(R"("finish_reason":"stop")"));
    EXPECT_THAT(rest, HasSubstr("data: [DONE]\n\n"));
    EXPECT_THAT(rest, Not(HasSubstr("message_stop")));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 3U);
  EXPECT_EQ(relay.series().tokens_out.value(), 2U);
}

TEST_F(TranslationTest, StreamsToAnAnthropicClientToo) {
  other_way();
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kStreamBody, "anthropic-beta: b\r\n", "/v1/messages");
    EXPECT_THAT(request, HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"));
    EXPECT_THAT(request, HasSubstr("authorization: Bearer upstream-key\r\n"));
    EXPECT_THAT(request, HasSubstr(R"("include_usage":true)"));
    EXPECT_THAT(request, Not(HasSubstr("anthropic-")));
    co_await a.send(kChunkedHead + kRole + content("Hel"));
    EXPECT_THAT(co_await client.read_through("Hel"), HasSubstr("event: message_start\n"));
    co_await a.send(content("lo") + kFinish + kUsage + kDone + kLastChunk);
    const std::string rest = co_await streamed();
    EXPECT_THAT(rest, HasSubstr(R"("stop_reason":"end_turn")"));
    EXPECT_THAT(rest, HasSubstr(R"("input_tokens":3)"));
    EXPECT_THAT(rest, HasSubstr("event: message_stop\n"));
    EXPECT_THAT(rest, Not(HasSubstr("[DONE]")));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 3U);
  EXPECT_EQ(relay.series().tokens_out.value(), 2U);
}

TEST_F(TranslationTest, TellsAnAnthropicClientTheCountWhereTheUpstreamReportsNone) {
  other_way();
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kStreamBody, {}, "/v1/messages");
    co_await a.send(kChunkedHead + content("one") + content(" two") + kFinish + kDone + kLastChunk);
    EXPECT_THAT(co_await streamed(), HasSubstr(R"("output_tokens":2)"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_out.value(), 2U);
}

TEST_F(TranslationTest, ConvertsAWholeAnswer) {
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kWholeBody);
    co_await a.send(
        answer(200,
               R"({"id":"msg_1","type":"message","role":"assistant","model":"up","content":[)"
               R"({"type":"text","text":"Hello"}],"stop_reason":"end_turn",)"
               R"("usage":{"input_tokens":5,"output_tokens":7}})",
               "anthropic-organization-id: o\r\n"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(all, HasSubstr("content-type: application/json\r\n"));
    EXPECT_THAT(all, HasSubstr(R"("object":"chat.completion")"));
    EXPECT_THAT(all, HasSubstr(R"("content":"Hello")"));
    EXPECT_THAT(all, HasSubstr(R"("total_tokens":12)"));
    EXPECT_THAT(all, HasSubstr(R"("model":"m")"));
    EXPECT_THAT(all, Not(HasSubstr("anthropic-organization-id")));
    EXPECT_THAT(all, Not(HasSubstr("x-sluice-dropped")));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 5U);
  EXPECT_EQ(relay.series().tokens_out.value(), 7U);
}

TEST_F(TranslationTest, ShowsTheUpstreamsModelWhereThatIsWanted) {
  relay.config.routing.show_upstream_model = true;
  const auto body = [&]() -> Task<void> {
    co_await begin(kStart + kBlock + delta("x") + kEnd + kLastChunk);
    EXPECT_THAT(co_await streamed(), HasSubstr(R"("model":"up")"));
  };
  relay.run(body());
}

TEST_F(TranslationTest, TriesElsewhereWhenAnAnswerIsNone) {
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kWholeBody);
    co_await a.send(answer(200, R"({"hello":1})"));
    // The fallback speaks the client's own dialect, and gets the request as it came.
    EXPECT_THAT(co_await relay.take_request(relay.up_b, b), HasSubstr(TestRelay::kWholeBody));
    co_await b.send(answer(200, R"({"choices":[{"finish_reason":"stop"}]})"));
    EXPECT_THAT(co_await got(), HasSubstr("x-sluice-provider: b\r\n"));
  };
  relay.run(body());
}

TEST_F(TranslationTest, FallsBackToTheOtherDialectBeforeContent) {
  relay.config.providers[0].type = config::ProviderType::kOpenAi;
  relay.config.providers[1].type = config::ProviderType::kAnthropic;
  const auto body = [&]() -> Task<void> {
    co_await begin(kRole);
    a.reset();
    EXPECT_THAT(co_await relay.take_request(relay.up_b, b), HasSubstr("POST /v1/messages "));
    co_await b.send(kChunkedHead + kStart + kBlock + delta("from b") + kEnd + kLastChunk);
    const std::string all = co_await streamed();
    EXPECT_THAT(all, HasSubstr("x-sluice-attempts: 2\r\n"));
    EXPECT_THAT(all, HasSubstr("from b"));
    EXPECT_THAT(all, HasSubstr("[DONE]"));
  };
  relay.run(body());
}

TEST_F(TranslationTest, NamesWhatIsLostOrRefusesIt) {
  constexpr std::string_view kSeeded =
      R"({"model":"m","seed":7,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]})";
  const auto body = [&]() -> Task<void> {
    co_await asked(kSeeded);
    co_await a.send(answer(200,
                           R"({"id":"msg_1","type":"message","role":"assistant","model":"up",)"
                           R"("content":[{"type":"text","text":"x"}],"stop_reason":"end_turn",)"
                           R"("usage":{"input_tokens":5,"output_tokens":7}})"));
    EXPECT_THAT(co_await got(), HasSubstr("x-sluice-dropped: seed\r\n"));
    co_await client.send(TestRelay::request(kSeeded, "x-sluice-mode: strict\r\n"));
    const std::string refused = co_await got();
    EXPECT_THAT(refused, HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(refused, HasSubstr(R"("param":"seed")"));
    co_await client.send(TestRelay::request(kSeeded, "x-sluice-mode: maybe\r\n"));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 400"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_out.value(), 7U);
}

TEST_F(TranslationTest, IsStrictByConfigurationUnlessTheRequestSaysOtherwise) {
  relay.config.routing.strict = true;
  constexpr std::string_view kSeeded =
      R"({"model":"m","seed":7,"messages":[{"role":"user","content":"hi"}]})";
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(kSeeded));
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 400"));
    co_await client.send(TestRelay::request(kSeeded, "x-sluice-mode: lenient\r\n"));
    EXPECT_THAT(co_await relay.take_request(relay.up_a, a), Not(HasSubstr("seed")));
    client.reset();
    co_await relay.ended.wait(client.scope);
  };
  relay.run(body());
}

TEST_F(TranslationTest, KnowsOfAModelWhatTheConfigurationSays) {
  config::Model& model = relay.config.models.emplace_back();
  model.name = "m";
  model.max_output = 5;
  model.capabilities = {{"efforts", "low, medium"}, {"prefill", "true"}, {"stop_max", "2"}};
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kWholeBody);
    EXPECT_THAT(request, HasSubstr(R"("max_tokens":5)"));
    client.reset();
    co_await relay.ended.wait(client.scope);
  };
  relay.run(body());
}

TEST(OverriddenCapabilities, AreRefusedWhenTheyDoNotExist) {
  dialect::chat::Capabilities capabilities;
  config::Model model;
  model.name = "m";
  model.capabilities = {{"efforts", "low, medium"}};
  EXPECT_TRUE(override_capabilities(capabilities, model));
  EXPECT_TRUE(capabilities.takes(dialect::chat::Effort::kMedium));
  EXPECT_FALSE(capabilities.takes(dialect::chat::Effort::kHigh));
  model.capabilities = {{"telepathy", "true"}};
  const Status unknown = override_capabilities(capabilities, model);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kConfig);
  EXPECT_THAT(unknown.error().message, HasSubstr("model m: capabilities.telepathy"));
  model.capabilities = {{"prefill", "perhaps"}};
  EXPECT_FALSE(override_capabilities(capabilities, model));
}

TEST_F(TranslationTest, TellsTheUpstreamsErrorInTheClientsDialect) {
  relay.config.routing.fallbacks.clear();
  const auto body = [&]() -> Task<void> {
    co_await asked(TestRelay::kWholeBody);
    co_await a.send(answer(400, R"({"type":"error","error":{"type":"invalid_request_error",)"
                                R"("message":"temperature: too warm"}})"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(all, HasSubstr("temperature: too warm"));
    EXPECT_THAT(all, HasSubstr(R"("code")"));
    EXPECT_THAT(all, Not(HasSubstr(R"("type":"error")")));
  };
  relay.run(body());
}

TEST_F(TranslationTest, EndsAnUpstreamsErrorEventWithTheClientsFrame) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kStart + kBlock + delta("half") +
                   event("error", R"(,"error":{"type":"overloaded_error","message":"busy"})"));
    const std::string all = co_await streamed();
    EXPECT_THAT(all, HasSubstr("half"));
    EXPECT_THAT(all, HasSubstr("data: {\"error\":"));
    EXPECT_THAT(all, Not(HasSubstr("[DONE]")));
    EXPECT_THAT(all, Not(HasSubstr("event: error")));
  };
  relay.run(body());
}

TEST_F(TranslationTest, EndsACutStreamWithTheClientsFrame) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kStart + kBlock + delta("half") + kLastChunk);
    const std::string all = co_await streamed();
    EXPECT_THAT(all, HasSubstr("half"));
    EXPECT_THAT(all, HasSubstr("upstream_stream_interrupted"));
    EXPECT_THAT(all, Not(HasSubstr("[DONE]")));
  };
  relay.run(body());
}

TEST_F(TranslationTest, TriesElsewhereWhenAStreamEndsBeforeContent) {
  const auto body = [&]() -> Task<void> {
    co_await begin(kStart + kBlock + kLastChunk);
    co_await relay.take_request(relay.up_b, b);
    co_await b.send(kChunkedHead + content("from b") + kFinish + kDone + kLastChunk);
    const std::string all = co_await streamed();
    EXPECT_THAT(all, HasSubstr("from b"));
    EXPECT_THAT(all, Not(HasSubstr("x-sluice-dropped")));
  };
  relay.run(body());
}

TEST_F(TranslationTest, StopsBeforeTheEventThatIsNotPaidFor) {
  relay.config.auth.enabled = true;
  relay.config.keys.emplace_back().key = Secret("good");
  relay.config.keys[0].quota_tokens = 8 + 3;  // the prompt, and three tokens
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(TestRelay::kStreamBody, "x-api-key: good\r\n"));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send(kChunkedHead + kStart + kBlock + delta(" one") + delta(" two"));
    co_await client.read_through(" two");
    co_await a.send(delta(" three") + delta(" four") + delta(" five"));
    const std::string all = co_await client.read_to_end();
    EXPECT_THAT(all, HasSubstr(" three"));
    EXPECT_THAT(all, Not(HasSubstr(" four")));
    EXPECT_THAT(all, HasSubstr("\"budget_exhausted\""));
    EXPECT_THAT(all, Not(HasSubstr("[DONE]")));
    EXPECT_THAT(co_await a.read_to_end(), "");
  };
  relay.run(body());
  const store::Settlement& row = relay.ledger.settlements.at(0);
  EXPECT_EQ(row.outcome, "cut");
  EXPECT_EQ(row.charged.input, 3);  // as the upstream has told
  EXPECT_EQ(row.charged.output, 3);
}

TEST_F(TranslationTest, EndsTheUpstreamAtAStopSequenceThatItDoesNotTake) {
  other_way();
  const auto body = [&]() -> Task<void> {
    co_await asked(R"({"model":"o3","stream":true,"max_tokens":9,"stop_sequences":["END"],)"
                   R"("messages":[{"role":"user","content":"hi"}]})",
                   {}, "/v1/messages");
    EXPECT_THAT(request, Not(HasSubstr("END")));
    co_await a.send(kChunkedHead + content("before E") + content("ND after"));
    const std::string all = co_await streamed();
    EXPECT_THAT(all, HasSubstr("before "));
    EXPECT_THAT(all, HasSubstr(R"("stop_reason":"stop_sequence","stop_sequence":"END")"));
    EXPECT_THAT(all, Not(HasSubstr("after")));
    EXPECT_THAT(co_await a.read_to_end(), "");
  };
  relay.run(body());
  EXPECT_EQ(relay.ledger.settlements.at(0).outcome, "finished");
}

TEST_F(TranslationTest, AnswersWithoutAnUpstreamWhatAsksForNothing) {
  other_way();
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(
        client, TestRelay::request(
                    R"({"model":"m","max_tokens":0,"messages":[{"role":"user","content":"hi"}]})",
                    {}, "/v1/messages"));
    const std::string all = co_await got();
    EXPECT_THAT(all, HasSubstr("HTTP/1.1 200"));
    EXPECT_THAT(all, HasSubstr(R"("stop_reason":"max_tokens")"));
  };
  relay.run(body());
  EXPECT_EQ(relay.series().tokens_in.value(), 0U);
}

TEST(DroppedHeader, IsOneCleanLineWhateverTheNamesAre) {
  EXPECT_EQ(dropped_header({}), "");
  EXPECT_EQ(dropped_header({"seed", "a\r\nx: y", "\xc3\xa4"}), "seed, a__x:_y, __");
  EXPECT_LE(dropped_header(std::vector<std::string>(500, "a_long_name")).size(), 1024U);
}

}  // namespace
}  // namespace sluice::relay
