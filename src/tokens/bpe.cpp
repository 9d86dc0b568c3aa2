#include "tokens/bpe.hpp"

#include <algorithm>
#include <utility>

#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

// Up to here the plain way is faster, although it is quadratic.
constexpr size_t kShortPiece = 64;

// The tokens of a short piece that is not one itself, by merging the smallest pair until none is
// left. Returns how many there are.
size_t merge(const Vocabulary& vocabulary, std::string_view piece,
             std::array<uint32_t, kShortPiece>& parts) {
  std::array<uint32_t, kShortPiece> pairs;  // what part i and the next one merge to
  size_t count = piece.size();
  parts[0] = vocabulary.of_byte(piece[0]);
  for (size_t i = 1; i < count; ++i) {
    parts[i] = vocabulary.of_byte(piece[i]);
    pairs[i - 1] = vocabulary.merged(parts[i - 1], parts[i]);
  }
  work_done += count;
  while (count > 1) {
    const auto* best = std::min_element(pairs.data(), pairs.data() + count - 1);
    if (*best == kNoToken) break;
    const auto at = static_cast<size_t>(best - pairs.data());
    parts[at] = *best;
    std::copy(parts.data() + at + 2, parts.data() + count, parts.data() + at + 1);
    std::copy(pairs.data() + at + 1, pairs.data() + count - 1, pairs.data() + at);
    --count;
    if (at > 0) pairs[at - 1] = vocabulary.merged(parts[at - 1], parts[at]);
    if (at + 1 < count) pairs[at] = vocabulary.merged(parts[at], parts[at + 1]);
    work_done += 2;
  }
  return count;
}

}  // namespace

size_t count_piece(const Vocabulary& vocabulary, std::string_view piece) {
  ++work_done;
  if (vocabulary.find(piece) != kNoToken) return 1;
  if (piece.size() <= kShortPiece) {
    std::array<uint32_t, kShortPiece> parts;
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
    std::array<uint32_t, kShortPiece> parts;
    const size_t count = merge(vocabulary, piece, parts);
    tokens.insert(tokens.end(), parts.begin(), parts.begin() + count);
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
