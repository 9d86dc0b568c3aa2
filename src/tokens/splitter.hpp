// Cuts text into the pieces within which tokens merge: what the regular expressions published
// with the encodings match, one after the other, written out by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::tokens {

/// Whose pattern. cl100k_base and o200k_base have one each; the older two share GPT-2's.
///
///   kO200k   [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+C?
///            |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*C?
///            |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
///   kCl100k  C|[^\r\n\p{L}\p{N}]?\p{L}+
///            |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
///   kGpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// where C is (?i:'s|'t|'re|'ve|'m|'ll|'d), which holds for U+017F too, the long s.
enum class Pattern : uint8_t { kO200k, kCl100k, kGpt2 };

struct Piece {
  const char* end = nullptr;
  /// More text behind the end of this one could move this end.
  bool open = false;
};

/// What the piece at a place is made of, told by its first two characters.
enum class PieceKind : uint8_t { kWord, kNumber, kSigns, kWhite };

struct Opening {
  PieceKind kind = PieceKind::kWhite;
  /// Where its first word character, digit or sign stands, behind what may stand before one.
  const char* body = nullptr;
};

/// The piece at `begin`, unless it is a contraction.
template <Pattern pattern>
Opening opening(const char* begin, const char* end);

/// The end of the contraction at `at` after a word or at a piece's begin, `at` itself when there
/// is none.
Piece contraction(const char* at, const char* end, bool any_case);

/// The piece that begins at `begin`, which lies before `end`. The text is valid UTF-8. The work is
/// proportional to the piece and to what follows it of the same kind, which the next piece takes.
template <Pattern pattern>
Piece next_piece(const char* begin, const char* end);

/// How a piece goes on whose beginning is not there any more.
enum class Resume : uint8_t {
  kAnew,    // as if it began here
  kLower,   // a word of o200k_base that has lower case
  kSigns,   // signs
  kEnding,  // the newlines behind signs
};

/// How the open piece that the text is, and began as `from` says, goes on after `size` bytes of
/// it, which are not all. Nothing where it cannot: of white space the whole is needed.
std::optional<Resume> resume_after(Pattern pattern, Resume from, std::string_view text,
                                   size_t size);

/// The rest of a piece, like next_piece().
template <Pattern pattern>
Piece rest_of_piece(Resume from, const char* begin, const char* end);

/// Calls `each(piece, open)` for every piece of the text until it returns false. The first one
/// begins as `from` says.
template <Pattern pattern, typename Each>
void for_each_piece(Resume from, std::string_view text, Each each) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    const Piece piece = from == Resume::kAnew ? next_piece<pattern>(at, end)
                                              : rest_of_piece<pattern>(from, at, end);
    if (!each(std::string_view(at, piece.end), piece.open)) return;
    at = piece.end;
    from = Resume::kAnew;
  }
}
template <typename Each>
void for_each_piece(Pattern pattern, Resume from, std::string_view text, Each each) {
  switch (pattern) {
    case Pattern::kO200k:
      return for_each_piece<Pattern::kO200k>(from, text, each);
    case Pattern::kCl100k:
      return for_each_piece<Pattern::kCl100k>(from, text, each);
    case Pattern::kGpt2:
      return for_each_piece<Pattern::kGpt2>(from, text, each);
  }
}
template <typename Each>
void for_each_piece(Pattern pattern, std::string_view text, Each each) {
  for_each_piece(pattern, Resume::kAnew, text, each);
}

}  // namespace sluice::tokens
