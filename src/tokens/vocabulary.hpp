// The tokens of one encoding, read in place from the tables in the binary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokens/table_layout.hpp"

namespace sluice::tokens {

/// Tokens are their ranks: of two pairs that could merge, the one that makes the smaller token
/// merges first.
class Vocabulary {
 public:
  /// `table` is one that tables/main.cpp wrote, and outlives this.
  explicit Vocabulary(const unsigned char* table);

  /// The token with these bytes, else kNoToken.
  uint32_t find(std::string_view bytes) const {
    if (bytes.empty() || bytes.size() > kMaxTokenBytes) return kNoToken;
    const uint64_t hash = hash_bytes(bytes.data(), bytes.size());
    const uint32_t bucket = bucket_of(hash, header_->pieces);
    const uint32_t slot = pieces_[slot_of(hash, piece_pilots_[bucket], header_->pieces)];
    if (slot >> kTokenBits != hash_tag(hash)) return kNoToken;
    const uint32_t token = slot & kTokenMask;
    return token < header_->tokens && bytes_of(token) == bytes ? token : kNoToken;
  }

  /// What two tokens that stand beside each other merge to, else kNoToken.
  uint32_t merged(uint32_t left, uint32_t right) const {
    const uint64_t hash = hash_pair(left, right);
    const uint32_t bucket = bucket_of(hash, header_->pairs);
    const uint32_t slot = pairs_[slot_of(hash, pair_pilots_[bucket], header_->pairs)];
    if (slot >> kTokenBits != pair_tag(hash, right)) return kNoToken;
    const uint32_t token = slot & kTokenMask;
    return token < header_->tokens && splits_[token] == (left | right << kTokenBits) ? token
                                                                                     : kNoToken;
  }
  /// The same for two bytes.
  uint32_t merged(char left, char right) const {
    return byte_pairs_[static_cast<unsigned char>(left) << 8 | static_cast<unsigned char>(right)];
  }

  uint32_t of_byte(char byte) const { return single_[static_cast<unsigned char>(byte)]; }

  std::string_view bytes_of(uint32_t token) const {
    const uint32_t begin = offsets_[token] & kOffsetMask;
    return {bytes_ + begin, (offsets_[token + 1] & kOffsetMask) - begin};
  }

  /// Merging can make this token. False for none of the published tokens of more than a byte,
  /// so far; but a piece that is a token is that token even then.
  bool is_made(uint32_t token) const {
    return left_of(token) != token || bytes_of(token).size() == 1;
  }

  /// Whether merging the bytes of both tokens gives just these two: true when no merge across the
  /// border comes before those that make the tokens.
  bool stand_beside(uint32_t left, uint32_t right) const;

 private:
  static constexpr uint32_t kTokenMask = (1U << kTokenBits) - 1;
  static constexpr uint32_t kOffsetMask = (1U << kOffsetBits) - 1;

  uint32_t left_of(uint32_t token) const { return splits_[token] & kTokenMask; }
  uint32_t right_of(uint32_t token) const {
    return splits_[token] >> kTokenBits | offsets_[token] >> kOffsetBits << kRightLowBits;
  }

  const TableHeader* header_;
  const uint32_t* offsets_;
  const uint32_t* splits_;
  const uint32_t* pieces_;
  const uint32_t* pairs_;
  const uint32_t* byte_pairs_;
  const uint16_t* single_;
  const uint16_t* piece_pilots_;
  const uint16_t* pair_pilots_;
  const char* bytes_;
};

}  // namespace sluice::tokens
