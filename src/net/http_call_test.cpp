#include "net/http_call.hpp"

#include "net/test_certificates.hpp"
#include "net/test_server.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;

TEST(HttpCall, AsksForTheBodyOfAClientThatWaitsToBeAsked) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send(
        "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    EXPECT_EQ(co_await client.read_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    co_await client.send("body");
    co_await client.read_through("\r\n\r\nbody");
  };
  server.run(body());
}

TEST(HttpCall, DoesNotAskForABodyThatIsThereOrTooLarge) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send(
        "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nbody");
    EXPECT_TRUE((co_await client.read_through("\r\n\r\nbody")).starts_with("HTTP/1.1 200 "));
    co_await client.send(
        "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4000\r\n\r\n");
    EXPECT_TRUE((co_await client.read_to_end()).starts_with("HTTP/1.1 413 "));
  };
  server.run(body());
}

TEST(HttpCall, IsCancelledAtOnceWhenTheClientResets) {
  TestServer server;
  std::string order;
  Event ended;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    Event never;
    EXPECT_EQ(co_await never.wait(call.scope()), Outcome::kCancelled);
    EXPECT_EQ(call.scope().reason(), CancelReason::kClientGone);
    order += "handler ";
    ended.set();
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await server.called.wait(client.scope);
    client.reset();
    // A timer that is due already fires in the next round: the handler must be first.
    Scope scope(server.loop());
    scope.set_deadline(server.loop().now() + std::chrono::nanoseconds(1));
    Event never;
    co_await never.wait(scope);
    order += "timer";
    scope.clear_deadline();
    co_await ended.wait(scope);
    EXPECT_EQ(order, "handler timer");
  };
  server.run(body());
}

TEST(HttpCall, IsCancelledWhenTheClientClosesWithPipelinedBytesUnread) {
  TestServer server;
  Event ended;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    Event never;
    EXPECT_EQ(co_await never.wait(call.scope()), Outcome::kCancelled);
    ended.set();
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await server.called.wait(client.scope);
    co_await client.send("GET /next HTTP/1.1\r\nhost: x\r\n\r\n" + std::string(50'000, 'x'));
    client.close();
    Scope scope(server.loop());
    co_await ended.wait(scope);
    co_await Sleep(scope, now() + milliseconds(2));
    EXPECT_EQ(server.calls, 1) << "nobody is there for the second";
  };
  server.run(body());
}

TEST(HttpCall, IsCancelledInTheMiddleOfItsBody) {
  TestServer server;
  Event ended;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    const auto got = co_await call.read_body(1000);
    EXPECT_FALSE(got.has_value());
    if (!got) {
      EXPECT_EQ(got.error().code, ErrorCode::kClientGone);
    }
    EXPECT_TRUE(call.scope().cancelled());
    ended.set();
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\npart");
    client.close();
    Scope scope(server.loop());
    co_await ended.wait(scope);
  };
  server.run(body());
}

/// Pushes until the client's side is full; returns how many bytes that took.
size_t push_until_full(HttpCall& call, std::string_view chunk) {
  size_t pushed = 0;
  while (call.push(chunk)) pushed += chunk.size();
  return pushed + chunk.size();
}

TEST(HttpCall, StopsPushingAtAClientThatDoesNotReadAndGoesOnWhenItDoes) {
  TestServer server;
  const std::string chunk(64 * 1024, 'c');
  size_t pushed = 0;
  Event full;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    call.begin_stream(200, {});
    pushed = push_until_full(call, chunk);
    full.set();
    EXPECT_TRUE((co_await call.flush()).has_value());
    EXPECT_TRUE(call.push("after", true));
    EXPECT_TRUE(call.finished());
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await full.wait(client.scope);
    EXPECT_LT(pushed, size_t{64} << 20) << "bounded by what the kernel buffers";
    co_await client.read_through("\r\n\r\n");
    const std::string framed = "10000\r\n" + chunk + "\r\n";
    for (size_t got = 0; got < pushed; got += chunk.size()) {
      EXPECT_TRUE(co_await client.read_bytes(framed.size()) == framed) << "at " << got;
    }
    EXPECT_EQ(co_await client.read_through("0\r\n\r\n"), "5\r\nafter\r\n0\r\n\r\n");
  };
  server.run(body());
}

TEST(HttpCall, LosesNothingUnderTlsWhenItPushesAtAFullSocket) {
  const TestCertificates certificates;
  TestServer server;
  server.http.use_tls(*TlsContext::server(certificates.cert_file(), certificates.key_file()));
  const auto client_tls = *TlsContext::client(certificates.ca_file());
  // Of sizes below and above that of a TLS record, so that records break anywhere.
  std::string sent;
  Event full;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    call.begin_stream(200, {});
    size_t size = 1;
    const auto push_one = [&] {
      const std::string chunk(size, static_cast<char>('a' + size % 26));
      size = size * 3 % 40'009;
      sent += chunk;
      return call.push(chunk);
    };
    while (push_one()) {
    }
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(push_one());
    full.set();
    EXPECT_TRUE((co_await call.flush()).has_value());
    push_one();
    call.push({}, true);
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.secure(client_tls);
    co_await client.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    co_await full.wait(client.scope);
    co_await client.read_through("\r\n\r\n");
    const std::string framed = co_await client.read_to_end();
    http::BodyDecoder decoder(http::Framing::kChunked, 0);
    std::string_view input = framed;
    std::string got;
    for (auto step = decoder.next(input); step.kind == http::BodyDecoder::kData;
         step = decoder.next(input)) {
      got += step.data;
    }
    EXPECT_TRUE(decoder.done());
    EXPECT_TRUE(got == sent);
  };
  server.run(body());
}

TEST(HttpCall, GivesUpAClientThatTakesNothing) {
  HttpServerLimits limits;
  limits.write_stall = milliseconds(5);
  TestServer server(limits);
  Event ended;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    const Status sent = co_await call.respond(200, {}, std::string(size_t{32} << 20, 'c'));
    EXPECT_FALSE(sent.has_value());
    if (!sent) {
      EXPECT_EQ(sent.error().code, ErrorCode::kTimeout);
    }
    EXPECT_FALSE(call.finished());
    ended.set();
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await ended.wait(client.scope);
    co_await client.read_to_end();
    EXPECT_EQ(client.ended, Io::kError) << "a cut response ends with a reset";
  };
  server.run(body());
}

TEST(HttpCall, KeepsWhatACancellationLeftUnsent) {
  TestServer server;
  const std::string chunk(64 * 1024, 'c');
  size_t pushed = 0;
  Event full;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    call.begin_stream(200, {});
    pushed = push_until_full(call, chunk);
    full.set();
    EXPECT_FALSE((co_await call.flush()).has_value());
    EXPECT_EQ(call.scope().reason(), CancelReason::kDraining);
    call.scope().forgive();
    EXPECT_FALSE(call.push("last words", true)) << "still behind what waits";
    EXPECT_TRUE((co_await call.flush()).has_value());
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await full.wait(client.scope);
    server.http.cancel_all(CancelReason::kDraining);
    co_await client.read_through("\r\n\r\n");
    const std::string framed = "10000\r\n" + chunk + "\r\n";
    for (size_t got = 0; got < pushed; got += chunk.size()) {
      EXPECT_TRUE(co_await client.read_bytes(framed.size()) == framed) << "at " << got;
    }
    co_await client.read_through("a\r\nlast words\r\n0\r\n\r\n");
  };
  server.run(body());
}

TEST(HttpCall, SendsAllThatWasPushedBeforeTheNextRequestIsServed) {
  TestServer server;
  const std::string chunk(64 * 1024, 'c');
  size_t pushed = 0;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    call.begin_stream(200, {});
    if (call.head().path() == "/first") pushed = push_until_full(call, chunk);
    call.push("end", true);  // and returns without a flush
    co_return;
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send(
        "GET /first HTTP/1.1\r\nhost: x\r\n\r\nGET /second HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await client.read_through("\r\n\r\n");
    const std::string framed = "10000\r\n" + chunk + "\r\n";
    co_await client.read_bytes(framed.size());
    for (size_t got = chunk.size(); got < pushed; got += chunk.size()) {
      EXPECT_TRUE(co_await client.read_bytes(framed.size()) == framed) << "at " << got;
    }
    EXPECT_EQ(co_await client.read_through("0\r\n\r\n"), "3\r\nend\r\n0\r\n\r\n");
    EXPECT_TRUE((co_await client.read_through("\r\n\r\n")).starts_with("HTTP/1.1 200 "));
    co_await client.read_through("3\r\nend\r\n0\r\n\r\n");
  };
  server.run(body());
}

TEST(HttpCall, ResetsAStreamThatIsCutShort) {
  TestServer server;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    call.begin_stream(200, {});
    call.push("part");
    Scope& scope = call.scope();
    co_await Sleep(scope, call.loop().now() + milliseconds(2));
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_TRUE((co_await client.read_to_end()).ends_with("part"));
    EXPECT_EQ(client.ended, Io::kError) << "an orderly end would pass for the end of the body";
  };
  server.run(body());
}

TEST(HttpCall, SendsNoBodyWithAStatusThatHasNone) {
  TestServer server;
  server.on_call = [&](HttpCall& call) -> Task<void> { co_await call.respond(204, {}, "ignored"); };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    for (int i = 0; i < 2; ++i) {
      co_await client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      const std::string head = co_await client.read_through("\r\n\r\n");
      EXPECT_TRUE(head.starts_with("HTTP/1.1 204 No Content\r\n")) << head;
      EXPECT_EQ(head.find("content-length"), std::string::npos) << head;
    }
  };
  server.run(body());
}

TEST(HttpCall, ClosesAConnectionWhoseBodyNobodyRead) {
  TestServer server;
  server.on_call = [&](HttpCall& call) -> Task<void> { co_await call.respond(401, {}, "no"); };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\n");
    const std::string answer = co_await client.read_to_end();
    EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
    EXPECT_EQ(server.calls, 1);
  };
  server.run(body());
}

TEST(HttpCall, StaysReadableAfterItsHeadWasReleased) {
  TestServer server;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    const auto got = co_await call.read_body(1000);
    call.release_head();
    EXPECT_TRUE(call.head().path().empty());
    co_await call.respond(200, {}, *got);
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    for (int i = 0; i < 2; ++i) {
      co_await client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nkept");
      co_await client.read_through("\r\n\r\nkept");
    }
  };
  server.run(body());
}

}  // namespace
}  // namespace sluice::net
