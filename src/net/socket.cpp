#include "net/socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/descriptor.hpp"

namespace sluice::net {

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
  }
  return text;
}

uint16_t Address::port() const {
  if (storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
}

Result<Address> parse_address(const std::string& host, uint16_t port) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.length = sizeof v4;
    return address;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.length = sizeof v6;
    return address;
  }
  return fail(ErrorCode::kResolve, fmt::format("\"{}\" is not an IP address", host));
}

Result<int> listen_on(const std::string& host, uint16_t port) {
  const auto address = parse_address(host == "localhost" ? "127.0.0.1" : host, port);
  if (!address) return std::unexpected(address.error());
  const int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto refused = [&](const char* what) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return fail(ErrorCode::kIo,
                fmt::format("cannot {} {}:{}: {}", what, host, port, std::strerror(error)));
  };
  if (fd < 0) return refused("open a socket for");
  const int on = 1;
  const int off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // Inherited by what accept returns: one system call less a connection.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (address->storage.ss_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->length) != 0) {
    return refused("listen on");
  }
  if (listen(fd, 4096) != 0) return refused("listen on");
  return fd;
}

uint16_t local_port(int fd) {
  Address address;
  address.length = sizeof address.storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  return address.port();
}

namespace {

// Done when the kernel has a verdict: an error, or a peer.
class ConnectAwaiter final : private IoWaiter {
 public:
  ConnectAwaiter(Descriptor& descriptor, Scope& scope) : IoWaiter(scope), descriptor_(descriptor) {}
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    if (!begin(handle)) return false;
    descriptor_.wait_write(this);
    return true;
  }
  /// errno of the attempt when the outcome is kReady.
  std::pair<Outcome, int> await_resume() const { return {outcome(), error_}; }

 private:
  // A fresh socket reports EPOLLHUP before it is connecting; that is no verdict yet.
  bool attempt() override {
    socklen_t length = sizeof error_;
    getsockopt(descriptor_.fd(), SOL_SOCKET, SO_ERROR, &error_, &length);
    if (error_ != 0) return true;
    sockaddr_storage peer{};
    length = sizeof peer;
    return getpeername(descriptor_.fd(), reinterpret_cast<sockaddr*>(&peer), &length) == 0;
  }
  void unhook() override { descriptor_.forget(this); }

  Descriptor& descriptor_;
  int error_ = 0;
};

Task<Result<std::unique_ptr<Descriptor>>> connect_one(const Address& address, Scope& scope) {
  const auto unreachable = [&](int error) {
    return fail(ErrorCode::kUpstreamUnreachable,
                fmt::format("{}:{}: {}", address.host(), address.port(), std::strerror(error)));
  };
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return unreachable(errno);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 &&
      errno != EINPROGRESS) {
    const int error = errno;
    close(fd);
    co_return unreachable(error);
  }
  auto descriptor = std::make_unique<Descriptor>(scope.loop(), fd);
  const auto [outcome, error] = co_await ConnectAwaiter(*descriptor, scope);
  if (outcome == Outcome::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
  if (outcome == Outcome::kTimeout) {
    co_return fail(ErrorCode::kTimeout,
                   fmt::format("{}:{}: connecting timed out", address.host(), address.port()));
  }
  if (error != 0) co_return unreachable(error);
  co_return descriptor;
}

}  // namespace

Task<Result<std::unique_ptr<Descriptor>>> connect_to(const std::vector<Address>& addresses,
                                                     Scope& scope) {
  const TimePoint deadline = scope.deadline();
  Result<std::unique_ptr<Descriptor>> last =
      fail(ErrorCode::kUpstreamUnreachable, "no address to connect to");
  for (size_t i = 0; i < addresses.size(); ++i) {
    const auto left = static_cast<int64_t>(addresses.size() - i);
    if (deadline != TimePoint::max() && left > 1) {
      const TimePoint now = sluice::now();
      scope.set_deadline(now + (deadline - now) / left);
    } else {
      scope.set_deadline(deadline);
    }
    last = co_await connect_one(addresses[i], scope);
    if (last || last.error().code == ErrorCode::kClientGone) break;
  }
  scope.set_deadline(deadline);
  co_return last;
}

}  // namespace sluice::net
