// Byte-pair encoding of one piece: how merging by rank cuts it into tokens.
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

/// Tokens of a piece of text, or of one half of it: the piece itself when it is a token, else
/// what merging gives. Linear in its length. The text must not begin or end within a character.
size_t count_piece(const Vocabulary& vocabulary, std::string_view piece);
void encode_piece(const Vocabulary& vocabulary, std::string_view piece,
                  std::vector<uint32_t>& tokens);

/// The tokens of a text that is the beginning of a piece, or follows in one what is settled. The
/// first `settled_bytes` of it are `settled_tokens` whatever follows, and what is left begins with
/// a whole character. Nothing is settled where the text gives no proof that is quickly found; what
/// is left is short where it does. Linear. Takes every token for one that merging makes, as those
/// of the published encodings are. The text is not empty.
struct OpenCount {
  size_t tokens = 0;
  size_t settled_bytes = 0;
  size_t settled_tokens = 0;
};
OpenCount count_open(const Vocabulary& vocabulary, std::string_view text);

/// The tokens of a piece that grows byte by byte. The last token of every prefix is the only one
/// that ends there and can stand beside the last token of the prefix before it, so that what is
/// kept is a token and a count for each of the last kMaxTokenBytes places, whatever the length.
/// (The idea is that of the "appendable encoder" in GitHub's `bpe` crate.)
class GrowingPiece {
 public:
  explicit GrowingPiece(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {}

  void clear() { size_ = 0; }
  void push(char byte) { push({&byte, 1}); }
  /// Valid UTF-8 takes fewer steps; what is not is bytes like any others.
  void push(std::string_view text);
  /// Takes the last characters off again, at most kMaxPop bytes since the piece was longest.
  void pop(size_t bytes) { size_ -= bytes; }
  static constexpr size_t kMaxPop = 8;

  size_t size() const { return size_; }
  /// Tokens of the piece as it stands. Between the bytes of a character pushed at once there is
  /// no such number.
  size_t count() const;
  /// What merging alone ends with. The piece must not be empty.
  uint32_t last_token() const { return last_[size_ % kPlaces]; }

 private:
  static constexpr size_t kPlaces = 256;
  static_assert(kPlaces >= kMaxTokenBytes + kMaxPop + 1);

  std::string_view last_bytes(size_t count) const {
    return {bytes_.data() + (size_ - count) % kPlaces, count};
  }
  void append(std::string_view bytes);
  bool end_with(size_t bytes);

  const Vocabulary* vocabulary_;
  size_t size_ = 0;
  // Of the prefix that ends at each place; kNoToken within whole characters, where no token ends.
  std::array<uint32_t, kPlaces> last_{};
  std::array<uint32_t, kPlaces> counts_{};  // tokens of that prefix
  std::array<char, 2 * kPlaces> bytes_;     // twice, so that every window lies in one piece
};

}  // namespace sluice::tokens
