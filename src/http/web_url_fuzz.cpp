// URLs from requests, and where redirects point to: a line each. What is accepted names one host
// only, fits into a request line, and means the same when it is read again.
#include <cstdlib>
#include <string_view>

#include "base/cidr.hpp"
#include "http/web_url.hpp"

namespace {

using namespace sluice::http;

void check(const WebUrl& url) {
  const Url& origin = url.origin;
  if (origin.host.empty() || origin.port == 0 || !origin.path.empty()) std::abort();
  if (!url.target.starts_with('/') || url.target.find_first_of(" #\\") != std::string::npos) {
    std::abort();
  }
  for (const char c : origin.host + url.target) {
    if (c <= ' ' || c > '~') std::abort();
  }
  if (origin.host.find_first_of("@/\\?%") != std::string::npos) std::abort();
  // Whoever reads numbers in any other way must not be asked.
  std::string_view name = origin.host;
  if (name.ends_with('.')) name.remove_suffix(1);
  const bool digits =
      name.substr(name.rfind('.') + 1).find_first_not_of("0123456789") == std::string_view::npos;
  if (digits && !sluice::IpAddress::parse(origin.host)) std::abort();

  const auto again = parse_web_url(url.to_string());
  // Percent-encoding may have made it too long.
  if (!again && url.to_string().size() <= kMaxWebUrl) std::abort();
  if (again && (again->to_string() != url.to_string() || again->origin.host != origin.host ||
                again->origin.port != origin.port || again->origin.tls != origin.tls)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const auto url = parse_web_url(text.substr(0, line));
  if (!url) return 0;
  check(*url);
  if (line == std::string_view::npos) return 0;
  if (const auto next = resolve_reference(*url, text.substr(line + 1))) check(*next);
  return 0;
}
