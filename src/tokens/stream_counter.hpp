// Counts the tokens of a text that grows at its end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "tokens/encoding.hpp"

namespace sluice::tokens {

class OpenRegion;

/// After every add() the total is that of the whole text so far, and the work is proportional to
/// what was added, on every text. Keeps only what a suffix can still change: a few hundred bytes,
/// and no allocation but for a run of white space or signs that is longer than any token.
class StreamCounter {
 public:
  /// `encoding` is one of Encoding::get().
  explicit StreamCounter(const Encoding& encoding);
  StreamCounter(StreamCounter&&) noexcept;
  StreamCounter& operator=(StreamCounter&&) noexcept;
  ~StreamCounter();

  /// Appends; returns the total. It may be less than before: more text can join tokens.
  int64_t add(std::string_view text);
  int64_t total() const { return settled_ + unsettled_; }

 private:
  // An open piece of which more is not settled has state of its own, on the heap; it is longer
  // than any token.
  static constexpr size_t kTail = 144;
  static_assert(kTail > kMaxTokenBytes);
  // Of an open piece that is longer than kLongPiece the beginning is settled, where that leaves so
  // little that counting it again with every event is cheap.
  static constexpr size_t kLongPiece = 32;
  static constexpr size_t kMostKept = 60;

  size_t fill(std::string_view& text, char* to, size_t space);
  void consume(char* begin, char* end);
  int64_t count_with_partial() const;

  const Encoding* encoding_;
  int64_t settled_ = 0;    // tokens of the pieces that nothing can change any more
  int64_t unsettled_ = 0;  // tokens of what follows them
  std::unique_ptr<OpenRegion> region_;
  Resume resume_ = Resume::kAnew;  // how tail_ begins
  uint8_t tail_size_ = 0;
  uint8_t partial_size_ = 0;
  std::array<char, 3> partial_;   // a UTF-8 sequence that is not whole yet
  std::array<char, kTail> tail_;  // text behind the settled pieces, unless it is in region_
};

}  // namespace sluice::tokens
