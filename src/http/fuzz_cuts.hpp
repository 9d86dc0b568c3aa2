// For fuzz targets: where to split an input. Derived from the input, so that a finding replays.
#pragma once

#include <cstddef>
#include <random>
#include <string_view>
#include <vector>

namespace sluice::http {

/// Ascending ends of pieces, the last one bytes.size(); pieces may be empty.
inline std::vector<size_t> fuzz_cuts(std::string_view bytes) {
  uint32_t hash = 2166136261;
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
  std::minstd_rand random(hash);
  const size_t longest = 1 + random() % 40;
  std::vector<size_t> cuts;
  for (size_t at = 0; at < bytes.size(); at += random() % (longest + 1)) {
    cuts.push_back(at);
    if (cuts.size() > 4096) break;
  }
  cuts.push_back(bytes.size());
  return cuts;
}

}  // namespace sluice::http
