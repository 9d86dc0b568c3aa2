// Lists of models as services tell them. What is taken is within bounds, each name once.
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "discovery/probe.hpp"
#include "json/reader.hpp"
#include "workers/heartbeat.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ids = discovery::read_model_ids(text);
  if (ids.size() > workers::kMaxModels) std::abort();
  if (std::set<std::string>(ids.begin(), ids.end()).size() != ids.size()) std::abort();
  for (const std::string& id : ids) {
    if (id.empty() || id.size() > 256 || !json::valid_utf8(id)) std::abort();
    for (const char c : id) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
  }
  return 0;
}
