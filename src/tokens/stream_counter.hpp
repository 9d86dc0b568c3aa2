// Counts the tokens of a text that grows at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokens/encoding.hpp"

namespace sluice::tokens {

/// After every add() the total is that of the whole text so far, and the work is proportional to
/// what was added, on every text. Keeps only what a suffix can still change: no allocation in
/// steady state, and a few hundred bytes at most unless one word is very long.
class StreamCounter {
 public:
  explicit StreamCounter(const Encoding& encoding);

  /// Appends; returns the total. It may be less than before: more text can join tokens.
  int64_t add(std::string_view text);
  int64_t total() const;
};

}  // namespace sluice::tokens
