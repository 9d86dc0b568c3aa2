// Byte-pair encoding as plainly as it can be written, to compare with. For tests alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokens/vocabulary.hpp"

namespace sluice::tokens {

/// The tokens of one piece: the smallest rank merges first, the leftmost of equals. Knows only
/// which bytes are a token; quadratic.
inline std::vector<uint32_t> slow_bpe(const Vocabulary& vocabulary, std::string_view piece) {
  if (const uint32_t token = vocabulary.find(piece); token != kNoToken) return {token};
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < piece.size(); ++i) parts.push_back(piece.substr(i, 1));
  for (;;) {
    uint32_t best = kNoToken;
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const uint32_t rank =
          vocabulary.find({parts[i].data(), parts[i].size() + parts[i + 1].size()});
      if (rank < best) {
        best = rank;
        at = i;
      }
    }
    if (best == kNoToken) break;
    parts[at] = {parts[at].data(), parts[at].size() + parts[at + 1].size()};
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
  std::vector<uint32_t> tokens;
  for (const std::string_view part : parts) tokens.push_back(vocabulary.find(part));
  return tokens;
}

}  // namespace sluice::tokens
