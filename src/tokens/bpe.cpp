#include "tokens/bpe.hpp"

#include <algorithm>
#include <utility>

#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

// Up to here the plain way is faster, although it is quadratic.
constexpr size_t kShortPiece = 64;

// A part of a piece that is being merged: its token, and above it what it merges to with the part
// behind it. So the smallest of all is what merges next; where two are equal, so are the tokens.
using Part = uint64_t;

Part part(uint32_t token, uint32_t pair) { return static_cast<uint64_t>(pair) << 32 | token; }
uint32_t token_of(Part part) { return static_cast<uint32_t>(part); }
uint32_t pair_of(Part part) { return static_cast<uint32_t>(part >> 32); }

// The tokens of a short piece that is not one itself, by merging the smallest pair until none is
// left. Returns how many there are.
size_t merge(const Vocabulary& vocabulary, std::string_view piece,
             std::array<Part, kShortPiece>& parts) {
  size_t count = piece.size();
  for (size_t i = 0; i + 1 < count; ++i) {
    parts[i] = part(vocabulary.of_byte(piece[i]), vocabulary.merged(piece[i], piece[i + 1]));
  }
  parts[count - 1] = part(vocabulary.of_byte(piece[count - 1]), kNoToken);
  work_done += count;
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
  if (piece.size() <= kShortPiece) {
    std::array<Part, kShortPiece> parts;
    return merge(vocabulary, piece, parts);
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
  if (piece.size() <= kShortPiece) {
    std::array<Part, kShortPiece> parts;
    const size_t count = merge(vocabulary, piece, parts);
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

void GrowingPiece::push(char byte) {
  const size_t before = size_ == 0 ? 0 : vocabulary_->bytes_of(last_[size_ % kPlaces]).size();
  bytes_[size_ % kPlaces] = byte;
  bytes_[size_ % kPlaces + kPlaces] = byte;
  ++size_;
  const size_t most = std::min(size_, kMaxTokenBytes);
  // There is exactly one such token, so it may be looked for where it is likely first: the last
  // token with this byte behind it.
  if (before < most && end_with(before + 1)) return;
  for (size_t bytes = 1; bytes <= most; ++bytes) {
    if (bytes != before + 1 && end_with(bytes)) return;
  }
}

// Tries whether the prefix of size_ ends with the token that has its last bytes.
bool GrowingPiece::end_with(size_t bytes) {
  ++work_done;
  const uint32_t token = vocabulary_->find(last_bytes(bytes));
  if (token == kNoToken || !vocabulary_->is_made(token)) return false;
  const size_t before = size_ - bytes;
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
