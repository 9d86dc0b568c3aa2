#include "tokens/bpe.hpp"

#include <algorithm>

#include "tokens/matching.hpp"
#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

bool is_ascii(char byte) { return static_cast<signed char>(byte) >= 0; }

}  // namespace

Start start_of(const Vocabulary& vocabulary, std::string_view text, char before) {
  if (!is_ascii(text[0]) && !is_ascii(before)) {
    const uint32_t token = vocabulary.of_whole_character(text);
    const bool is_short = static_cast<uint8_t>(text[0]) < 0xe0;
    if (token != kNoToken) return {token, static_cast<uint8_t>(is_short ? 2 : 3)};
    const uint32_t lead = vocabulary.of_lead(text);
    if (lead != kNoToken) return {lead, 2};
  }
  return {vocabulary.of_byte(text[0]), 1};
}

size_t count_piece(const Vocabulary& vocabulary, std::string_view piece) {
  ++work_done;
  if (vocabulary.find(piece) != kNoToken) return 1;
  const Matching matching(vocabulary, piece);
  if (matching.size() == piece.size()) return matching.count();
  return count_open(vocabulary, piece).tokens;
}

OpenCount count_open(const Vocabulary& vocabulary, std::string_view text) {
  OpenCount out;
  for (;;) {
    const Matching matching(vocabulary, text);
    const Matching::Settled settled = matching.settled();
    const bool is_last = matching.size() == text.size();
    if (is_last) {
      out.tokens = out.settled_tokens + matching.count();
    } else if (settled.bytes < matching.size() / 4) {
      // What is counted again for each such step would cost more than a step for every byte.
      GrowingPiece growing(vocabulary);
      growing.push(text);
      out.tokens = out.settled_tokens + growing.count();
      return out;
    }
    out.settled_bytes += settled.bytes;
    out.settled_tokens += settled.tokens;
    if (is_last) return out;
    text.remove_prefix(settled.bytes);
  }
}

void encode_piece(const Vocabulary& vocabulary, std::string_view piece,
                  std::vector<uint32_t>& tokens) {
  if (const uint32_t token = vocabulary.find(piece); token != kNoToken) {
    tokens.push_back(token);
    return;
  }
  const Matching matching(vocabulary, piece);
  if (matching.size() == piece.size()) {
    matching.append_to(tokens);
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
