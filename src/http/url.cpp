#include "http/url.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.hpp"

namespace sluice::http {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = to_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool valid_escapes(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (text.size() - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
      return false;
    i += 2;
  }
  return true;
}

// A name that a resolver can be asked for: letters, digits, '-', '_' and dots between them.
bool valid_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.') return false;
  char before = '.';
  for (const char c : host) {
    if (!is_alnum(c) && c != '-' && c != '_' && c != '.') return false;
    if (c == '.' && before == '.') return false;
    before = c;
  }
  return true;
}

bool valid_ipv6(const std::string& host) {
  in6_addr address;
  // inet_pton() would stop at a NUL.
  return host.find('\0') == std::string::npos && inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// RFC 3986 section 3.3: pchar and what else `more` names.
bool valid_path(std::string_view path, std::string_view more = "/") {
  return std::ranges::all_of(path, [more](char c) {
    return is_alnum(c) || std::string_view("-._~!$&'()*+,;=:@%").contains(c) || more.contains(c);
  });
}

std::string decode_form(std::string_view text, bool& good) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  auto decoded = percent_decode(spaced);
  good = good && decoded.has_value();
  return good ? *std::move(decoded) : std::string();
}

}  // namespace

std::string Url::host_header() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string header = ipv6 ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) header += ":" + std::to_string(port);
  return header;
}

Result<Url> parse_url(std::string_view text) {
  const auto bad = [](std::string_view what) {
    return fail(ErrorCode::kInvalidRequest, "invalid URL: " + std::string(what));
  };
  Url url;
  if (istarts_with(text, "https://")) {
    url.tls = true;
    url.port = 443;
    text.remove_prefix(8);
  } else if (istarts_with(text, "http://")) {
    text.remove_prefix(7);
  } else {
    return bad("it must begin with http:// or https://");
  }

  const size_t authority_end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  std::string_view path = text.substr(authority_end);
  if (authority.find('@') != std::string_view::npos) return bad("user information is not accepted");
  if (path.find_first_of("?#") != std::string_view::npos)
    return bad("a query or a fragment is not accepted");

  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad("an IPv6 address needs a closing bracket");
    url.host = to_lower(authority.substr(1, close - 1));
    if (!valid_ipv6(url.host)) return bad("not an IPv6 address in the brackets");
    port = authority.substr(close + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':') return bad("invalid host");
    if (has_port) port.remove_prefix(1);
  } else {
    const size_t colon = authority.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = authority.substr(colon + 1);
    url.host = to_lower(authority.substr(0, colon));
    if (url.host.empty()) return bad("no host");
    if (!valid_name(url.host)) return bad("invalid host");
  }
  if (has_port) {
    const auto number = parse_u64(port);
    if (!number || *number == 0 || *number > 65535) return bad("invalid port");
    url.port = static_cast<uint16_t>(*number);
  }

  if (!valid_path(path)) return bad("invalid character in the path");
  if (!valid_escapes(path)) return bad("invalid percent escape");
  while (path.ends_with('/')) path.remove_suffix(1);
  url.path = path;
  return url;
}

Result<Url> parse_request_url(std::string_view text) {
  const size_t mark = std::min(text.find('?'), text.size());
  const std::string_view query = text.substr(mark);
  auto url = parse_url(text.substr(0, mark));
  if (!url) return url;
  if (!valid_path(query, "/?") || !valid_escapes(query)) {
    return fail(ErrorCode::kInvalidRequest, "invalid URL: invalid character in the query");
  }
  // A slash at the end may mean something there.
  const std::string_view before = text.substr(0, mark);
  const size_t path = before.find('/', before.find("//") + 2);
  url->path = path == std::string_view::npos ? "/" : before.substr(path);
  url->path += query;
  return url;
}

std::optional<std::string> percent_decode(std::string_view text) {
  if (!valid_escapes(text)) return std::nullopt;
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      c = static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      if (c == '\0') return std::nullopt;
      i += 2;
    }
    decoded += c;
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    bool good = equals > 0;
    std::string name = decode_form(pair.substr(0, equals), good);
    std::string value = decode_form(pair.substr(std::min(equals + 1, pair.size())), good);
    if (good) pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

}  // namespace sluice::http
