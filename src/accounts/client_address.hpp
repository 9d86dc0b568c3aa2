// Who calls through proxies.
#pragma once

#include <span>
#include <string_view>

#include "base/cidr.hpp"

namespace sluice::accounts {

/// Who really calls. `peer` is the connection's other end and `forwarded_for` the value of all
/// X-Forwarded-For headers joined by commas. Goes from the right over trusted proxies to the
/// first address that is none; stops at what is no address, since nothing left of it can be
/// believed.
IpAddress client_address(const IpAddress& peer, std::string_view forwarded_for,
                         std::span<const Cidr> trusted_proxies);

}  // namespace sluice::accounts
