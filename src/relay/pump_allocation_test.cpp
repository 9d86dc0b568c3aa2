#include <malloc.h>
#include <sys/socket.h>

#include <array>
#include <deque>

#include "base/counting_allocator.hpp"
#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;

/// Relays `event` a thousand times on a running stream, one wake-up each. The test's own part
/// does not allocate, so all that is counted is the relay's. `mark` is a part of what the client
/// gets for the event, which otherwise is the event itself.
uint64_t allocations_of_a_thousand(TestRelay& relay, const std::string& preamble,
                                   const std::string& event, std::string_view mark = {}) {
  uint64_t counted = ~uint64_t{0};
  const auto body = [&]() -> Task<void> {
    Peer client(relay.loop());
    Peer upstream(relay.loop());
    co_await relay.ask_stream(client);
    co_await relay.take_request(relay.up_a, upstream);
    co_await upstream.send(std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n" + preamble +
                           event);
    const std::string first =
        mark.empty() ? event.substr(event.find("\r\n") + 2) : std::string(mark);
    co_await client.read_through(first);

    std::array<char, 4096> buffer;
    const int fd = upstream.stream->descriptor().fd();
    uint64_t before = 0;
    for (int i = 0; i < 1100; ++i) {
      if (i == 100) before = sluice::testing::allocations();
      EXPECT_EQ(::send(fd, event.data(), event.size(), 0), static_cast<ssize_t>(event.size()));
      size_t got = 0;
      for (bool whole = false; !whole;) {
        const net::Io io =
            co_await client.stream->read(client.scope, std::span(buffer).subspan(got));
        EXPECT_TRUE(io.ok());
        if (!io.ok()) co_return;
        got += io.bytes;
        const std::string_view text(buffer.data(), got);
        whole = mark.empty() ? got >= event.size() : text.contains(mark) && text.ends_with("\r\n");
      }
    }
    counted = sluice::testing::allocations() - before;
    client.reset();
    co_await relay.ended.wait(client.scope);
  };
  relay.run(body());
  return counted;
}

TEST(PumpAllocation, IsNoneForAnEventOfAnOpenAiStream) {
  TestRelay relay;
  EXPECT_EQ(allocations_of_a_thousand(relay, kRole, content("token")), 0U);
}

TEST(PumpAllocation, IsNoneForAnEventOfAnAnthropicStream) {
  TestRelay relay;
  relay.endpoint = dialect::Endpoint::kMessages;
  relay.config.providers[0].type = config::ProviderType::kAnthropic;
  const std::string start = chunk(
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","
      "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n");
  const std::string delta = chunk(
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
      "\"delta\":{\"type\":\"text_delta\",\"text\":\"token\"}}\n\n");
  EXPECT_EQ(allocations_of_a_thousand(relay, start, delta), 0U);
}

TEST(PumpAllocation, IsOnlyWhatIsKeptOfAnAnthropicStreamThatBecomesOpenAis) {
  TestRelay relay;
  relay.config.providers[0].type = config::ProviderType::kAnthropic;
  const std::string start =
      chunk(
          "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","
          "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n") +
      chunk(
          "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
          "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
  const std::string delta = chunk(
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
      "\"delta\":{\"type\":\"text_delta\",\"text\":\"token\"}}\n\n");
  EXPECT_EQ(allocations_of_a_thousand(relay, start, delta, "\"token\""), 0U);
}

TEST(PumpAllocation, IsNoneForAnEventOfAnOpenAiStreamThatBecomesAnthropics) {
  TestRelay relay;
  relay.endpoint = dialect::Endpoint::kMessages;
  relay.config.providers[0].type = config::ProviderType::kOpenAi;
  EXPECT_EQ(allocations_of_a_thousand(relay, kRole, content("token"), "\"token\""), 0U);
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST(PumpAllocation, HoldsLittleForALiveStreamWhoseUpstreamHasCountedItsPrompt) {
  TestRelay relay;
  relay.endpoint = dialect::Endpoint::kMessages;
  relay.config.providers[0].type = config::ProviderType::kAnthropic;
  const std::string start = chunk(
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","
      "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n");
  const std::string delta = chunk(
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
      "\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n");
  std::deque<Peer> peers;
  const std::string prompt(50'000, 'x');
  std::array<char, 64 * 1024> buffer;
  size_t held = 0;
  const auto stream = [&]() -> Task<void> {
    Peer& client = peers.emplace_back(relay.loop());
    Peer& upstream = peers.emplace_back(relay.loop());
    co_await relay.ask(
        client, TestRelay::request(R"({"model":"m","stream":true,"max_tokens":9,"messages":["x)" +
                                   prompt + R"("]})"));
    co_await relay.up_a.accept(upstream);
    for (size_t got = 0; got < prompt.size();) {
      const net::Io io = co_await upstream.stream->read(upstream.scope, buffer);
      got += io.bytes;
    }
    co_await upstream.send(std::string(kSseHead) + "transfer-encoding: chunked\r\n\r\n" + start +
                           delta);
    co_await client.read_through("\"x\"}}\n\n\r\n");
  };
  const auto body = [&]() -> Task<void> {
    constexpr size_t kStreams = 128;  // whole slabs of the live board
    for (size_t i = 0; i < kStreams; ++i) co_await stream();
    const size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < kStreams; ++i) co_await stream();
    held = (mallinfo2().uordblks - before) / kStreams;
    for (Peer& peer : peers) peer.reset();
  };
  relay.run(body());
  // The test's own two ends are in it, and a build without optimisation has larger frames.
  EXPECT_LT(held, 12U * 1024);
  EXPECT_GT(held, 1024U);
}
#endif

}  // namespace
}  // namespace sluice::relay
