// How the tables lie in the binary: written by tables/main.cpp when the project is built, read in
// place by Vocabulary and by the splitter. Little-endian, every array aligned to 4 bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::tokens {

static_assert(std::endian::native == std::endian::little);

/// "No such token", and the rank of a pair that does not merge.
inline constexpr uint32_t kNoToken = UINT32_MAX;
/// What the tables have room for; the converter refuses more.
inline constexpr uint32_t kTokenBits = 18;
inline constexpr uint32_t kOffsetBits = 21;
/// No published token is longer; bounds the state of everything that grows.
inline constexpr size_t kMaxTokenBytes = 128;

/// A perfect hash: every key has a slot of its own, found with two loads. One of the bytes of
/// tokens holds the token in its low kTokenBits and a tag of the key in the rest; whoever looks up
/// a key that may not be there compares tag and key.
struct HashShape {
  uint32_t buckets = 0;
  uint32_t slots = 0;
};

/// At the start of the file of an encoding. Then follow, each at the end of the one before:
///   uint32_t offset[tokens + 1]   of the token's bytes; above kOffsetBits the high bits of the
///                                 right part of its split
///   uint32_t split[tokens]        left part, and above it the low bits of the right part;
///                                 both the token itself where there is no split
///   uint32_t piece_slots[]        perfect hash of the bytes of all tokens
///   uint64_t pair_slots[]         perfect hash of the splits of all tokens that have one: what
///                                 pair_key() says, with the token in its place
///   uint64_t trie[]               of the bytes of all tokens that merging makes: trie_unit(). The
///                                 child of a node for a byte lies at the node's base ^ the byte,
///                                 if the label that lies there is that byte
///   uint16_t single[256]          tokens of one byte
///   uint16_t piece_pilots[], pair_pilots[], each padded to 4 bytes
///   uint16_t character_blocks[kCharacterBlocks]   for every kCharacterBlock code points
///   uint32_t characters[blocks][kCharacterBlock]  whole characters' tokens, else kNoToken
///   uint32_t leads[kCharacterBlocks]  tokens of the first two bytes of a block's characters
///   uint8_t first_reaches[256]    the longest token that begins with a byte
///   uint8_t near_reaches[kReaches], far_reaches[kReaches]  the longest token that begins with as
///                                 many bytes as near_bytes() and far_bytes() say, by their hash
///   char bytes[]                  of all tokens, padded by 16
struct TableHeader {
  uint32_t tokens = 0;
  HashShape pieces;
  HashShape pairs;
  uint32_t blocks = 0;  // that `characters` has
  uint32_t trie_units = 0;
  uint32_t trie_base = 0;  // of the root, which has no unit
};

/// A node of the trie: its token, the byte that leads to it, and where its children lie. No base
/// is that of two nodes, so that a label cannot be that of somebody else's child.
inline constexpr uint32_t kTrieNoToken = (1U << kTokenBits) - 1;
inline constexpr uint32_t kTrieLabelBits = 9;
inline constexpr uint32_t kTrieNoLabel = 256;  // where no node lies
inline constexpr uint32_t kTrieBase = kTokenBits + kTrieLabelBits;
constexpr uint64_t trie_unit(uint32_t token, uint32_t label, uint32_t base) {
  return static_cast<uint64_t>(base) << kTrieBase | static_cast<uint64_t>(label) << kTokenBits |
         token;
}

/// How the table of characters is cut: those of two and three bytes.
inline constexpr uint32_t kCharacterBlock = 64;
inline constexpr uint32_t kCharacterBlocks = 0x10000 / kCharacterBlock;

// The low bits of `right` that fit above `left` in one word.
inline constexpr uint32_t kRightLowBits = 32 - kTokenBits;

inline uint64_t fold(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline constexpr uint64_t kHashA = 0x9e3779b97f4a7c15;
inline constexpr uint64_t kHashB = 0xd6e8feb86659fd93;
inline constexpr uint64_t kHashC = 0xa0761d6478bd642f;

inline uint64_t load_u64(const char* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline uint64_t load_u32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Of a token's bytes; not for keys that somebody could choose in order to collide, as the keys
/// in the tables are fixed.
inline uint64_t hash_bytes(const char* at, size_t size) {
  uint64_t a = 0;
  uint64_t b = 0;
  uint64_t seed = size * kHashC;
  const auto byte = [](char c) { return static_cast<uint64_t>(static_cast<unsigned char>(c)); };
  if (size >= 8) {
    const char* end = at + size;
    a = load_u64(size > 16 ? end - 16 : at);
    b = load_u64(end - 8);
    for (; end - at > 16; at += 16) {
      seed = fold(load_u64(at) ^ kHashA ^ seed, load_u64(at + 8) ^ kHashB);
    }
  } else if (size >= 4) {
    a = load_u32(at);
    b = load_u32(at + size - 4);
  } else if (size > 0) {
    a = byte(at[0]) | byte(at[size >> 1]) << 8 | byte(at[size - 1]) << 16;
  }
  return fold(fold(a ^ kHashA ^ seed, b ^ kHashB), kHashC);
}

inline uint64_t hash_pair(uint32_t left, uint32_t right) {
  return fold((static_cast<uint64_t>(left) << 32 | right) ^ kHashA, kHashB);
}

/// Both tokens, with room for a third at kPairToken.
inline constexpr uint32_t kPairToken = 2 * kTokenBits;
inline uint64_t pair_key(uint32_t left, uint32_t right) {
  return left | static_cast<uint64_t>(right) << kTokenBits;
}

/// How many bytes of a text tell how long a token it may begin with: about two characters, and
/// about four.
inline size_t near_bytes(char first) {
  const auto lead = static_cast<uint8_t>(first);
  return lead >= 0xe0 ? 6 : lead >= 0xc0 || lead < 0x80 ? 4 : 2;
}
inline size_t far_bytes(char first) { return 2 * near_bytes(first); }
inline constexpr uint32_t kReaches = 1U << 16;
inline uint32_t reach_of(std::string_view bytes) {
  return static_cast<uint32_t>(hash_bytes(bytes.data(), bytes.size()) >> 20) % kReaches;
}

inline uint32_t hash_tag(uint64_t hash) { return static_cast<uint32_t>(hash) >> kTokenBits; }
inline uint32_t bucket_of(uint64_t hash, HashShape shape) {
  return static_cast<uint32_t>(hash >> 40) & (shape.buckets - 1);
}
inline uint32_t slot_of(uint64_t hash, uint32_t pilot, HashShape shape) {
  return static_cast<uint32_t>((hash ^ pilot) * kHashB >> 32) & (shape.slots - 1);
}

}  // namespace sluice::tokens
