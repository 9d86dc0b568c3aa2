// Merging the bytes of a short text by rank, the plain way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokens/vocabulary.hpp"

namespace sluice::tokens {

/// What a text begins with before anything merges: a character that merges first in any case, or
/// a byte. `before` is the byte before it, or any that is not ASCII where the piece begins.
struct Start {
  uint32_t token;
  uint8_t size;
};
Start start_of(const Vocabulary& vocabulary, std::string_view text, char before);

/// The first parts of a piece, or of what follows in it a border that nothing moves, and what they
/// merge to. Quadratic in their number, but for so few faster than what is not.
class Merging {
 public:
  static constexpr size_t kMostParts = 128;

  /// Takes as much of the text as there is room for; it is not empty and outlives this.
  Merging(const Vocabulary& vocabulary, std::string_view text);

  /// How many bytes were taken.
  size_t size() const { return borders_[parts_]; }
  /// Merges the smallest pair until none is left; returns how many tokens there are.
  size_t merge();
  /// After merge(): appends the tokens.
  void append_to(std::vector<uint32_t>& tokens) const;

  /// After merge(): a beginning that stays what it is, in bytes and tokens, whatever follows, with
  /// at least one token behind it and no character cut in two; nothing where none is found.
  struct Settled {
    size_t bytes = 0;
    size_t tokens = 0;
  };
  Settled settled() const;

 private:
  static uint64_t pair_at(size_t place, uint32_t token);
  uint64_t least_pair() const;
  bool stays(uint32_t before, size_t part) const;

  const Vocabulary* vocabulary_;
  std::string_view text_;
  size_t parts_ = 0;  // before anything merged
  size_t count_ = 0;
  // A token lies where the first of its parts was. What it makes with the next one, and below that
  // its place, so that the smallest of all is what merges next, the leftmost of equals; kNoPair
  // where nothing is made or no token lies.
  std::array<uint64_t, kMostParts> pairs_;
  std::array<uint32_t, kMostParts> tokens_;
  std::array<uint8_t, kMostParts> next_;          // kMostParts behind the last one
  std::array<uint8_t, kMostParts + 1> prev_;      // at kMostParts the last one
  std::array<uint16_t, kMostParts + 1> borders_;  // before each of the parts, and behind the last
};

}  // namespace sluice::tokens
