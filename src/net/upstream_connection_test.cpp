#include "net/upstream_connection.hpp"

#include "net/test_certificates.hpp"
#include "net/test_client.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using UpstreamConnectionTest = ClientTest;

TEST_F(UpstreamConnectionTest, SkipsInterimResponses) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    const auto status = co_await exchange(
        *connection, upstream,
        std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n") +
            kOk);
    EXPECT_TRUE(status.has_value());
    EXPECT_EQ(connection->head().status, 200);
    EXPECT_EQ(connection->head().fields.get("link"), "");
    EXPECT_EQ(co_await read_body(*connection), "ok");
    EXPECT_TRUE(connection->reusable());
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, ReadsBodiesOfEveryKindHoweverTheyAreSplit) {
  struct Case {
    std::string answer;
    std::string body;
    bool reusable;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsized", "sized", true},
      {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n",
       "chunked", true},
      {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
      {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", "ok", false},
      {"HTTP/1.0 200 OK\r\n\r\nuntil close", "until close", false},
  };
  const auto body = [&]() -> Task<void> {
    for (const bool bytewise : {false, true}) {
      for (const Case& each : cases) {
        Peer upstream(test.loop);
        auto connection = co_await acquire(true);
        co_await listener.accept(upstream);
        EXPECT_TRUE((co_await connection->send("GET / HTTP/1.1\r\nhost: x\r\n\r\n", {}, scope)));
        co_await upstream.read_through("\r\n\r\n");
        const auto answer = [&]() -> Task<void> {
          if (bytewise) {
            co_await upstream.send_bytewise(each.answer);
          } else {
            co_await upstream.send(each.answer);
          }
          upstream.half_close();
        };
        TaskGroup group;
        group.spawn(answer());
        EXPECT_TRUE((co_await connection->read_head("GET", scope)).has_value()) << each.answer;
        connection->release_head();
        EXPECT_EQ(co_await read_body(*connection), each.body);
        EXPECT_EQ(ended, BodyPiece::kEnd) << each.answer;
        co_await group.empty(scope);
        if (!each.reusable) {
          EXPECT_FALSE(connection->reusable()) << each.answer;
        }
      }
    }
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, TellsATruncatedBodyFromACompleteOne) {
  const char* answers[] = {
      "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n",
  };
  const auto body = [&]() -> Task<void> {
    for (const char* answer : answers) {
      Peer upstream(test.loop);
      auto connection = co_await acquire();
      co_await listener.accept(upstream);
      co_await exchange(*connection, upstream, answer);
      upstream.half_close();
      EXPECT_EQ(co_await read_body(*connection), "part");
      EXPECT_EQ(ended, BodyPiece::kBroken) << answer;
      EXPECT_FALSE(connection->reusable());
    }
    // A body that only the close ends is not complete when the connection is reset.
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    co_await exchange(*connection, upstream, "HTTP/1.1 200 OK\r\n\r\n");
    upstream.reset();
    co_await read_body(*connection);
    EXPECT_EQ(ended, BodyPiece::kBroken);
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, RefusesAMalformedChunk) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    co_await exchange(*connection, upstream,
                      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n");
    EXPECT_EQ(co_await read_body(*connection), "ok");
    EXPECT_EQ(ended, BodyPiece::kBroken);
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, SaysHowThereIsNoHead) {
  const std::pair<const char*, ErrorCode> cases[] = {
      {"", ErrorCode::kConnectionClosed},
      {"HTTP/1.1 200 O", ErrorCode::kProtocol},
      {"SSH-2.0-OpenSSH\r\n", ErrorCode::kProtocol},
      {"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
       ErrorCode::kProtocol},
  };
  const auto body = [&]() -> Task<void> {
    for (const auto& [answer, code] : cases) {
      Peer upstream(test.loop);
      auto connection = co_await acquire();
      co_await listener.accept(upstream);
      EXPECT_TRUE((co_await connection->send("GET / HTTP/1.1\r\nhost: x\r\n\r\n", {}, scope)));
      co_await upstream.read_through("\r\n\r\n");
      co_await upstream.send(answer);
      upstream.close();
      const auto status = co_await connection->read_head("GET", scope);
      EXPECT_FALSE(status.has_value());
      if (!status) {
        EXPECT_EQ(status.error().code, code) << answer;
      }
    }
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    upstream.reset();
    co_await connection->send("GET / HTTP/1.1\r\nhost: x\r\n\r\n", {}, scope);
    const auto status = co_await connection->read_head("GET", scope);
    EXPECT_FALSE(status.has_value());
    if (!status) {
      EXPECT_EQ(status.error().code, ErrorCode::kConnectionClosed);
    }
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, WaitsForHeadAndBodyWithinTheDeadline) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    scope.set_deadline(now() + milliseconds(2));
    const auto late = co_await connection->read_head("GET", scope);
    EXPECT_FALSE(late.has_value());
    if (!late) {
      EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
    }
    scope.clear_deadline();
    co_await exchange(*connection, upstream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart");
    scope.set_deadline(now() + milliseconds(2));
    EXPECT_EQ(co_await read_body(*connection), "part");
    EXPECT_EQ(ended, BodyPiece::kTimeout);
    scope.clear_deadline();
    test.loop.post([&] { scope.cancel(CancelReason::kClientGone); });
    EXPECT_EQ(co_await read_body(*connection), "");
    EXPECT_EQ(ended, BodyPiece::kCancelled);
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, ResetsTheUpstreamWhenItIsGivenUpInTheMiddle) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    co_await exchange(*connection, upstream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart");
    EXPECT_EQ((co_await connection->next(scope)).kind, BodyPiece::kData);
    connection.reset();
    co_await upstream.read_to_end();
    EXPECT_EQ(upstream.ended, Io::kError) << "a reset, and not an end it might write on after";
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, SendsABodyFarLargerThanTheBuffers) {
  std::string large(size_t{16} << 20, 'b');
  large.back() = 'e';
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    const auto send = [&]() -> Task<void> {
      EXPECT_TRUE((co_await connection->send("POST / HTTP/1.1\r\n\r\n", large, scope)).has_value());
    };
    TaskGroup group;
    group.spawn(send());
    EXPECT_EQ(group.size(), 1U);
    co_await upstream.read_through("\r\n\r\n");
    EXPECT_TRUE(co_await upstream.read_bytes(large.size()) == large);
    Scope other(test.loop);
    co_await group.empty(other);
    co_await upstream.send(kOk);
    EXPECT_TRUE((co_await connection->read_head("POST", scope)).has_value());
    EXPECT_EQ(co_await read_body(*connection), "ok");
    EXPECT_TRUE(connection->reusable());
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, SendsALargeBodyUnderTls) {
  const TestCertificates certificates;
  const auto server_tls = *TlsContext::server(certificates.cert_file(), certificates.key_file());
  origin.tls = *TlsContext::client(certificates.ca_file());
  origin.host = "localhost";
  std::string large(size_t{8} << 20, 'b');
  for (size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('a' + i / 1000 % 26);
  const auto serve = [&](Peer& peer) -> Task<void> {
    auto socket = co_await listener.accept_socket();
    auto secured = co_await tls_accept(std::move(socket), server_tls, peer.scope);
    EXPECT_TRUE(secured.has_value());
    peer.stream = std::move(*secured);
    co_await peer.read_through("\r\n\r\n");
    EXPECT_TRUE(co_await peer.read_bytes(large.size()) == large);
    co_await peer.send(kOk);
  };
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    TaskGroup group;
    group.spawn(serve(upstream));
    auto connection = co_await acquire();
    EXPECT_TRUE((co_await connection->send("POST / HTTP/1.1\r\n\r\n", large, scope)).has_value());
    EXPECT_TRUE((co_await connection->read_head("POST", scope)).has_value());
    EXPECT_EQ(co_await read_body(*connection), "ok");
    EXPECT_TRUE(connection->reusable());
    co_await group.empty(scope);
  };
  test.run(body());
}

TEST_F(UpstreamConnectionTest, TakesAnAnswerThatComesBeforeTheRequestIsSent) {
  const std::string large(size_t{16} << 20, 'b');
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    auto connection = co_await acquire();
    co_await listener.accept(upstream);
    const auto answer = [&]() -> Task<void> {
      co_await upstream.read_through("\r\n\r\n");
      co_await upstream.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno");
    };
    TaskGroup group;
    group.spawn(answer());
    // The upstream stays and reads no more: only its answer can end this.
    EXPECT_TRUE((co_await connection->send("POST / HTTP/1.1\r\n\r\n", large, scope)).has_value());
    EXPECT_TRUE((co_await connection->read_head("POST", scope)).has_value());
    EXPECT_EQ(connection->head().status, 413);
    EXPECT_EQ(co_await read_body(*connection), "no");
    EXPECT_EQ(ended, BodyPiece::kEnd);
    EXPECT_FALSE(connection->reusable()) << "the request was cut short";
  };
  test.run(body());
}

}  // namespace
}  // namespace sluice::net
