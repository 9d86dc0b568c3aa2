#include "accounts/client_address.hpp"

#include <optional>

#include "base/text.hpp"

namespace sluice::accounts {

IpAddress client_address(const IpAddress& peer, std::string_view forwarded_for,
                         std::span<const Cidr> trusted_proxies) {
  IpAddress client = peer;
  while (contains(trusted_proxies, client) && !forwarded_for.empty()) {
    const size_t comma = forwarded_for.rfind(',');
    const std::string_view last =
        trim(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    forwarded_for =
        comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
    const std::optional<IpAddress> hop = IpAddress::parse_with_port(last);
    if (!hop) break;
    client = *hop;
  }
  return client;
}

}  // namespace sluice::accounts
