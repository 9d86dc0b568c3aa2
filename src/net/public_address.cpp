#include "net/public_address.hpp"

#include <array>
#include <span>
#include <string>
#include <vector>

namespace sluice::net {
namespace {

const std::vector<Cidr>& special_v4() {
  static const std::vector<Cidr> kNetworks = [] {
    const auto list = std::to_array<std::string>({
        "0.0.0.0/8",        // this network
        "10.0.0.0/8",       // private
        "100.64.0.0/10",    // shared behind a carrier's NAT
        "127.0.0.0/8",      // loopback
        "169.254.0.0/16",   // link-local, where clouds keep their metadata
        "172.16.0.0/12",    // private
        "192.0.0.0/24",     // protocol assignments
        "192.0.2.0/24",     // documentation
        "192.88.99.0/24",   // 6to4 relays
        "192.168.0.0/16",   // private
        "198.18.0.0/15",    // benchmarks
        "198.51.100.0/24",  // documentation
        "203.0.113.0/24",   // documentation
        "224.0.0.0/4",      // multicast
        "240.0.0.0/4",      // reserved, and broadcast
    });
    return parse_cidrs(list).value();
  }();
  return kNetworks;
}

/// Of the global unicast space, 2000::/3.
const std::vector<Cidr>& special_v6() {
  static const std::vector<Cidr> kNetworks = [] {
    const auto list = std::to_array<std::string>({
        "2001::/23",      // protocol assignments, Teredo among them
        "2001:db8::/32",  // documentation
        "3fff::/20",      // documentation
    });
    return parse_cidrs(list).value();
  }();
  return kNetworks;
}

Cidr network(std::string_view text) { return Cidr::parse(text).value(); }

bool carries_public(std::span<const uint8_t> bytes, uint8_t mask = 0) {
  std::array<uint8_t, 4> v4;
  for (size_t i = 0; i < v4.size(); ++i) v4[i] = bytes[i] ^ mask;
  return is_public(IpAddress::v4(v4));
}

}  // namespace

bool is_public(const IpAddress& address) {
  if (address.is_v4()) return !contains(special_v4(), address);
  static const Cidr kNat64 = network("64:ff9b::/96");   // RFC 6052
  static const Cidr kSixToFour = network("2002::/16");  // RFC 3056
  static const Cidr kTeredo = network("2001::/32");     // RFC 4380
  static const Cidr kGlobal = network("2000::/3");
  const auto bytes = address.bytes();
  if (kNat64.contains(address)) return carries_public(bytes.subspan(12));
  if (kSixToFour.contains(address)) return carries_public(bytes.subspan(2));
  // The server's address, and the client's with its bits turned over.
  if (kTeredo.contains(address)) {
    return carries_public(bytes.subspan(4)) && carries_public(bytes.subspan(12), 0xFF);
  }
  return kGlobal.contains(address) && !contains(special_v6(), address);
}

}  // namespace sluice::net
