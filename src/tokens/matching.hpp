// Cutting a short text into the tokens that merging by rank gives, without merging.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokens/vocabulary.hpp"

namespace sluice::tokens {

/// The beginning of a piece, or of what follows in it a border that nothing moves. Tokens each two
/// of which stand beside each other are those that merging gives, and no others are. So the
/// longest token that stands beside the one before it is taken, until there is none; then the one
/// before it was too long. Every place is given up once at most: linear in the length.
class Matching {
 public:
  static constexpr size_t kMostBytes = 256;

  /// Takes as much of the text as there is room for; it is not empty and outlives this.
  Matching(const Vocabulary& vocabulary, std::string_view text);

  /// How many bytes were taken.
  size_t size() const { return text_.size(); }
  /// How many tokens they are.
  size_t count() const { return count_; }
  void append_to(std::vector<uint32_t>& tokens) const;

  /// A beginning that stays what it is, in bytes and tokens, whatever follows, with at least one
  /// token behind it and no character cut in two; nothing where none is found.
  struct Settled {
    size_t bytes = 0;
    size_t tokens = 0;
  };
  Settled settled() const;

 private:
  void match();
  bool is_inside_character(size_t at) const;
  size_t first_that_may_go_on() const;
  bool stays(uint32_t before, size_t border) const;

  const Vocabulary* vocabulary_;
  std::string_view text_;
  size_t count_ = 0;
  std::bitset<kMostBytes + 1> given_up_;  // places at which no border can be
  std::array<uint32_t, kMostBytes> tokens_;
  std::array<uint16_t, kMostBytes + 1> borders_;  // before each of the tokens, and behind the last
};

}  // namespace sluice::tokens
