#include "http/web_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/cidr.hpp"
#include "base/text.hpp"

namespace sluice::http {
namespace {

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("invalid URL: {}", what));
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string_view without_fragment(std::string_view text) { return text.substr(0, text.find('#')); }

std::string scheme_and_host(const Url& origin) {
  return (origin.tls ? "https://" : "http://") + origin.host_header();
}

/// The URL Standard's test for a host that means an IPv4 address to somebody: its last label is a
/// number. getaddrinfo() takes 0x7f.1, 0177.0.0.1 and 2130706433 for 127.0.0.1.
bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  const auto all = [](std::string_view text, std::string_view digits) {
    return text.find_first_not_of(digits) == std::string_view::npos;
  };
  if (last.starts_with("0x")) return all(last.substr(2), "0123456789abcdef");
  return !last.empty() && all(last, "0123456789");
}

/// What browsers do with characters that have no place in a path or a query.
std::string encode_target(std::string_view text) {
  constexpr std::string_view kUnsafe = " \"<>\\^`{|}";
  std::string out;
  out.reserve(text.size() + 1);
  if (!text.starts_with('/')) out += '/';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x7F && !kUnsafe.contains(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

/// RFC 3986, section 5.2.4, of a path that begins with a slash.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  std::string_view rest = path.substr(1);
  for (bool more = true; more;) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    more = slash != std::string_view::npos;
    if (more) rest.remove_prefix(slash + 1);
    const bool dots = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!dots) kept.push_back(segment);
    // A name of dots at the end stands for a folder.
    if (dots && !more) kept.emplace_back();
  }
  return fmt::format("/{}", fmt::join(kept, "/"));
}

/// The reference begins with a scheme of its own.
bool is_absolute(std::string_view reference) {
  const size_t end = reference.find_first_of(":/?#");
  return end != std::string_view::npos && reference[end] == ':';
}

}  // namespace

std::string WebUrl::to_string() const { return scheme_and_host(origin) + target; }

Result<WebUrl> parse_web_url(std::string_view text) {
  if (text.size() > kMaxWebUrl) return bad("it is too long");
  if (std::ranges::any_of(text, is_control)) return bad("control characters are not accepted");
  const size_t scheme = text.find("://");
  const size_t host = scheme == std::string_view::npos ? text.size() : scheme + 3;
  const size_t end = std::min(text.find_first_of("/?#", host), text.size());
  auto origin = parse_url(text.substr(0, end));
  if (!origin) return std::unexpected(std::move(origin.error()));
  const bool numeric = ends_in_number(origin->host) && !origin->host.contains(':');
  if (numeric && !IpAddress::parse(origin->host)) {
    return bad("an IPv4 address must be four decimal numbers");
  }
  std::string target = encode_target(without_fragment(text.substr(end)));
  return WebUrl{.origin = std::move(*origin), .target = std::move(target)};
}

Result<WebUrl> resolve_reference(const WebUrl& base, std::string_view reference) {
  if (is_absolute(reference)) return parse_web_url(reference);
  reference = without_fragment(reference);
  if (reference.starts_with("//")) {
    return parse_web_url(fmt::format("{}:{}", base.origin.tls ? "https" : "http", reference));
  }
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  const size_t query = std::min(reference.find('?'), reference.size());
  std::string target;
  if (reference.empty()) {
    target = base.target;
  } else if (query == 0) {
    target = fmt::format("{}{}", path, reference);
  } else {
    const std::string_view before =
        reference.starts_with('/') ? std::string_view{} : path.substr(0, path.rfind('/') + 1);
    target = remove_dot_segments(fmt::format("{}{}", before, reference.substr(0, query)));
    target += reference.substr(query);
  }
  return parse_web_url(scheme_and_host(base.origin) + target);
}

}  // namespace sluice::http
