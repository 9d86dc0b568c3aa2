#include "base/cidr.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace sluice {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/// inet_pton wants a terminated string, and no address is longer than this.
bool to_network(int family, std::string_view text, void* out) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  // A NUL inside would end the text early.
  return std::strlen(buffer) == text.size() && inet_pton(family, buffer, out) == 1;
}

bool port_or_nothing(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  const std::optional<uint64_t> port = parse_u64(text.substr(1));
  return port && *port <= 65535;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  }
  IpAddress out;
  if (to_network(AF_INET, text, out.bytes_.data())) return out;
  if (!to_network(AF_INET6, text, out.bytes_.data())) return std::nullopt;
  out.v4_ = std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), out.bytes_.begin());
  if (out.v4_) {
    std::copy(out.bytes_.begin() + 12, out.bytes_.end(), out.bytes_.begin());
    std::fill(out.bytes_.begin() + 4, out.bytes_.end(), uint8_t{0});
  }
  return out;
}

std::optional<IpAddress> IpAddress::parse_with_port(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || !port_or_nothing(text.substr(close + 1))) {
      return std::nullopt;
    }
    return parse(text.substr(0, close + 1));
  }
  // With two colons it is IPv6 without brackets, which cannot have a port.
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    if (!port_or_nothing(text.substr(colon))) return std::nullopt;
    text = text.substr(0, colon);
  }
  return parse(text);
}

IpAddress IpAddress::v4(std::span<const uint8_t, 4> bytes) {
  IpAddress out;
  std::ranges::copy(bytes, out.bytes_.begin());
  return out;
}

std::string IpAddress::to_string() const {
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return buffer;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kConfig, fmt::format("\"{}\" is no address or network (CIDR)", text));
  };
  const size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const std::optional<IpAddress> address = IpAddress::parse(address_text);
  if (!address) return bad();

  // The prefix of ::ffff:10.0.0.0/104 counts the 96 bits in front.
  const bool mapped = address->v4_ && address_text.find(':') != std::string_view::npos;
  const unsigned offset = mapped ? 96 : 0;
  const unsigned width = address->v4_ ? 32 : 128;
  Cidr out;
  out.network_ = *address;
  out.bits_ = static_cast<uint8_t>(width);
  if (slash != std::string_view::npos) {
    const std::optional<uint64_t> bits = parse_u64(text.substr(slash + 1));
    if (!bits || *bits < offset || *bits > offset + width) return bad();
    out.bits_ = static_cast<uint8_t>(*bits - offset);
  }
  for (size_t i = 0; i < out.network_.bytes_.size(); ++i) {
    const size_t first = i * 8;
    if (first >= out.bits_) {
      out.network_.bytes_[i] = 0;
    } else if (out.bits_ - first < 8) {
      out.network_.bytes_[i] &= static_cast<uint8_t>(0xFF00U >> (out.bits_ - first));
    }
  }
  return out;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.v4_ != network_.v4_) return false;
  const size_t whole = bits_ / 8U;
  if (!std::equal(network_.bytes_.begin(), network_.bytes_.begin() + whole,
                  address.bytes_.begin())) {
    return false;
  }
  const unsigned rest = bits_ % 8U;
  if (rest == 0) return true;
  const unsigned mask = 0xFF00U >> rest & 0xFFU;
  return (address.bytes_[whole] & mask) == network_.bytes_[whole];
}

std::string Cidr::to_string() const { return fmt::format("{}/{}", network_.to_string(), bits_); }

Result<std::vector<Cidr>> parse_cidrs(std::span<const std::string> list) {
  std::vector<Cidr> out;
  out.reserve(list.size());
  for (const std::string& text : list) {
    Result<Cidr> cidr = Cidr::parse(text);
    if (!cidr) return std::unexpected(std::move(cidr.error()));
    out.push_back(*cidr);
  }
  return out;
}

bool contains(std::span<const Cidr> networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Cidr& network) { return network.contains(address); });
}

}  // namespace sluice
