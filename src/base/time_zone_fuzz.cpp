// Files of time zones, of which a day's sums are made.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/time_zone.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto zone =
      sluice::TimeZone::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!zone) return 0;
  constexpr int64_t kBegin = 1'700'000'000;
  int64_t last = INT64_MIN;
  for (const auto& change : zone->changes(kBegin, kBegin + 400 * 86'400)) {
    if (change.at <= last || zone->offset_at(change.at) != change.offset) std::abort();
    last = change.at;
  }
  zone->to_unix(kBegin);
  return 0;
}
