// A client's side of HTTP on a test's loop, with a scripted upstream on the same loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "net/http_client.hpp"
#include "net/test_peer.hpp"

namespace sluice::net {

/// A client on a loop, and a scripted upstream on the same loop.
class ClientTest : public testing::Test {
 protected:
  ClientTest() : listener(test.loop), scope(test.loop), pool(1), client(test.loop, pool) {
    origin.host = "127.0.0.1";
    origin.port = listener.port();
    origin.pool_key = "upstream";
  }

  using Connection = std::unique_ptr<UpstreamConnection>;

  Task<Connection> acquire(bool fresh = false) {
    auto got = co_await client.acquire(origin, fresh, scope);
    EXPECT_TRUE(got.has_value()) << (got ? "" : got.error().message);
    co_return got ? std::move(*got) : nullptr;
  }
  /// Sends a request and reads the head of what `upstream` answers.
  Task<Status> exchange(UpstreamConnection& connection, Peer& upstream, std::string answer,
                        std::string method = "GET") {
    EXPECT_TRUE((co_await connection.send(method + kRequest, {}, scope)).has_value());
    co_await upstream.read_through("\r\n\r\n");
    co_await upstream.send(std::move(answer));
    co_return co_await connection.read_head(method, scope);
  }
  /// The rest of the body, and how it ended.
  Task<std::string> read_body(UpstreamConnection& connection) {
    std::string body;
    for (;;) {
      const BodyPiece piece = co_await connection.next(scope);
      ended = piece.kind;
      if (piece.kind != BodyPiece::kData) co_return body;
      body += piece.data;
    }
  }
  /// One complete exchange on a connection of the pool, which goes back into it.
  Task<bool> serve_one(Peer& upstream) {
    auto connection = co_await acquire();
    if (!upstream.stream) co_await listener.accept(upstream);
    EXPECT_TRUE((co_await exchange(*connection, upstream, kOk)).has_value());
    EXPECT_EQ(co_await read_body(*connection), "ok");
    const bool reused = connection->reused();
    client.release(origin, std::move(connection));
    co_return reused;
  }
  /// Lets the loop see what has arrived meanwhile.
  Task<void> next_round() {
    Scope other(test.loop);
    co_await Sleep(other, now() + std::chrono::milliseconds(1));
  }

  static constexpr const char* kRequest = " / HTTP/1.1\r\nhost: x\r\n\r\n";
  static constexpr const char* kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

  TestLoop test;
  TestListener listener;
  Scope scope;
  Origin origin;
  BlockingPool pool;
  HttpClient client;
  BodyPiece::Kind ended = BodyPiece::kNone;
};

}  // namespace sluice::net
