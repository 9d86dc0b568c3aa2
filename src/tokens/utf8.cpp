#include "tokens/utf8.hpp"

#include <cstring>

namespace sluice::tokens {

namespace {

// The bytes that may follow a lead byte: how many, and the range of the first of them, which
// keeps out overlong forms, surrogates and what is above U+10FFFF. The others are 80 to BF.
struct Sequence {
  uint8_t following = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
};

Sequence sequence_of(uint8_t lead) {
  if (lead < 0xc2 || lead > 0xf4) return {};
  if (lead < 0xe0) return {1};
  if (lead == 0xe0) return {2, 0xa0};
  if (lead == 0xed) return {2, 0x80, 0x9f};
  if (lead < 0xf0) return {2};
  if (lead == 0xf0) return {3, 0x90};
  if (lead == 0xf4) return {3, 0x80, 0x8f};
  return {3};
}

uint8_t byte_at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// How many bytes of the sequence at the start of `text` are as they must be, its lead included;
// `needed` is its whole length. 0 and 0 for a byte that leads nothing.
size_t matched(std::string_view text, size_t& needed) {
  const Sequence sequence = sequence_of(byte_at(text, 0));
  needed = 0;
  if (sequence.following == 0) return 0;
  needed = sequence.following + 1U;
  if (text.size() < 2 || byte_at(text, 1) < sequence.low || byte_at(text, 1) > sequence.high) {
    return 1;
  }
  size_t size = 2;
  while (size < needed && size < text.size() && (byte_at(text, size) & 0xc0) == 0x80) ++size;
  return size;
}

}  // namespace

size_t valid_prefix(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t eight;
    while (text.size() - i >= sizeof eight) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080) != 0) break;
      i += sizeof eight;
    }
    if (i == text.size()) break;
    if (byte_at(text, i) < 0x80) {
      ++i;
      continue;
    }
    size_t needed = 0;
    const size_t size = matched(text.substr(i), needed);
    if (size == 0 || size < needed) break;
    i += size;
  }
  return i;
}

Malformed malformed_at(std::string_view text) {
  size_t needed = 0;
  const size_t size = matched(text, needed);
  if (size == 0) return {};
  return {size, size == text.size()};
}

size_t append_valid(std::string& out, std::string_view text, bool at_end) {
  size_t done = 0;
  for (;;) {
    const size_t valid = valid_prefix(text.substr(done));
    out.append(text.substr(done, valid));
    done += valid;
    if (done == text.size()) return done;
    const Malformed found = malformed_at(text.substr(done));
    if (found.incomplete && !at_end) return done;
    out.append(kReplacement);
    done += found.size;
  }
}

}  // namespace sluice::tokens
