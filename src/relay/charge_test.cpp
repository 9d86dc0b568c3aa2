// The money of a request, seen from its client, its upstream and the ledger.
#include "relay/charge.hpp"

#include <gmock/gmock.h>

#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;

const std::string kChunkedHead = std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n";
constexpr std::string_view kKey = "x-api-key: sk-metered\r\n";

/// One key "metered" and a model "mock", whose tokens are those of o200k_base.
class ChargeTest : public testing::Test {
 protected:
  ChargeTest() : client(relay.loop()), a(relay.loop()), b(relay.loop()) {
    relay.config.auth.enabled = true;
    config::Key& key = relay.config.keys.emplace_back();
    key.key = Secret("sk-metered");
    key.name = "metered";
    // Prices at which a token of output costs 10 nano-USD, and one of input 1.
    config::Model& model = relay.config.models.emplace_back();
    model.name = "mock";
    model.price = {.input = {1'000'000},
                   .output = {10'000'000},
                   .cache_read = {1'000'000},
                   .cache_write = {1'000'000}};
  }

  config::Key& key() { return relay.config.keys[0]; }

  static std::string body(std::string_view members = {}) {
    return fmt::format(R"({{"model":"mock","messages":[{{"role":"user","content":"hi"}}]{}{}}})",
                       members.empty() ? "" : ",", members);
  }
  /// Sends a request; upstream "a" gets it.
  Task<void> ask(std::string text, std::string fields = std::string(kKey)) {
    co_await relay.ask(client, TestRelay::request(text, fields));
    request = co_await relay.take_request(relay.up_a, a);
  }
  Task<void> ask_stream() { co_await ask(body(R"("stream":true)")); }
  Task<std::string> got() {
    const std::string head = co_await client.read_through("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    co_return head + co_await client.read_bytes(length);
  }
  static std::string whole(int output) {
    const std::string text =
        fmt::format(R"({{"choices":[{{"message":{{"content":"x"}},"finish_reason":"stop"}}],)"
                    R"("usage":{{"prompt_tokens":8,"completion_tokens":{}}}}})",
                    output);
    return fmt::format(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
        text.size(), text);
  }
  const store::Settlement& row() const { return relay.ledger.settlements.at(0); }
  /// What "hi" as a chat message is in o200k_base: 3 + 1 (role) + 1 (text) + 3.
  static constexpr int64_t kPrompt = 8;

  TestRelay relay;
  Peer client;
  Peer a;
  Peer b;
  std::string request;
};

TEST_F(ChargeTest, AStreamEndsBeforeTheEventThatItsKeyCannotPayFor) {
  key().quota_tokens = kPrompt + 3;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    co_await a.send(kChunkedHead + kRole + content(" one") + content(" two"));
    co_await client.read_through(" two\"}}]}\n\n\r\n");
    co_await a.send(content(" three") + content(" four") + content(" five"));
    const std::string end = co_await client.read_to_end();
    EXPECT_THAT(end, HasSubstr(" three"));
    EXPECT_THAT(end, Not(HasSubstr(" four")));
    EXPECT_THAT(end, HasSubstr("\"budget_exhausted\""));
    EXPECT_THAT(end, Not(HasSubstr("[DONE]")));
    // The upstream is reset, not read to its end.
    EXPECT_THAT(co_await a.read_to_end(), "");
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "cut");
  EXPECT_EQ(row().basis, "counted");
  EXPECT_EQ(row().charged.input, kPrompt);
  EXPECT_EQ(row().charged.output, 3);
  EXPECT_EQ(relay.registry_account(1).tokens().available(), 0);
  EXPECT_EQ(relay.context.metrics.budget_cutoffs.value(), 1U);
}

TEST_F(ChargeTest, AStreamStopsWhereItsWalletsMoneyEnds) {
  key().user = "alice";
  const auto test = [&]() -> Task<void> {
    relay.registry.find_wallet(1)->balance.add(kPrompt * 1 + 2 * 10 + 9);
    co_await ask_stream();
    co_await a.send(kChunkedHead + content(" one") + content(" two") + content(" three"));
    const std::string end = co_await client.read_to_end();
    EXPECT_THAT(end, HasSubstr(" two"));
    EXPECT_THAT(end, Not(HasSubstr(" three")));
  };
  relay.run(test());
  EXPECT_EQ(row().cost.nanos, kPrompt + 20);
  EXPECT_EQ(relay.registry.find_wallet(1)->balance.available(), 9);
}

TEST_F(ChargeTest, AStreamThatGoesOnPaysItsPromptOnceAndWhatWasDelivered) {
  struct Case {
    config::Resume resume;
    std::string rest;  // of the second upstream
    int64_t output;
    std::string_view basis;
  };
  const auto usage = [](int prompt, int completion) {
    return chunk(
        fmt::format("data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":{},"
                    "\"completion_tokens\":{}}}}}\n\n",
                    prompt, completion));
  };
  const std::string again = content(" one two") + content(" three") + content(" four") + kFinish;
  const std::string rest = content(" three") + content(" four") + kFinish;
  for (const Case& each : {
           Case{config::Resume::kRestart, again + usage(8, 4) + kDone, 4, "reported"},
           Case{config::Resume::kRestart, again + kDone, 4, "counted"},
           // Of an attempt that differs, breaks off or is refused nothing is paid for.
           Case{config::Resume::kRestart, content(" one") + content(" 2"), 2, "counted"},
           // What the second says of its prompt, with the answer's beginning in it, is not due.
           Case{config::Resume::kContinue, rest + usage(30, 2) + kDone, 4, "counted"},
           Case{config::Resume::kContinue, content(" one two") + kFinish + usage(30, 2) + kDone, 4,
                "counted"},
       }) {
    TestRelay other;
    other.config.auth = relay.config.auth;
    other.config.keys = relay.config.keys;
    other.config.models = relay.config.models;
    other.config.routing.resume = each.resume;
    Peer asker(other.loop());
    Peer first(other.loop());
    Peer second(other.loop());
    const auto test = [&]() -> Task<void> {
      co_await other.ask(asker, TestRelay::request(body(R"("stream":true)"), kKey));
      co_await other.take_request(other.up_a, first);
      co_await first.send(kChunkedHead + kRole + content(" one") + content(" two"));
      co_await asker.read_through(" two\"}}]}\n\n\r\n");
      first.reset();
      co_await other.take_request(other.up_b, second);
      co_await second.send(kChunkedHead + kRole + each.rest + kLastChunk);
      co_await asker.read_through(kLastChunk);
    };
    other.run(test());
    ASSERT_EQ(other.ledger.settlements.size(), 1U);
    const store::Settlement& paid = other.ledger.settlements[0];
    EXPECT_EQ(paid.charged.input, kPrompt) << each.rest;
    EXPECT_EQ(paid.charged.output, each.output) << each.rest;
    EXPECT_EQ(paid.basis, each.basis) << each.rest;
    EXPECT_EQ(paid.cost.nanos, kPrompt + each.output * 10);
    EXPECT_EQ(paid.attempts, 2);
    EXPECT_THAT(paid.decision, HasSubstr(R"("delivered":2)"));
  }
}

TEST_F(ChargeTest, ACallThatIsNotStreamedIsSentWithTheLimitThatItsBalanceCovers) {
  key().quota_tokens = kPrompt + 5;
  const auto test = [&]() -> Task<void> {
    co_await ask(body(R"("max_tokens":100)"));
    EXPECT_THAT(request, HasSubstr("\"max_tokens\":5"));
    co_await a.send(whole(5));
    EXPECT_THAT(co_await got(), HasSubstr("200 OK"));
  };
  relay.run(test());
  EXPECT_EQ(row().charged.total(), kPrompt + 5);
  EXPECT_EQ(row().basis, "reported");
  EXPECT_EQ(relay.registry_account(1).tokens().available(), 0);
}

TEST_F(ChargeTest, AReportAboveTheLeaseMakesADebtThatBlocksTheNextCall) {
  key().quota_tokens = kPrompt + 5;
  const auto test = [&]() -> Task<void> {
    co_await ask(body());
    co_await a.send(whole(50));
    EXPECT_THAT(co_await got(), HasSubstr("200 OK"));
    co_await client.send(TestRelay::request(body(), kKey));
    const std::string second = co_await got();
    EXPECT_THAT(second, HasSubstr("HTTP/1.1 429"));
    EXPECT_THAT(second, HasSubstr("\"insufficient_quota\""));
    EXPECT_THAT(second, HasSubstr("x-should-retry: false"));
    EXPECT_THAT(second, Not(HasSubstr("retry-after")));
  };
  relay.run(test());
  EXPECT_EQ(relay.registry_account(1).tokens().available(), -45);
  EXPECT_EQ(relay.ledger.settlements.size(), 1U);
}

TEST_F(ChargeTest, TheTerminalEventWaitsForTheLedgerAndNothingElseDoes) {
  relay.ledger.stuck = true;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    co_await a.send(kChunkedHead + content(" one") + kFinish + kUsage + kDone + kLastChunk);
    const std::string text = co_await client.read_through("\"stop\"}]}\n\n\r\n");
    EXPECT_THAT(text, HasSubstr(" one"));
    while (relay.ledger.waiting.empty()) {
      net::Scope scope(relay.loop());
      co_await net::Sleep(scope, now() + std::chrono::milliseconds(1));
    }
    relay.ledger.release();
    EXPECT_THAT(co_await client.read_through(kLastChunk), HasSubstr("[DONE]"));
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "finished");
  EXPECT_EQ(row().basis, "reported");
}

TEST_F(ChargeTest, ALedgerThatCannotBeWrittenAdmitsNobody) {
  relay.ledger.sound = false;
  const auto test = [&]() -> Task<void> {
    co_await relay.ask(client, TestRelay::request(body(), kKey));
    const std::string answer = co_await got();
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 503"));
    EXPECT_THAT(answer, HasSubstr("\"ledger_unavailable\""));
    EXPECT_THAT(answer, HasSubstr("retry-after: 1"));
  };
  relay.run(test());
  EXPECT_TRUE(relay.ledger.opens.empty());
}

TEST_F(ChargeTest, AClientThatLeavesPaysForWhatItWasSent) {
  key().quota_tokens = 1000;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    co_await a.send(kChunkedHead + content(" one") + content(" two"));
    co_await client.read_through(" two\"}}]}\n\n\r\n");
    client.reset();
    co_await relay.ended.wait(a.scope);
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "client_gone");
  EXPECT_EQ(row().charged.total(), kPrompt + 2);
  EXPECT_EQ(relay.registry_account(1).tokens().available(), 1000 - kPrompt - 2);
}

// Else prompts could be had for nothing, again and again.
TEST_F(ChargeTest, AClientThatLeavesBeforeTheFirstContentPaysForItsPrompt) {
  key().quota_tokens = 1000;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    co_await a.send(kChunkedHead + kRole);
    client.reset();
    co_await relay.ended.wait(a.scope);
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "client_gone");
  EXPECT_EQ(row().basis, "counted");
  EXPECT_EQ(row().charged.input, kPrompt);
  EXPECT_EQ(row().charged.output, 0);
  EXPECT_EQ(relay.registry_account(1).tokens().available(), 1000 - kPrompt);
}

TEST_F(ChargeTest, AClientThatDoesNotWaitForItsWholeAnswerPaysForItsPrompt) {
  key().quota_tokens = 1000;
  // Long enough not to be counted before it is asked for.
  const std::string long_body = fmt::format(
      R"({{"model":"mock","max_tokens":9,"messages":[{{"role":"user","content":"{}"}}]}})",
      std::string(700, ' ') + "hi");
  const auto test = [&]() -> Task<void> {
    co_await ask(long_body);
    client.reset();
    co_await relay.ended.wait(a.scope);
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "client_gone");
  EXPECT_EQ(row().basis, "counted");
  EXPECT_GT(row().charged.input, kPrompt);
  EXPECT_LT(row().charged.input, 100);
  EXPECT_EQ(row().charged.output, 0);
}

TEST_F(ChargeTest, AClientThatLeavesWhenTheUpstreamHasRefusedPaysNothing) {
  key().quota_tokens = 1000;
  relay.config.routing.fallbacks.clear();
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    // Its body does not come to an end.
    co_await a.send("HTTP/1.1 500 x\r\ncontent-length: 100\r\n\r\n{}");
    net::Scope scope(relay.loop());
    co_await net::Sleep(scope, relay.loop().now() + std::chrono::milliseconds(5));
    client.reset();
    co_await relay.ended.wait(a.scope);
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "client_gone");
  EXPECT_EQ(row().charged.total(), 0);
}

TEST_F(ChargeTest, WhatFailsBeforeItsFirstContentCostsNothing) {
  key().quota_tokens = 1000;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    co_await a.send("HTTP/1.1 500 x\r\ncontent-length: 2\r\n\r\n{}");
    co_await relay.take_request(relay.up_b, b);
    co_await b.send("HTTP/1.1 500 x\r\ncontent-length: 2\r\n\r\n{}");
    EXPECT_THAT(co_await got(), HasSubstr("HTTP/1.1 502"));
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "upstream_failed");
  EXPECT_EQ(row().charged.total(), 0);
  EXPECT_EQ(row().attempts, 2);
  EXPECT_THAT(row().decision, HasSubstr(R"("failed":[{"provider":"a")"));
  EXPECT_EQ(relay.registry_account(1).tokens().available(), 1000);
}

TEST_F(ChargeTest, DrainingOnDisconnectChargesWhatTheUpstreamReports) {
  relay.config.routing.drain_on_disconnect = true;
  key().quota_tokens = 1000;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    co_await a.send(kChunkedHead + content(" one"));
    co_await client.read_through(" one\"}}]}\n\n\r\n");
    client.reset();
    co_await a.send(content(" two") + kFinish +
                    chunk("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,"
                          "\"completion_tokens\":77}}\n\n") +
                    kDone + kLastChunk);
    co_await relay.ended.wait(a.scope);
  };
  relay.run(test());
  EXPECT_EQ(row().outcome, "client_gone");
  EXPECT_EQ(row().basis, "reported");
  EXPECT_EQ(row().charged.output, 77);
}

TEST_F(ChargeTest, LimitsAreToldAndRefusedWithATime) {
  key().rpm = 1;
  const auto test = [&]() -> Task<void> {
    co_await ask(body());
    co_await a.send(whole(1));
    const std::string first = co_await got();
    EXPECT_THAT(first, HasSubstr("x-ratelimit-limit-requests: 1\r\n"));
    EXPECT_THAT(first, HasSubstr("x-ratelimit-remaining-requests: 0\r\n"));
    co_await client.send(TestRelay::request(body(), kKey));
    const std::string second = co_await got();
    EXPECT_THAT(second, HasSubstr("HTTP/1.1 429"));
    EXPECT_THAT(second, HasSubstr("\"rate_limit_exceeded\""));
    EXPECT_THAT(second, HasSubstr("retry-after: "));
  };
  relay.run(test());
  const auto hits = static_cast<size_t>(observe::LimitReason::kRequests);
  EXPECT_EQ(relay.context.metrics.limit_hits[hits].value(), 1U);
}

TEST_F(ChargeTest, LongStreamsLeaveMarksInTheLedger) {
  key().quota_tokens = 100'000;
  const auto test = [&]() -> Task<void> {
    co_await ask_stream();
    std::string events = kChunkedHead;
    for (int i = 0; i < 600; ++i) events += content(" one");
    co_await a.send(events + content(" last"));
    co_await client.read_through(" last\"}}]}\n\n\r\n");
    client.reset();
    co_await relay.ended.wait(a.scope);
  };
  relay.run(test());
  EXPECT_EQ(relay.ledger.opens.size(), 1U);
  EXPECT_EQ(relay.ledger.marks, 2);
  EXPECT_EQ(relay.ledger.last_mark.counts.output, 512);
  EXPECT_EQ(row().charged.output, 601);
}

}  // namespace
}  // namespace sluice::relay
