#include "tokens/splitter.hpp"

#include <algorithm>

#include "tokens/char_class.hpp"
#include "tokens/utf8.hpp"
#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

constexpr uint8_t kOther = bit(CharClass::kOther);
constexpr uint8_t kUpper = bit(CharClass::kUpper);
constexpr uint8_t kLower = bit(CharClass::kLower);
constexpr uint8_t kMark = bit(CharClass::kMark);
constexpr uint8_t kNumber = bit(CharClass::kNumber);
constexpr uint8_t kSpace = bit(CharClass::kSpace);
constexpr uint8_t kNewline = bit(CharClass::kNewline);
constexpr uint8_t kBothCases = bit(CharClass::kLetter) | kMark;  // in both sets of o200k_base
constexpr uint8_t kAnyLetter = kUpper | kLower | bit(CharClass::kLetter);
constexpr uint8_t kSign = kOther | kMark;
// Marks are like letters in o200k_base only; elsewhere they are like punctuation.
template <Pattern pattern>
constexpr uint8_t kWord = kAnyLetter | (pattern == Pattern::kO200k ? kMark : 0);

const char* skip(const char* at, const char* end, uint8_t kinds) {
  for (;;) {
    // Steps of one byte need not wait for the byte.
    for (; at != end && static_cast<signed char>(*at) >= 0; ++at) {
      if ((sluice_tokens_classes[kClassBlocks + static_cast<uint8_t>(*at)] & kinds) == 0) return at;
    }
    const Char c = peek(at, end);
    if ((c.kind & kinds) == 0) return at;
    at += c.size;
  }
}

}  // namespace

Piece contraction(const char* at, const char* end, bool any_case) {
  const auto left = static_cast<size_t>(end - at);
  if (left == 0) return {at, true};
  if (*at != '\'') return {at, false};
  if (left == 1) return {at, true};
  const auto lower = [any_case](char c) { return any_case ? static_cast<char>(c | 0x20) : c; };
  const char first = lower(at[1]);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return {at + 2, false};
  const bool long_s = any_case && at[1] == '\xc5';
  if (first != 'r' && first != 'v' && first != 'l' && !long_s) return {at, false};
  if (left == 2) return {at, true};
  if (long_s) return {at[2] == '\xbf' ? at + 3 : at, false};
  return {lower(at[2]) == (first == 'l' ? 'l' : 'e') ? at + 3 : at, false};
}

template <Pattern pattern>
Opening opening(const char* begin, const char* end) {
  constexpr uint8_t kWordKinds = kWord<pattern>;
  Char c = peek(begin, end);
  const char* body = begin;
  if ((c.kind & (kSpace | kOther | kMark) & ~kWordKinds) != 0) {
    const Char next = peek(begin + c.size, end);
    // One character that may stand before a word; only a space may before other things.
    const uint8_t after_space = kWordKinds | kSign | (pattern == Pattern::kGpt2 ? kNumber : 0);
    const uint8_t after_other = pattern == Pattern::kGpt2 ? 0 : kWordKinds;
    if ((next.kind & (*begin == ' ' ? after_space : after_other)) != 0) {
      body += c.size;
      c = next;
    }
  }
  if ((c.kind & kWordKinds) != 0) return {PieceKind::kWord, body};
  if (c.kind == kNumber) return {PieceKind::kNumber, body};
  if ((c.kind & kSign) != 0) return {PieceKind::kSigns, body};
  return {PieceKind::kWhite, body};
}

template Opening opening<Pattern::kO200k>(const char*, const char*);
template Opening opening<Pattern::kCl100k>(const char*, const char*);
template Opening opening<Pattern::kGpt2>(const char*, const char*);

namespace {

// A word of o200k_base, from its first letter or mark. As the pattern takes as many letters that
// can be upper case as there are and then needs one that can be lower case, it ends in one of
// three ways.
Piece cased_word(const char* at, const char* end) {
  const char* last_both = nullptr;  // behind the last letter that is in both sets
  Char c = peek(at, end);
  while ((c.kind & (kUpper | kBothCases)) != 0) {
    at += c.size;
    if ((c.kind & kBothCases) != 0) last_both = at;
    c = peek(at, end);
  }
  if (c.kind == kLower) {
    at = skip(at, end, kLower | kBothCases);
  } else if (last_both != nullptr && last_both != at) {
    // Upper case follows and then nothing lower: it is given back.
    return {last_both, at == end};
  }
  return contraction(at, end, true);
}

// White space, of which a space that the next piece begins with is left over.
Piece white(const char* begin, const char* end, bool newlines_end) {
  const char* at = begin;
  const char* last = begin;            // where the last character begins
  const char* last_newline = nullptr;  // behind the last one
  for (;;) {
    const Char c = peek(at, end);
    if ((c.kind & (kSpace | kNewline)) == 0) break;
    last = at;
    at += c.size;
    if (newlines_end && c.kind == kNewline) last_newline = at;
  }
  const bool open = at == end;
  if (last_newline != nullptr) return {last_newline, open};
  return {open || last == begin ? at : last, open};
}

// Signs, and the newlines that may follow them.
template <Pattern pattern>
Piece signs(const char* at, const char* end, bool only_newlines) {
  if (!only_newlines) at = skip(at, end, kSign);
  if constexpr (pattern != Pattern::kGpt2) {
    while (at != end &&
           (*at == '\r' || *at == '\n' || (pattern == Pattern::kO200k && *at == '/'))) {
      ++at;
    }
  }
  return {at, at == end};
}

// The piece at `begin`, unless it is a contraction.
template <Pattern pattern>
Piece find_piece(const char* begin, const char* end) {
  constexpr bool kIsO200k = pattern == Pattern::kO200k;
  constexpr bool kIsGpt2 = pattern == Pattern::kGpt2;
  const Opening found = opening<pattern>(begin, end);
  const char* at = found.body;
  switch (found.kind) {
    case PieceKind::kWord:
      if constexpr (kIsO200k) return cased_word(at, end);
      at = skip(at, end, kWord<pattern>);
      return {at, at == end};
    case PieceKind::kNumber:
      if constexpr (kIsGpt2) {
        at = skip(at, end, kNumber);
        return {at, at == end};
      }
      for (int digits = 0; digits < 3; ++digits) {
        const Char c = peek(at, end);
        if (c.kind != kNumber) return {at, at == end};
        at += c.size;
      }
      return {at, false};
    case PieceKind::kSigns:
      return signs<pattern>(at, end, false);
    case PieceKind::kWhite:
      return white(begin, end, !kIsGpt2);
  }
  return {end, true};
}

}  // namespace

template <Pattern pattern>
Piece next_piece(const char* begin, const char* end) {
  Piece piece;
  if (pattern != Pattern::kO200k && *begin == '\'') {
    piece = contraction(begin, end, pattern == Pattern::kCl100k);
  }
  if (piece.end == nullptr || piece.end == begin) {
    // What may yet become a contraction is open, also where it is two pieces so far.
    const bool open = piece.open;
    piece = find_piece<pattern>(begin, end);
    piece.open |= open;
  }
  work_done += static_cast<uint64_t>(piece.end - begin);
  return piece;
}

template <Pattern pattern>
Piece rest_of_piece(Resume from, const char* begin, const char* end) {
  if (from == Resume::kAnew) return next_piece<pattern>(begin, end);
  Piece piece;
  if (from == Resume::kLower) {
    piece = contraction(skip(begin, end, kLower | kBothCases), end, true);
  } else {
    piece = signs<pattern>(begin, end, from == Resume::kEnding);
  }
  work_done += static_cast<uint64_t>(piece.end - begin);
  return piece;
}

template <Pattern pattern>
std::optional<Resume> resume_after(Resume from, std::string_view text, size_t size) {
  const char* at = text.data();
  const char* end = at + size;
  PieceKind kind = from == Resume::kLower ? PieceKind::kWord : PieceKind::kSigns;
  if (from == Resume::kAnew) kind = opening<pattern>(at, at + text.size()).kind;
  switch (kind) {
    case PieceKind::kWord:
      // Without lower case so far, a word of o200k_base is upper case alone or has a letter of no
      // case at its end, so that what is left tells how it goes on.
      if (pattern != Pattern::kO200k || from == Resume::kLower) return from;
      while (at != end) {
        const Char c = peek(at, end);
        if (c.kind == kLower) return Resume::kLower;
        at += c.size;
      }
      return Resume::kAnew;
    case PieceKind::kNumber:
      return Resume::kAnew;
    case PieceKind::kSigns:
      if (pattern == Pattern::kGpt2) return Resume::kSigns;
      if (from == Resume::kEnding) return from;
      return std::find_if(at, end, [](char c) { return c == '\r' || c == '\n'; }) == end
                 ? Resume::kSigns
                 : Resume::kEnding;
    case PieceKind::kWhite:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Resume> resume_after(Pattern pattern, Resume from, std::string_view text,
                                   size_t size) {
  switch (pattern) {
    case Pattern::kO200k:
      return resume_after<Pattern::kO200k>(from, text, size);
    case Pattern::kCl100k:
      return resume_after<Pattern::kCl100k>(from, text, size);
    case Pattern::kGpt2:
      return resume_after<Pattern::kGpt2>(from, text, size);
  }
  return std::nullopt;
}

template Piece rest_of_piece<Pattern::kO200k>(Resume, const char*, const char*);
template Piece rest_of_piece<Pattern::kCl100k>(Resume, const char*, const char*);
template Piece rest_of_piece<Pattern::kGpt2>(Resume, const char*, const char*);

template Piece next_piece<Pattern::kO200k>(const char*, const char*);
template Piece next_piece<Pattern::kCl100k>(const char*, const char*);
template Piece next_piece<Pattern::kGpt2>(const char*, const char*);

}  // namespace sluice::tokens
