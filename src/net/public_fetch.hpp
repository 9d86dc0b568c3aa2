// Fetches a document from the Internet for somebody who must not reach the gateway's own network
// by it: the host is resolved once, every address of it is judged, and the connection goes to
// these addresses and no others. Each redirect begins again at the first of these steps.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cidr.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/resolver.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"
#include "net/tls.hpp"

namespace sluice::net {

struct FetchPolicy {
  /// Networks that are asked although they are not public, and at any port; all others at 80 and
  /// 443 alone.
  std::vector<Cidr> allow;
  size_t max_size = size_t{10} << 20;           // bytes of a document
  Duration timeout = std::chrono::seconds(10);  // of one fetch, from the name to the last byte
  TlsContextPtr tls;                            // null: https is refused
};

/// Whether a server there may be asked at all.
bool may_ask(const FetchPolicy& policy, const Address& address);

/// Resolver::resolve(), or what a test has in its place. Called once for each host.
using Resolve =
    std::function<Task<Result<Addresses>>(std::string host, uint16_t port, Scope& scope)>;

struct Fetched {
  std::string media_type;  // as told, lower case, without parameters
  std::string body;
};

/// GETs `url` without cookies or credentials, over at most three redirects. `accept` is static
/// text as of an Accept field, "image/png, text/*"; other types are refused. The scope's deadline
/// is replaced by the end of the policy's time. kInvalidRequest says to whoever sent the URL what
/// is wrong with it; what lies at private addresses it does not tell: refused, without an address
/// and unreachable are one and the same. kClientGone when the scope is cancelled.
Task<Result<Fetched>> fetch_public(const FetchPolicy& policy, const Resolve& resolve,
                                   std::string url, std::string_view accept, Scope& scope);

}  // namespace sluice::net
