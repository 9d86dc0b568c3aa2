#include "tokens/bpe.hpp"

#include <algorithm>
#include <utility>

#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

// Up to here the plain way is faster, although it is quadratic.
constexpr size_t kMostParts = 64;

// A part of a piece that is being merged: its token, and above it what it merges to with the part
// behind it. So the smallest of all is what merges next; where two are equal, so are the tokens.
using Part = uint64_t;

Part part(uint32_t token, uint32_t pair) { return static_cast<uint64_t>(pair) << 32 | token; }
uint32_t token_of(Part part) { return static_cast<uint32_t>(part); }
uint32_t pair_of(Part part) { return static_cast<uint32_t>(part >> 32); }

using Parts = std::array<Part, kMostParts>;

bool is_ascii(char byte) { return static_cast<signed char>(byte) >= 0; }

// What the text begins with before anything merges: a character that merges first in any case, or
// a byte. `before` is the byte before it, or any that is not ASCII where the piece begins.
struct Start {
  uint32_t token;
  uint8_t size;
};
Start start_of(const Vocabulary& vocabulary, std::string_view text, char before) {
  if (!is_ascii(text[0]) && !is_ascii(before)) {
    const uint32_t token = vocabulary.of_whole_character(text);
    const bool is_short = static_cast<uint8_t>(text[0]) < 0xe0;
    if (token != kNoToken) return {token, static_cast<uint8_t>(is_short ? 2 : 3)};
  }
  return {vocabulary.of_byte(text[0]), 1};
}

// The parts of a piece before anything merges. Returns how many there are, 0 when too many.
size_t take_apart(const Vocabulary& vocabulary, std::string_view piece, Parts& parts) {
  size_t count = 0;
  Start last{};
  char before = '\x80';
  for (size_t at = 0; at < piece.size(); at += last.size) {
    const Start next = start_of(vocabulary, piece.substr(at), before);
    if (count == kMostParts) return 0;
    if (count > 0) {
      const bool are_bytes = last.size == 1 && next.size == 1;
      parts[count - 1] = part(last.token, are_bytes ? vocabulary.merged(before, piece[at])
                                                    : vocabulary.merged(last.token, next.token));
    }
    ++count;
    last = next;
    before = piece[at + next.size - 1];
  }
  parts[count - 1] = part(last.token, kNoToken);
  work_done += count;
  return count;
}

// Merges the smallest pair until none is left. Returns how many tokens there are.
size_t merge(const Vocabulary& vocabulary, Parts& parts, size_t count) {
  while (count > 1) {
    Part best = parts[0];
    size_t at = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      const bool smaller = parts[i] < best;
      best = smaller ? parts[i] : best;
      at = smaller ? i : at;
    }
    const uint32_t token = pair_of(best);
    if (token == kNoToken) break;
    --count;
    for (size_t i = at + 1; i < count; ++i) parts[i] = parts[i + 1];
    const bool is_last = at + 1 == count;
    parts[at] = part(token, is_last ? kNoToken : vocabulary.merged(token, token_of(parts[at + 1])));
    if (at > 0) {
      const uint32_t before = token_of(parts[at - 1]);
      parts[at - 1] = part(before, vocabulary.merged(before, token));
    }
    work_done += 2;
  }
  return count;
}

}  // namespace

size_t count_piece(const Vocabulary& vocabulary, std::string_view piece) {
  ++work_done;
  if (vocabulary.find(piece) != kNoToken) return 1;
  Parts parts;
  if (const size_t count = take_apart(vocabulary, piece, parts); count > 0) {
    return merge(vocabulary, parts, count);
  }
  GrowingPiece growing(vocabulary);
  growing.push(piece);
  return growing.count();
}

void encode_piece(const Vocabulary& vocabulary, std::string_view piece,
                  std::vector<uint32_t>& tokens) {
  if (const uint32_t token = vocabulary.find(piece); token != kNoToken) {
    tokens.push_back(token);
    return;
  }
  Parts parts;
  if (size_t count = take_apart(vocabulary, piece, parts); count > 0) {
    count = merge(vocabulary, parts, count);
    for (size_t i = 0; i < count; ++i) tokens.push_back(token_of(parts[i]));
    return;
  }
  GrowingPiece growing(vocabulary);
  std::vector<uint32_t> last;
  last.reserve(piece.size());
  for (const char byte : piece) {
    growing.push(byte);
    last.push_back(growing.last_token());
  }
  // From the end, every token tells where the one before it ends.
  const auto first = static_cast<ptrdiff_t>(tokens.size());
  for (size_t end = piece.size(); end > 0; end -= vocabulary.bytes_of(last[end - 1]).size()) {
    tokens.push_back(last[end - 1]);
  }
  std::reverse(tokens.begin() + first, tokens.end());
}

void GrowingPiece::push(std::string_view text) {
  char before = size_ == 0 ? '\x80' : bytes_[(size_ - 1) % kPlaces];
  while (!text.empty()) {
    const size_t size = start_of(*vocabulary_, text, before).size;
    append(text.substr(0, size));
    before = text[size - 1];
    text.remove_prefix(size);
  }
}

// Appends a byte, or the bytes of a whole character.
void GrowingPiece::append(std::string_view bytes) {
  const size_t before = size_ == 0 ? 0 : vocabulary_->bytes_of(last_[size_ % kPlaces]).size();
  for (const char byte : bytes) {
    bytes_[size_ % kPlaces] = byte;
    bytes_[size_ % kPlaces + kPlaces] = byte;
    last_[++size_ % kPlaces] = kNoToken;
  }
  const size_t least = bytes.size();
  const size_t most = std::min(size_, kMaxTokenBytes);
  // There is exactly one such token, so it may be looked for where it is likely first. Where a run
  // repeats itself it is as long as that of a prefix that ended alike: the longest tokens of runs
  // are as long as some power of two. Elsewhere, the last token with this behind it.
  if (size_ > kMaxTokenBytes && last_bytes(kMaxTokenBytes + 1).front() == bytes.back()) {
    const uint32_t earlier = last_[(size_ - kMaxTokenBytes) % kPlaces];
    if (earlier != kNoToken && end_with(vocabulary_->bytes_of(earlier).size())) return;
  }
  if (before + least <= most && end_with(before + least)) return;
  for (size_t size = least; size <= most; ++size) {
    if (size != before + least && end_with(size)) return;
  }
}

// Tries whether the prefix of size_ ends with the token that has its last bytes.
bool GrowingPiece::end_with(size_t bytes) {
  ++work_done;
  const size_t before = size_ - bytes;
  if (before > 0 && last_[before % kPlaces] == kNoToken) return false;
  const uint32_t token = vocabulary_->find(last_bytes(bytes));
  if (token == kNoToken || !vocabulary_->is_made(token)) return false;
  if (before > 0 && !vocabulary_->stand_beside(last_[before % kPlaces], token)) return false;
  last_[size_ % kPlaces] = token;
  counts_[size_ % kPlaces] = (before > 0 ? counts_[before % kPlaces] : 0) + 1;
  return true;
}

size_t GrowingPiece::count() const {
  if (size_ == 0) return 0;
  // A token is itself, even if merging would not make it.
  if (size_ <= kMaxTokenBytes && vocabulary_->find(last_bytes(size_)) != kNoToken) return 1;
  return counts_[size_ % kPlaces];
}

}  // namespace sluice::tokens
