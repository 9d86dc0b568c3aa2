#include "net/socket.hpp"

#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;

Address loopback(uint16_t port) { return *parse_address("127.0.0.1", port); }

/// A port on which nobody listens.
uint16_t closed_port() {
  const auto fd = listen_on("127.0.0.1", 0);
  const uint16_t port = local_port(*fd);
  close(*fd);
  return port;
}

/// A listening socket that nobody accepts from, with its queue full: the kernel drops what comes.
class FullListener {
 public:
  FullListener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const Address any = loopback(0);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&any.storage), any.length), 0);
    EXPECT_EQ(listen(fd_, 0), 0);
    const Address self = loopback(local_port(fd_));
    for (int& client : clients_) {
      client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      // Begun only; whether it will ever be through is the point.
      EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&self.storage), self.length), -1);
    }
  }
  ~FullListener() {
    for (const int client : clients_) close(client);
    close(fd_);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  Address address() const { return loopback(local_port(fd_)); }

 private:
  int fd_;
  int clients_[4] = {};
};

TEST(Address, ParsesBothFamiliesAndNoNames) {
  const auto v4 = parse_address("192.0.2.1", 80);
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->host(), "192.0.2.1");
  EXPECT_EQ(v4->port(), 80);
  const auto v6 = parse_address("2001:db8::1", 443);
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->host(), "2001:db8::1");
  EXPECT_EQ(v6->port(), 443);
  EXPECT_EQ(parse_address("::ffff:192.0.2.1", 1)->host(), "192.0.2.1");
  for (const char* bad : {"", "localhost", "1.2.3", "1.2.3.4.5", "[::1]", "::g"}) {
    EXPECT_FALSE(parse_address(bad, 1).has_value()) << bad;
  }
}

TEST(ListenOn, LetsSeveralListenOnOnePort) {
  const auto first = listen_on("localhost", 0);
  ASSERT_TRUE(first.has_value());
  const auto second = listen_on("127.0.0.1", local_port(*first));
  EXPECT_TRUE(second.has_value());
  close(*first);
  if (second) close(*second);
}

TEST(ListenOn, SaysWhatItCannotListenOn) {
  const auto elsewhere = listen_on("192.0.2.1", 8080);
  ASSERT_FALSE(elsewhere.has_value());
  EXPECT_NE(elsewhere.error().message.find("192.0.2.1:8080"), std::string::npos);
  EXPECT_FALSE(listen_on("example.com", 0).has_value());
}

TEST(ConnectTo, SaysWhoRefused) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    const std::vector<Address> addresses{loopback(closed_port())};
    const auto socket = co_await connect_to(addresses, scope);
    EXPECT_FALSE(socket.has_value());
    if (socket) co_return;
    EXPECT_EQ(socket.error().code, ErrorCode::kUpstreamUnreachable);
    EXPECT_NE(socket.error().message.find("127.0.0.1:"), std::string::npos);
    const std::vector<Address> none;
    EXPECT_FALSE((co_await connect_to(none, scope)).has_value());
  };
  test.run(body());
}

TEST(ConnectTo, TriesTheNextAddress) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    TestListener listener(test.loop);
    const std::vector<Address> addresses{loopback(closed_port()), loopback(listener.port())};
    const auto socket = co_await connect_to(addresses, scope);
    EXPECT_TRUE(socket.has_value());
  };
  test.run(body());
}

TEST(ConnectTo, EndsAtTheDeadlineWhenNobodyAnswers) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    const FullListener full;
    const std::vector<Address> addresses{full.address()};
    const TimePoint deadline = now() + milliseconds(20);
    scope.set_deadline(deadline);
    const auto socket = co_await connect_to(addresses, scope);
    EXPECT_FALSE(socket.has_value());
    if (socket) co_return;
    EXPECT_EQ(socket.error().code, ErrorCode::kTimeout);
    EXPECT_EQ(scope.deadline(), deadline);
  };
  test.run(body());
}

TEST(ConnectTo, GivesASilentAddressOnlyItsShareOfTheTime) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    const FullListener full;
    TestListener listener(test.loop);
    const std::vector<Address> addresses{full.address(), loopback(listener.port())};
    const TimePoint deadline = now() + milliseconds(200);
    scope.set_deadline(deadline);
    const auto socket = co_await connect_to(addresses, scope);
    EXPECT_TRUE(socket.has_value());
    EXPECT_EQ(scope.deadline(), deadline);
  };
  test.run(body());
}

TEST(ConnectTo, EndsWhenItIsCancelled) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Scope scope(test.loop);
    const FullListener full;
    // Cancelled means the end: the second address is not tried.
    TestListener listener(test.loop);
    const std::vector<Address> addresses{full.address(), loopback(listener.port())};
    test.loop.post([&] { scope.cancel(CancelReason::kClientGone); });
    const auto socket = co_await connect_to(addresses, scope);
    EXPECT_FALSE(socket.has_value());
    if (!socket) {
      EXPECT_EQ(socket.error().code, ErrorCode::kClientGone);
    }
  };
  test.run(body());
}

}  // namespace
}  // namespace sluice::net
