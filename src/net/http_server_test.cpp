#include "net/http_server.hpp"

#include <sys/resource.h>

#include "net/test_certificates.hpp"
#include "net/test_server.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;

TEST(HttpServer, AnswersRequestsOneAfterTheOther) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    for (int i = 0; i < 3; ++i) {
      co_await client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello");
      const std::string head = co_await client.read_through("\r\n\r\n");
      EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
      EXPECT_EQ(head.find("connection:"), std::string::npos) << head;
      EXPECT_NE(head.find("content-length: 5\r\n"), std::string::npos) << head;
      EXPECT_EQ(co_await client.read_bytes(5), "hello");
    }
    EXPECT_EQ(server.calls, 3);
    EXPECT_EQ(server.peer_seen, "127.0.0.1");
  };
  server.run(body());
}

TEST(HttpServer, ReadsTheSameRequestHoweverItIsSplit) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send_bytewise(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nsized"
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        "3;x=y\r\nchu\r\n4\r\nnked\r\n0\r\nt: v\r\n\r\n"
        "GET /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    co_await client.read_through("\r\n\r\nsized");
    co_await client.read_through("\r\n\r\nchunked");
    const std::string last = co_await client.read_to_end();
    EXPECT_NE(last.find("connection: close\r\n"), std::string::npos) << last;
    EXPECT_EQ(server.calls, 3);
  };
  server.run(body());
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    std::string requests;
    for (int i = 100; i < 200; ++i) {
      requests += fmt::format(
          "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: "
          "chunked\r\n\r\n3\r\n{}\r\n0\r\n\r\n",
          i);
    }
    co_await client.send(requests);
    for (int i = 100; i < 200; ++i) co_await client.read_through(fmt::format("\r\n\r\n{}", i));
    EXPECT_EQ(server.calls, 100);
  };
  server.run(body());
}

TEST(HttpServer, SendsNoBodyToHead) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send(
        "HEAD /text HTTP/1.1\r\nhost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nhost: x\r\n\r\n"
        "GET /text HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const std::string first = co_await client.read_through("\r\n\r\n");
    EXPECT_NE(first.find("content-length: 4\r\n"), std::string::npos);
    const std::string second = co_await client.read_through("\r\n\r\n");
    EXPECT_NE(second.find("transfer-encoding: chunked\r\n"), std::string::npos);
    const std::string rest = co_await client.read_to_end();
    EXPECT_TRUE(rest.starts_with("HTTP/1.1 200 OK\r\n")) << rest;
    EXPECT_TRUE(rest.ends_with("\r\n\r\ntext")) << rest;
  };
  server.run(body());
}

TEST(HttpServer, SpeaksToHttp10Clients) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer kept(server.loop());
    co_await kept.connect(server.port());
    co_await kept.send("GET /text HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    const std::string head = co_await kept.read_through("\r\n\r\n");
    EXPECT_NE(head.find("connection: keep-alive\r\n"), std::string::npos) << head;
    EXPECT_EQ(co_await kept.read_bytes(4), "text");
    // A stream has no chunks for such a client: it ends with the connection.
    co_await kept.send("GET /stream HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    const std::string streamed = co_await kept.read_to_end();
    EXPECT_EQ(streamed.find("transfer-encoding"), std::string::npos) << streamed;
    EXPECT_TRUE(streamed.ends_with("\r\n\r\nonetwothree")) << streamed;
    EXPECT_EQ(kept.ended, Io::kEnd);

    Peer once(server.loop());
    co_await once.connect(server.port());
    co_await once.send("GET /text HTTP/1.0\r\n\r\n");
    EXPECT_TRUE((co_await once.read_to_end()).ends_with("\r\n\r\ntext"));
  };
  server.run(body());
}

struct Refusal {
  const char* name;
  std::string request;
  int status;
};

class RefusedRequest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedRequest, IsAnsweredAndTheConnectionClosed) {
  TestServer server;
  const Refusal& refusal = GetParam();
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    // What is smuggled behind must not be served.
    co_await client.send(refusal.request + "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n");
    const std::string answer = co_await client.read_to_end();
    EXPECT_TRUE(answer.starts_with(fmt::format("HTTP/1.1 {} ", refusal.status))) << answer;
    EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1", 8), std::string::npos) << "one answer only: " << answer;
    EXPECT_EQ(client.ended, Io::kEnd) << "readable to its end";
    EXPECT_FALSE(server.saw_path("/smuggled"));
  };
  server.run(body());
}

std::string post_with(const std::string& fields, const std::string& body = {}) {
  return "POST /echo HTTP/1.1\r\nhost: x\r\n" + fields + "\r\n" + body;
}

INSTANTIATE_TEST_SUITE_P(
    Strictly, RefusedRequest,
    testing::Values(
        Refusal{"NotHttp", "\x16\x03\x01 hello\r\n\r\n", 400},
        Refusal{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        Refusal{"TwoHosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400},
        Refusal{"AbsoluteForm", "GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", 400},
        Refusal{"BareLf", "GET / HTTP/1.1\nhost: a\n\n", 400},
        Refusal{"FoldedLine", "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n y\r\n\r\n", 400},
        Refusal{"SpaceBeforeColon", post_with("content-length : 3\r\n", "abc"), 400},
        Refusal{"LengthAndChunked",
                post_with("content-length: 4\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"), 400},
        Refusal{"ChunkedAndLength",
                post_with("transfer-encoding: chunked\r\ncontent-length: 4\r\n", "0\r\n\r\n"), 400},
        Refusal{"TwoLengths", post_with("content-length: 3\r\ncontent-length: 4\r\n", "abc"), 400},
        Refusal{"TwoEqualLengths", post_with("content-length: 3\r\ncontent-length: 3\r\n", "abc"),
                400},
        Refusal{"ListOfLengths", post_with("content-length: 3, 3\r\n", "abc"), 400},
        Refusal{"SignedLength", post_with("content-length: +3\r\n", "abc"), 400},
        Refusal{"NegativeLength", post_with("content-length: -1\r\n"), 400},
        Refusal{"OverflowingLength", post_with("content-length: 18446744073709551619\r\n", "abc"),
                400},
        Refusal{"UnknownCoding", post_with("transfer-encoding: xchunked\r\n", "0\r\n\r\n"), 400},
        Refusal{"ChunkedTwice", post_with("transfer-encoding: chunked, chunked\r\n", "0\r\n\r\n"),
                400},
        Refusal{
            "TwoCodings",
            post_with("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", "0\r\n\r\n"),
            400},
        Refusal{"ChunkedInHttp10", "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                400},
        Refusal{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Refusal{"Connect", "CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n", 501},
        Refusal{"BadChunkSize",
                post_with("transfer-encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), 400},
        Refusal{"ChunkLongerThanItsSize",
                post_with("transfer-encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), 400},
        Refusal{"BareLfBehindChunkSize",
                post_with("transfer-encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"), 400},
        Refusal{"HeadTooLong",
                "GET / HTTP/1.1\r\nhost: x\r\nx: " + std::string(5000, 'a') + "\r\n\r\n", 431},
        Refusal{"TargetTooLong", "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nhost: x\r\n\r\n",
                414},
        Refusal{"BodyTooLarge", post_with("content-length: 5000\r\n", std::string(5000, 'a')), 413},
        Refusal{"ChunkedBodyTooLarge",
                post_with("transfer-encoding: chunked\r\n",
                          "1388\r\n" + std::string(5000, 'a') + "\r\n0\r\n\r\n"),
                413}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(HttpServer, LetsAClientReadARefusalWhoseBodyIsStillOnTheWay) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    // Far more than the socket buffers hold: the client is still sending when it is refused.
    co_await client.send(post_with("content-length: 33554432\r\n"));
    co_await client.send(std::string(size_t{32} << 20, 'a'));
    const std::string answer = co_await client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    EXPECT_EQ(client.ended, Io::kEnd);
  };
  server.run(body());
}

TEST(HttpServer, AnswersASlowHeadWith408) {
  HttpServerLimits limits;
  limits.head_arrival = milliseconds(5);
  TestServer server(limits);
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET / HTTP/1.1\r\nhost:");
    const std::string answer = co_await client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
    EXPECT_EQ(server.calls, 0);
  };
  server.run(body());
}

TEST(HttpServer, GivesThePipelinedStartOfAHeadNoMoreTimeThanAnyOther) {
  HttpServerLimits limits;
  limits.head_arrival = milliseconds(5);
  limits.idle = std::chrono::hours(1);
  TestServer server(limits);
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\nGET /te");
    co_await client.read_through("\r\n\r\ntext");
    EXPECT_TRUE((co_await client.read_to_end()).starts_with("HTTP/1.1 408 "));
  };
  server.run(body());
}

TEST(HttpServer, AnswersASlowBodyWith408) {
  HttpServerLimits limits;
  limits.body_pause = milliseconds(5);
  TestServer server(limits);
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send(post_with("content-length: 5\r\n", "abc"));
    EXPECT_TRUE((co_await client.read_to_end()).starts_with("HTTP/1.1 408 "));
  };
  server.run(body());
}

TEST(HttpServer, ClosesAnIdleConnectionSilently) {
  HttpServerLimits limits;
  limits.idle = milliseconds(5);
  TestServer server(limits);
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await client.read_through("\r\n\r\ntext");
    EXPECT_EQ(co_await client.read_to_end(), "");
    EXPECT_EQ(client.ended, Io::kEnd);
  };
  server.run(body());
}

TEST(HttpServer, CountsConnectionsThatAreOpenIdleOnesToo) {
  TestServer server;
  observe::Gauge open;
  server.http.count_in(open);
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await client.read_through("\r\n\r\ntext");
    EXPECT_EQ(open.value(), 1);
    server.http.stop_accepting();
    co_await client.read_to_end();
    EXPECT_EQ(open.value(), 0);
  };
  server.run(body());
}

TEST(HttpServer, ClosesIdleConnectionsAtOnceWhenItDrains) {
  HttpServerLimits limits;
  limits.drain_grace = std::chrono::hours(1);
  TestServer server(limits);
  const auto body = [&]() -> Task<void> {
    Peer idle(server.loop());
    co_await idle.connect(server.port());
    co_await idle.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await idle.read_through("\r\n\r\ntext");
    server.http.stop_accepting();
    EXPECT_EQ(co_await idle.read_to_end(), "");
    Scope scope(server.loop());
    EXPECT_EQ(co_await server.http.drained(scope), Outcome::kReady);
  };
  server.run(body());
}

TEST(HttpServer, ServesTheFirstRequestOfAConnectionThatWasQueuedWhenItDrains) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    server.http.stop_accepting();
    co_await client.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    const std::string answer = co_await client.read_to_end();
    EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\ntext")) << answer;
  };
  server.run(body());
}

TEST(HttpServer, GivesUpANewConnectionWithoutARequestWhenItDrains) {
  HttpServerLimits limits;
  limits.drain_grace = milliseconds(5);
  TestServer server(limits);
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    server.http.stop_accepting();
    EXPECT_EQ(co_await client.read_to_end(), "");
    Scope scope(server.loop());
    EXPECT_EQ(co_await server.http.drained(scope), Outcome::kReady);
  };
  server.run(body());
}

TEST(HttpServer, FinishesARunningRequestAndSaysThatItClosesWhenItDrains) {
  TestServer server;
  Event go;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    co_await go.wait(call.scope());
    co_await call.respond(200, {}, "done");
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await server.called.wait(client.scope);
    server.http.stop_accepting();
    go.set();
    const std::string answer = co_await client.read_to_end();
    EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\ndone")) << answer;
    client.close();
    Scope scope(server.loop());
    EXPECT_EQ(co_await server.http.drained(scope), Outcome::kReady);
  };
  server.run(body());
}

TEST(HttpServer, RefusesNewConnectionsOnceItHasStopped) {
  TestServer server;
  const auto body = [&]() -> Task<void> {
    server.http.stop_accepting();
    Scope scope(server.loop());
    const std::vector<Address> addresses{*parse_address("127.0.0.1", server.port())};
    const auto socket = co_await connect_to(addresses, scope);
    EXPECT_FALSE(socket.has_value());
  };
  server.run(body());
}

TEST(HttpServer, LetsACancelledRequestWriteAProperEnd) {
  TestServer server;
  Event never;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    call.begin_stream(200, {});
    call.push("begun ");
    EXPECT_EQ(co_await never.wait(call.scope()), Outcome::kCancelled);
    EXPECT_EQ(call.scope().reason(), CancelReason::kDraining);
    call.scope().forgive();
    call.push("ended", true);
    EXPECT_TRUE((co_await call.flush()).has_value());
  };
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await client.read_through("begun \r\n");
    server.http.stop_accepting();
    server.http.cancel_all(CancelReason::kDraining);
    EXPECT_EQ(co_await client.read_to_end(), "5\r\nended\r\n0\r\n\r\n");
    EXPECT_EQ(client.ended, Io::kEnd);
  };
  server.run(body());
}

TEST(HttpServer, AcceptsAgainWhenThereAreDescriptorsAgain) {
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer itself needs descriptors to check a vptr";
#endif
  TestServer server;
  const auto body = [&]() -> Task<void> {
    rlimit before{};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = dup(STDERR_FILENO);
    ::close(next);
    // Room for the client's socket, and none for the server's.
    const rlimit scarce{.rlim_cur = static_cast<rlim_t>(next) + 1, .rlim_max = before.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &scarce), 0);
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    Scope scope(server.loop());
    co_await Sleep(scope, now() + milliseconds(5));
    EXPECT_EQ(server.http.connections(), 0U);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    co_await client.read_through("\r\n\r\ntext");
  };
  server.run(body());
}

TEST(HttpServer, SpeaksTls) {
  const TestCertificates certificates;
  TestServer server;
  server.http.use_tls(*TlsContext::server(certificates.cert_file(), certificates.key_file()));
  const auto client_tls = *TlsContext::client(certificates.ca_file());
  const auto body = [&]() -> Task<void> {
    Peer client(server.loop());
    co_await client.connect(server.port());
    co_await client.secure(client_tls);
    co_await client.send_bytewise("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await client.read_through("\r\n\r\ntext");
    co_await client.send("GET /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const std::string streamed = co_await client.read_to_end();
    EXPECT_TRUE(streamed.ends_with("5\r\nthree\r\n0\r\n\r\n")) << streamed;
    EXPECT_EQ(client.ended, Io::kEnd) << "with TLS's own end";

    Peer plain(server.loop());
    co_await plain.connect(server.port());
    co_await plain.send("GET /text HTTP/1.1\r\nhost: x\r\n\r\n");
    const std::string answer = co_await plain.read_to_end();
    EXPECT_EQ(answer.find("text"), std::string::npos);
  };
  server.run(body());
}

TEST(HttpServer, KeepsServingWhenAHandlerThrows) {
  TestServer server;
  server.on_call = [&](HttpCall& call) -> Task<void> {
    if (call.head().path() == "/throw") throw std::runtime_error("handler");
    co_await call.respond(200, {}, "fine");
  };
  const auto body = [&]() -> Task<void> {
    Peer unlucky(server.loop());
    co_await unlucky.connect(server.port());
    co_await unlucky.send("GET /throw HTTP/1.1\r\nhost: x\r\n\r\n");
    EXPECT_EQ(co_await unlucky.read_to_end(), "");
    Peer lucky(server.loop());
    co_await lucky.connect(server.port());
    co_await lucky.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    co_await lucky.read_through("\r\n\r\nfine");
  };
  server.run(body());
}

}  // namespace
}  // namespace sluice::net
