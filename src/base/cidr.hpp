// Addresses and networks. An IPv4 address that came as ::ffff:a.b.c.d is the IPv4 address.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sluice {

class IpAddress {
 public:
  /// An address alone: dotted quad, or IPv6 with or without brackets. No port, no zone, no
  /// leading zeros.
  static std::optional<IpAddress> parse(std::string_view text);

  /// As above, and with a port after it: 10.0.0.1:80, [::1]:80.
  static std::optional<IpAddress> parse_with_port(std::string_view text);

  static IpAddress v4(std::span<const uint8_t, 4> bytes);

  bool is_v4() const { return v4_; }
  /// In network order: 4 of IPv4, 16 of IPv6.
  std::span<const uint8_t> bytes() const { return std::span(bytes_).first(v4_ ? 4 : 16); }
  bool operator==(const IpAddress&) const = default;
  std::string to_string() const;

 private:
  friend class Cidr;
  std::array<uint8_t, 16> bytes_{};  // IPv4 in the first four
  bool v4_ = true;
};

class Cidr {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or an address alone. Bits beyond the prefix are ignored.
  /// kConfig when it is none of these.
  static Result<Cidr> parse(std::string_view text);

  /// An IPv6 network holds IPv4 addresses only when it is written inside ::ffff:0:0/96.
  bool contains(const IpAddress& address) const;
  std::string to_string() const;

 private:
  IpAddress network_;
  uint8_t bits_ = 0;
};

/// A list of networks as the configuration gives it; kConfig names the first bad entry.
Result<std::vector<Cidr>> parse_cidrs(std::span<const std::string> list);

bool contains(std::span<const Cidr> networks, const IpAddress& address);

}  // namespace sluice
