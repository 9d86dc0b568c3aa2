// Which addresses belong to the Internet and not to somebody's own network.
#pragma once

#include "base/cidr.hpp"

namespace sluice::net {

/// True for global unicast addresses alone. False for what IANA's registries of special purpose
/// addresses (RFC 6890 and its updates) keep from the Internet: private, shared, link-local,
/// loopback, multicast, documentation, benchmarks, reserved. An IPv6 address that carries an IPv4
/// one (NAT64, 6to4, Teredo) is as public as what it carries; IPv4-compatible ones never are.
bool is_public(const IpAddress& address);

}  // namespace sluice::net
