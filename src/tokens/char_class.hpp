// What the encodings' patterns tell apart in a character.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::tokens {

/// Classes of code points by general category, in the Unicode version of the npm package
/// `tiktoken`. None of them overlaps: White_Space holds no letter, mark or number.
enum class CharClass : uint8_t {
  kOther,    // what is in no other class, U+FFFD among it
  kUpper,    // Lu, Lt
  kLower,    // Ll
  kLetter,   // Lm, Lo
  kMark,     // M
  kNumber,   // N
  kSpace,    // White_Space but CR and LF
  kNewline,  // CR, LF
};

/// A set of classes, one bit each.
constexpr uint8_t bit(CharClass c) { return static_cast<uint8_t>(1U << static_cast<unsigned>(c)); }

/// The table of classes in the binary: a block number for every 128 code points, then the blocks,
/// with a bit() for each code point.
inline constexpr uint32_t kClassBlock = 128;
inline constexpr uint32_t kClassBlocks = 0x110000 / kClassBlock;

extern "C" const unsigned char sluice_tokens_classes[];

inline uint8_t class_bit(uint32_t code_point) {
  const uint8_t block = sluice_tokens_classes[code_point / kClassBlock];
  return sluice_tokens_classes[kClassBlocks + block * kClassBlock + code_point % kClassBlock];
}

}  // namespace sluice::tokens
