// URLs from a configuration and queries from clients. An accepted URL, written out, must mean
// the same again.
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  if (const auto url = parse_url(text)) {
    if (url->host.empty() || url->port == 0 || url->path.ends_with('/')) std::abort();
    for (const char c : url->host + url->path) {
      if (c <= ' ' || c > '~') std::abort();
    }
    const auto again =
        parse_url((url->tls ? "https://" : "http://") + url->host_header() + url->path);
    if (!again || again->tls != url->tls || again->host != url->host || again->port != url->port ||
        again->path != url->path) {
      std::abort();
    }
  }
  if (const auto decoded = percent_decode(text)) {
    if (decoded->size() > text.size()) std::abort();
    if (text.find('\0') == std::string_view::npos && decoded->find('\0') != std::string::npos)
      std::abort();
  }
  for (const auto& [name, value] : parse_query(text)) {
    if (name.empty()) std::abort();
  }
  return 0;
}
