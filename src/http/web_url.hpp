// URLs of documents in the web, as clients and redirects name them (RFC 3986, http and https).
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/url.hpp"

namespace sluice::http {

struct WebUrl {
  Url origin;          // without a path
  std::string target;  // path and query as a request line takes them, printable ASCII

  std::string to_string() const;
};

/// Longer ones are refused.
inline constexpr size_t kMaxWebUrl = 8192;

/// The fragment is cut off, what a request line cannot hold is percent-encoded. kInvalidRequest
/// for user information, control characters, other schemes, and hosts that some would take for an
/// IPv4 address and others would not: octal, hexadecimal, fewer than four numbers.
Result<WebUrl> parse_web_url(std::string_view text);

/// `reference` as it stands in a document at `base` (RFC 3986, section 5.2), of a Location field.
Result<WebUrl> resolve_reference(const WebUrl& base, std::string_view reference);

}  // namespace sluice::http
