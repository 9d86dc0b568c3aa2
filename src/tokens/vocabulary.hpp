// The tokens of one encoding, read in place from the tables in the binary.
#pragma once

#include <algorithm>
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
    const uint64_t slot = load_u64(
        pairs_ + size_t{slot_of(hash, pair_pilots_[bucket], header_->pairs)} * sizeof slot);
    // Without a jump: nobody could foretell it.
    constexpr uint64_t kKey = (uint64_t{1} << kPairToken) - 1;
    const auto token = static_cast<uint32_t>(slot >> kPairToken);
    return (slot & kKey) == pair_key(left, right) ? token : kNoToken;
  }

  /// A token that a text begins with, and how long it is.
  struct Prefix {
    uint32_t token : kTokenBits;
    uint32_t size : 32 - kTokenBits;
  };
  /// All that merging makes, the shortest first, into an array of at least kMaxTokenBytes + 1;
  /// returns how many.
  size_t prefixes(std::string_view text, Prefix* out) const {
    uint32_t base = header_->trie_base;
    size_t count = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      const uint64_t unit = load_u64(trie_ + size_t{base ^ byte} * sizeof unit);
      if ((unit >> kTokenBits & ((1U << kTrieLabelBits) - 1)) != byte) break;
      // Written in any case, without a jump.
      const auto token = static_cast<uint32_t>(unit & kTokenMask);
      out[count] = {token, static_cast<uint32_t>(i + 1) & (UINT32_MAX >> kTokenBits)};
      count += token != kTrieNoToken ? 1 : 0;
      base = static_cast<uint32_t>(unit >> kTrieBase);
    }
    return count;
  }

  /// The token of the character of two or three bytes that the text begins with, when its bytes
  /// merge to it before any of them can merge with what is behind, or with the end of another
  /// character of several bytes before it; else kNoToken, as for what is no such character.
  uint32_t of_whole_character(std::string_view text) const {
    const auto byte = [text](size_t i) {
      return static_cast<uint32_t>(static_cast<uint8_t>(text[i]));
    };
    const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
    if (text.size() >= 3 && byte(0) >> 4 == 0xe && follows(1) && follows(2)) {
      return character((byte(0) & 0xf) << 6 | (byte(1) & 0x3f), byte(2) & 0x3f);
    }
    if (text.size() >= 2 && byte(0) >> 5 == 6 && follows(1)) {
      return character(byte(0) & 0x1f, byte(1) & 0x3f);
    }
    return kNoToken;
  }

  /// The same for the first two bytes of a character of three.
  uint32_t of_lead(std::string_view text) const {
    const auto byte = [text](size_t i) {
      return static_cast<uint32_t>(static_cast<uint8_t>(text[i]));
    };
    if (text.size() < 3 || byte(0) >> 4 != 0xe) return kNoToken;
    return leads_[(byte(0) & 0xf) << 6 | (byte(1) & 0x3f)];
  }

  /// No token is longer that begins with this byte.
  size_t reach(char first) const { return first_reaches_[static_cast<unsigned char>(first)]; }
  /// No token is longer that begins as the text does, or is a beginning of it. Not the smallest
  /// such length.
  size_t reach(std::string_view text) const {
    const size_t near = near_bytes(text[0]);
    if (text.size() < near) return kMaxTokenBytes;
    const size_t most = std::max<size_t>(near, near_reaches_[reach_of(text.substr(0, near))]);
    const size_t far = far_bytes(text[0]);
    if (most <= far || text.size() < far) return most;
    return std::min(most, std::max<size_t>(far, far_reaches_[reach_of(text.substr(0, far))]));
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

  uint32_t character(uint32_t block, uint32_t place) const {
    return characters_[character_blocks_[block] * kCharacterBlock + place];
  }
  uint32_t left_of(uint32_t token) const { return splits_[token] & kTokenMask; }
  uint32_t right_of(uint32_t token) const {
    return splits_[token] >> kTokenBits | offsets_[token] >> kOffsetBits << kRightLowBits;
  }

  const TableHeader* header_;
  const uint32_t* offsets_;
  const uint32_t* splits_;
  const uint32_t* pieces_;
  const char* pairs_;
  const char* trie_;
  const uint16_t* single_;
  const uint16_t* piece_pilots_;
  const uint16_t* pair_pilots_;
  const uint16_t* character_blocks_;
  const uint32_t* characters_;
  const uint32_t* leads_;
  const uint8_t* first_reaches_;
  const uint8_t* near_reaches_;
  const uint8_t* far_reaches_;
  const char* bytes_;
};

}  // namespace sluice::tokens
