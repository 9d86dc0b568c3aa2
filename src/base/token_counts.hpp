// Tokens of one request by the classes that prices tell apart.
#pragma once

#include <cstdint>

namespace sluice {

/// The input classes do not overlap. `reasoning` is a part of `output` and is not priced again.
struct TokenCounts {
  int64_t input = 0;
  int64_t cache_read = 0;
  int64_t cache_write = 0;
  int64_t output = 0;
  int64_t reasoning = 0;

  int64_t total_input() const { return input + cache_read + cache_write; }
  int64_t total() const { return total_input() + output; }
  bool operator==(const TokenCounts&) const = default;
};

}  // namespace sluice
