#include "net/http_client.hpp"

#include "net/test_certificates.hpp"
#include "net/test_client.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using HttpClientTest = ClientTest;

TEST_F(HttpClientTest, UsesAConnectionAgain) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    EXPECT_FALSE(co_await serve_one(upstream));
    EXPECT_EQ(client.idle(), 1U);
    EXPECT_TRUE(co_await serve_one(upstream));
    EXPECT_TRUE(co_await serve_one(upstream));
    EXPECT_EQ(client.idle(), 1U);
    Peer second(test.loop);
    const auto fresh = co_await acquire(true);
    co_await listener.accept(second);
    EXPECT_FALSE(fresh->reused());
    EXPECT_EQ(client.idle(), 1U);
  };
  test.run(body());
}

TEST_F(HttpClientTest, DropsAnIdleConnectionThatThePeerClosesOrResets) {
  const auto body = [&]() -> Task<void> {
    for (const bool reset : {false, true}) {
      Peer upstream(test.loop);
      EXPECT_FALSE(co_await serve_one(upstream));
      reset ? upstream.reset() : upstream.close();
      co_await next_round();
      EXPECT_EQ(client.idle(), 0U);
    }
  };
  test.run(body());
}

TEST_F(HttpClientTest, DropsAnIdleConnectionOnWhichBytesComeUnasked) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    co_await serve_one(upstream);
    co_await upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong");
    co_await next_round();
    EXPECT_EQ(client.idle(), 0U);
    EXPECT_EQ(co_await upstream.read_to_end(), "");
  };
  test.run(body());
}

TEST_F(HttpClientTest, DoesNotKeepAConnectionOnWhichBytesCameBehindTheResponse) {
  const auto body = [&]() -> Task<void> {
    // With the response in one segment, and in one of its own just before the release.
    for (const bool later : {false, true}) {
      Peer upstream(test.loop);
      auto connection = co_await acquire();
      co_await listener.accept(upstream);
      const std::string stray = "HTTP/1.1 200 OK\r\n\r\n";
      co_await exchange(*connection, upstream, kOk + (later ? "" : stray));
      EXPECT_EQ(co_await read_body(*connection), "ok");
      if (later) {
        co_await upstream.send(stray);
        connection->reusable();
        co_await next_round();
      }
      client.release(origin, std::move(connection));
      EXPECT_EQ(client.idle(), 0U);
    }
  };
  test.run(body());
}

TEST_F(HttpClientTest, DropsAnIdleConnectionWhenItsTimeIsOver) {
  origin.idle_timeout = milliseconds(3);
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    co_await serve_one(upstream);
    EXPECT_EQ(client.idle(), 1U);
    EXPECT_EQ(co_await upstream.read_to_end(), "");
    EXPECT_EQ(client.idle(), 0U);
  };
  test.run(body());
}

TEST_F(HttpClientTest, KeepsNoMoreIdleConnectionsThanAllowed) {
  origin.max_idle_per_host = 1;
  const auto body = [&]() -> Task<void> {
    Peer first(test.loop);
    Peer second(test.loop);
    auto one = co_await acquire();
    co_await listener.accept(first);
    auto two = co_await acquire();
    co_await listener.accept(second);
    co_await exchange(*one, first, kOk);
    co_await exchange(*two, second, kOk);
    co_await read_body(*one);
    co_await read_body(*two);
    client.release(origin, std::move(one));
    client.release(origin, std::move(two));
    EXPECT_EQ(client.idle(), 1U);
    EXPECT_EQ(co_await second.read_to_end(), "");
    EXPECT_EQ(second.ended, Io::kEnd) << "complete, so no reset";
  };
  test.run(body());
}

TEST_F(HttpClientTest, KeepsConnectionsOfDifferentOriginsApart) {
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    co_await serve_one(upstream);
    origin.pool_key = "another";
    Peer other(test.loop);
    const auto connection = co_await acquire();
    co_await listener.accept(other);
    EXPECT_FALSE(connection->reused());
  };
  test.run(body());
}

TEST_F(HttpClientTest, SaysThatAnUpstreamIsUnreachable) {
  listener.close();
  const auto body = [&]() -> Task<void> {
    const TimePoint deadline = now() + std::chrono::hours(1);
    scope.set_deadline(deadline);
    auto refused = co_await client.acquire(origin, false, scope);
    EXPECT_FALSE(refused.has_value());
    if (!refused) {
      EXPECT_EQ(refused.error().code, ErrorCode::kUpstreamUnreachable);
    }
    EXPECT_EQ(scope.deadline(), deadline) << "the caller's own deadline stands";
    origin.host = "no such name";
    auto unknown = co_await client.acquire(origin, false, scope);
    EXPECT_FALSE(unknown.has_value());
    if (!unknown) {
      EXPECT_EQ(unknown.error().code, ErrorCode::kResolve);
    }
  };
  test.run(body());
}

TEST_F(HttpClientTest, GivesUpAHandshakeThatNobodyAnswersAtTheConnectTimeout) {
  origin.tls = *TlsContext::client("");
  origin.connect_timeout = milliseconds(5);
  const auto body = [&]() -> Task<void> {
    auto silent = co_await client.acquire(origin, false, scope);
    EXPECT_FALSE(silent.has_value());
    if (!silent) {
      EXPECT_EQ(silent.error().code, ErrorCode::kTimeout);
    }
    EXPECT_EQ(scope.deadline(), TimePoint::max());
  };
  test.run(body());
}

TEST_F(HttpClientTest, TellsHowFarANewConnectionCame) {
  const auto body = [&]() -> Task<void> {
    const TimePoint never{};
    ConnectSteps whole;
    const auto connection = co_await client.acquire(origin, true, scope, &whole);
    EXPECT_TRUE(connection.has_value());
    EXPECT_LE(whole.begun, whole.resolved);
    EXPECT_LE(whole.resolved, whole.connected);
    EXPECT_NE(whole.begun, never);
    EXPECT_EQ(whole.tunnelled, never);
    EXPECT_EQ(whole.secured, never);
    listener.close();
    ConnectSteps refused;
    EXPECT_FALSE((co_await client.acquire(origin, true, scope, &refused)).has_value());
    EXPECT_NE(refused.resolved, never);
    EXPECT_EQ(refused.connected, never);
    origin.host = "no such name";
    ConnectSteps unknown;
    EXPECT_FALSE((co_await client.acquire(origin, true, scope, &unknown)).has_value());
    EXPECT_NE(unknown.begun, never);
    EXPECT_EQ(unknown.resolved, never);
  };
  test.run(body());
}

TEST_F(HttpClientTest, SpeaksTlsThroughAProxy) {
  const TestCertificates certificates;
  const auto server_tls = *TlsContext::server(certificates.cert_file(), certificates.key_file());
  origin.tls = *TlsContext::client(certificates.ca_file());
  origin.host = "localhost";
  origin.port = 8443;
  origin.proxy = Origin::Proxy{"127.0.0.1", listener.port()};
  const auto proxy_and_upstream = [&](Peer& peer) -> Task<void> {
    co_await listener.accept(peer);
    EXPECT_EQ(co_await peer.read_through("\r\n\r\n"),
              "CONNECT localhost:8443 HTTP/1.1\r\nhost: localhost:8443\r\n\r\n");
    co_await peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
    auto secured = co_await tls_accept(peer.stream->take_descriptor(), server_tls, peer.scope);
    EXPECT_TRUE(secured.has_value());
    peer.stream = std::move(*secured);
  };
  const auto body = [&]() -> Task<void> {
    Peer upstream(test.loop);
    TaskGroup group;
    group.spawn(proxy_and_upstream(upstream));
    auto connection = co_await acquire();
    co_await group.empty(scope);
    EXPECT_TRUE((co_await exchange(*connection, upstream, kOk)).has_value());
    EXPECT_EQ(co_await read_body(*connection), "ok");
    client.release(origin, std::move(connection));
    EXPECT_EQ(client.idle(), 1U) << "session tickets are not content";
    EXPECT_TRUE(co_await serve_one(upstream));
    upstream.close();
    co_await next_round();
    EXPECT_EQ(client.idle(), 0U);
  };
  test.run(body());
}

TEST_F(HttpClientTest, SaysWhatAProxyRefused) {
  origin.tls = *TlsContext::client("");
  origin.host = "::1";
  origin.proxy = Origin::Proxy{"127.0.0.1", listener.port()};
  for (const char* answer :
       {"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "nonsense\r\n\r\n"}) {
    const auto proxy = [&](Peer& peer) -> Task<void> {
      co_await listener.accept(peer);
      EXPECT_TRUE((co_await peer.read_through("\r\n\r\n")).starts_with("CONNECT [::1]:"));
      co_await peer.send(answer);
      co_await peer.read_to_end();
    };
    const auto body = [&]() -> Task<void> {
      Peer peer(test.loop);
      TaskGroup group;
      group.spawn(proxy(peer));
      auto refused = co_await client.acquire(origin, false, scope);
      EXPECT_FALSE(refused.has_value());
      if (!refused) {
        EXPECT_EQ(refused.error().code, ErrorCode::kUpstreamUnreachable);
      }
      co_await group.empty(scope);
    };
    test.run(body());
  }
}

}  // namespace
}  // namespace sluice::net
