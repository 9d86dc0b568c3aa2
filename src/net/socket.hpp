// TCP sockets: addresses, listening, connecting.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "net/descriptor.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"

namespace sluice::net {

/// An IPv4 or IPv6 address with its port.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// Without the port; IPv4-mapped IPv6 addresses as IPv4.
  std::string host() const;
  uint16_t port() const;
};

/// Parses a numeric address; fails on names.
Result<Address> parse_address(const std::string& host, uint16_t port);

/// A non-blocking listening socket with SO_REUSEPORT, so that every loop (and another process of
/// the same user) has its own queue on the same port. `host` is numeric or "localhost".
Result<int> listen_on(const std::string& host, uint16_t port);

/// The port a socket is bound to.
uint16_t local_port(int fd);

/// Connects to the first of `addresses` that answers, trying each in turn within the scope's
/// deadline (an unresponsive one gets its share of the time). TCP_NODELAY is set.
/// kUpstreamUnreachable, kTimeout or kClientGone. `addresses` outlives the call.
Task<Result<std::unique_ptr<Descriptor>>> connect_to(const std::vector<Address>& addresses,
                                                     Scope& scope);

}  // namespace sluice::net
