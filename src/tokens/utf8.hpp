// Characters of valid UTF-8, and what makes text valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tokens/char_class.hpp"

namespace sluice::tokens {

/// What a decoder puts where bytes are not UTF-8: U+FFFD.
inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// A character's class as a bit(), and its length. `kind` is 0 at the end of the text.
struct Char {
  uint8_t kind = 0;
  uint8_t size = 0;
};

/// The character at `at`, in valid UTF-8 that ends at `end`.
inline Char peek(const char* at, const char* end) {
  if (at == end) return {};
  const auto byte = [at](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(at[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {sluice_tokens_classes[kClassBlocks + lead], 1};
  const auto low = [&](size_t i) { return byte(i) & 0x3f; };
  if (lead < 0xe0) return {class_bit((lead & 0x1f) << 6 | low(1)), 2};
  if (lead < 0xf0) return {class_bit((lead & 0xf) << 12 | low(1) << 6 | low(2)), 3};
  return {class_bit((lead & 7) << 18 | low(1) << 12 | low(2) << 6 | low(3)), 4};
}

/// How much of the text is UTF-8, up to the first byte that is not.
size_t valid_prefix(std::string_view text);

/// At a place where text is not valid UTF-8: how many bytes one U+FFFD stands for ("maximal
/// subpart", WHATWG Encoding), at least 1. `incomplete`: the text ends within a sequence that
/// more bytes could make whole.
struct Malformed {
  size_t size = 1;
  bool incomplete = false;
};
Malformed malformed_at(std::string_view text);

/// Appends the text with U+FFFD where it is not UTF-8, and returns how much of it that was: all,
/// or before its end all but the beginning of a character.
size_t append_valid(std::string& out, std::string_view text, bool at_end);

}  // namespace sluice::tokens
