// The end of a text that grows, while it is one long piece or two whose border may still move.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokens/bpe.hpp"
#include "tokens/splitter.hpp"
#include "tokens/utf8.hpp"

namespace sluice::tokens {

/// The text from the first border that no suffix can move, taken character by character with
/// work and memory that do not depend on its length. Two forms have a border inside that moves:
/// white space is cut behind its last newline, and a word of o200k_base, while it has no lower
/// case, behind its last letter of no case.
class OpenRegion {
 public:
  /// `text` is valid UTF-8 and longer than a contraction, and its first piece, which began as
  /// `from` says, is open.
  OpenRegion(const Vocabulary& vocabulary, Pattern pattern, Resume from, std::string_view text);

  /// Takes valid UTF-8 up to the first character that is not part of the region; returns how
  /// many bytes it took.
  size_t feed(std::string_view text);

  /// A character came that is not part of it, or nothing more can be.
  bool ended() const { return ended_; }
  /// After the end: what was taken but begins the next piece. A few bytes.
  std::string_view left_over() const { return {held_.data(), ended_ ? held_size_ : 0U}; }
  /// Tokens of what was taken; after the end without what is left over.
  size_t count() const;

 private:
  bool take(std::string_view bytes, uint8_t kind);
  bool take_cased(std::string_view bytes, uint8_t kind);
  bool take_held(std::string_view bytes);
  bool take_sign(std::string_view bytes, uint8_t kind);
  bool take_white(std::string_view bytes, uint8_t kind);
  void split_here();
  void hold(std::string_view bytes);
  GrowingPiece& last_piece() { return rest_.size() > 0 ? rest_ : whole_; }

  const Vocabulary* vocabulary_;
  Pattern pattern_;
  PieceKind kind_;
  bool ended_ = false;
  bool fixed_ = false;  // a word has lower case, or signs are followed by newlines
  bool split_ = false;  // the border inside is behind `before_split_` tokens, and rest_ follows
  uint8_t held_size_ = 0;
  // A word: what may become a contraction. White space: its last character.
  std::array<char, 8> held_{};
  size_t before_split_ = 0;
  GrowingPiece whole_;
  GrowingPiece rest_;
};

}  // namespace sluice::tokens
