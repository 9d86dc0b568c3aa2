#include <cstdint>
#include <cstdlib>

#include "http/database_url.hpp"

// What is taken can be shown, and names a database; what is refused says why.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = sluice::http::parse_database_url(text);
  if (!url) {
    if (url.error().message.empty()) std::abort();
    return 0;
  }
  if (!sluice::http::is_database_server(text) || url->name.empty() || url->port == 0) std::abort();
  if (url->shown().empty()) std::abort();
  return 0;
}
