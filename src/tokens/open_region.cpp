#include "tokens/open_region.hpp"

#include <algorithm>

#include "tokens/char_class.hpp"

namespace sluice::tokens {

namespace {

constexpr uint8_t kUpper = bit(CharClass::kUpper);
constexpr uint8_t kLower = bit(CharClass::kLower);
constexpr uint8_t kLetter = bit(CharClass::kLetter);
constexpr uint8_t kMark = bit(CharClass::kMark);
constexpr uint8_t kOther = bit(CharClass::kOther);
constexpr uint8_t kNumber = bit(CharClass::kNumber);
constexpr uint8_t kSpace = bit(CharClass::kSpace);
constexpr uint8_t kNewline = bit(CharClass::kNewline);

Opening open(Pattern pattern, std::string_view text) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  switch (pattern) {
    case Pattern::kO200k:
      return opening<Pattern::kO200k>(begin, end);
    case Pattern::kCl100k:
      return opening<Pattern::kCl100k>(begin, end);
    case Pattern::kGpt2:
      return opening<Pattern::kGpt2>(begin, end);
  }
  return {};
}

}  // namespace

OpenRegion::OpenRegion(const Vocabulary& vocabulary, Pattern pattern, Resume from,
                       std::string_view text)
    : vocabulary_(&vocabulary),
      pattern_(pattern),
      fixed_(from == Resume::kLower || from == Resume::kEnding),
      whole_(vocabulary),
      rest_(vocabulary) {
  size_t before = 0;
  if (from == Resume::kAnew) {
    const Opening found = open(pattern, text);
    kind_ = found.kind;
    before = static_cast<size_t>(found.body - text.data());
  } else {
    kind_ = from == Resume::kLower ? PieceKind::kWord : PieceKind::kSigns;
  }
  whole_.push(text.substr(0, before));
  feed(text.substr(before));
}

size_t OpenRegion::feed(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end && !ended_) {
    const Char c = peek(at, end);
    if (!take({at, c.size}, c.kind)) {
      ended_ = true;
      break;
    }
    at += c.size;
  }
  return static_cast<size_t>(at - text.data());
}

// False for a character that is not part of the region.
bool OpenRegion::take(std::string_view bytes, uint8_t kind) {
  switch (kind_) {
    case PieceKind::kWord:
      if (pattern_ == Pattern::kO200k) return take_cased(bytes, kind);
      if ((kind & (kUpper | kLower | kLetter)) == 0) return false;
      break;
    case PieceKind::kNumber:
      if (kind != kNumber) return false;
      break;
    case PieceKind::kSigns:
      return take_sign(bytes, kind);
    case PieceKind::kWhite:
      return take_white(bytes, kind);
  }
  whole_.push(bytes);
  return true;
}

bool OpenRegion::take_cased(std::string_view bytes, uint8_t kind) {
  if (held_size_ > 0) return take_held(bytes);
  if (bytes == "'") {
    hold(bytes);
    return true;
  }
  if ((kind & (kUpper | kLower | kLetter | kMark)) == 0 || (fixed_ && kind == kUpper)) return false;
  whole_.push(bytes);
  if (fixed_) return true;
  if (kind == kLower) {
    fixed_ = true;
    split_ = false;
    rest_.clear();
  } else if (kind == kUpper) {
    if (split_) rest_.push(bytes);
  } else {
    split_here();
  }
  return true;
}

// After an apostrophe at the end of a word.
bool OpenRegion::take_held(std::string_view bytes) {
  const size_t before = held_size_;
  hold(bytes);
  const Piece found = contraction(held_.data(), held_.data() + held_size_, true);
  if (found.open) return true;
  if (found.end == held_.data()) {
    held_size_ = static_cast<uint8_t>(before);
    return false;
  }
  if (rest_.size() == 0) split_ = false;
  last_piece().push({held_.data(), held_size_});
  held_size_ = 0;
  ended_ = true;
  return true;
}

bool OpenRegion::take_sign(std::string_view bytes, uint8_t kind) {
  const bool may_end_in_newlines = pattern_ != Pattern::kGpt2;
  if (may_end_in_newlines && kind == kNewline) {
    fixed_ = true;
  } else if (fixed_) {
    if (pattern_ != Pattern::kO200k || bytes != "/") return false;
  } else if ((kind & (kOther | kMark)) == 0) {
    return false;
  }
  whole_.push(bytes);
  return true;
}

bool OpenRegion::take_white(std::string_view bytes, uint8_t kind) {
  if ((kind & (kSpace | kNewline)) == 0) {
    // The last character may begin the next piece, or is one of its own; not behind a newline
    // that ends a piece.
    if (!split_ || rest_.size() > 0) {
      last_piece().pop(held_size_);
    } else {
      held_size_ = 0;
    }
    return false;
  }
  held_size_ = 0;
  hold(bytes);
  whole_.push(bytes);
  if (kind == kNewline && pattern_ != Pattern::kGpt2) {
    split_here();
  } else if (split_) {
    rest_.push(bytes);
  }
  return true;
}

void OpenRegion::split_here() {
  split_ = true;
  before_split_ = whole_.count();
  rest_.clear();
}

void OpenRegion::hold(std::string_view bytes) {
  std::copy(bytes.begin(), bytes.end(), held_.begin() + held_size_);
  held_size_ = static_cast<uint8_t>(held_size_ + bytes.size());
}

size_t OpenRegion::count() const {
  size_t count = split_ ? before_split_ + rest_.count() : whole_.count();
  if (!ended_ && kind_ == PieceKind::kWord && held_size_ > 0) {
    count += count_piece(*vocabulary_, {held_.data(), held_size_});
  }
  return count;
}

}  // namespace sluice::tokens
