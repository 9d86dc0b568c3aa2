// The URLs that Sluice itself uses: upstream base addresses and proxies (RFC 3986, http and
// https only), and percent-decoding of request targets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sluice::http {

struct Url {
  bool tls = false;    // https
  std::string host;    // name or address; an IPv6 address without its brackets, lower case
  uint16_t port = 80;  // 443 by default for https
  std::string path;    // without query; no trailing slash; empty for the root

  /// Value of a Host field: the port only when it is not the scheme's own; IPv6 in brackets.
  std::string host_header() const;
};

/// Accepts http://host[:port][/path] and https://...; refuses user information, queries,
/// fragments, empty hosts, control characters and other schemes.
Result<Url> parse_url(std::string_view text);

/// The same of an address that is called as it stands: a query is taken too. `path` then is the
/// whole target of the request, "/a/?b=c", and never empty.
Result<Url> parse_request_url(std::string_view text);

/// Percent-decodes; nullopt on a bad escape or a decoded NUL. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);

/// The same back: everything but letters, digits and "-._~" as %XX, so that the result is one
/// segment of a path or one value of a query.
std::string percent_encode(std::string_view text);

/// Name and value of each `name=value` of a query, decoded ('+' is a space); bad pairs are
/// skipped.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace sluice::http
