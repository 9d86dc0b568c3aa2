#include "tokens/stream_counter.hpp"

#include <algorithm>
#include <cstring>

#include "tokens/bpe.hpp"
#include "tokens/open_region.hpp"
#include "tokens/utf8.hpp"

namespace sluice::tokens {

namespace {

// Before what is worked on there is room for what an open region leaves over.
constexpr size_t kHeadroom = 16;
constexpr size_t kChunk = 4096;

}  // namespace

StreamCounter::StreamCounter(const Encoding& encoding) : encoding_(&encoding) {
  static_assert(sizeof(StreamCounter) <= 192);
}
StreamCounter::StreamCounter(StreamCounter&&) noexcept = default;
StreamCounter& StreamCounter::operator=(StreamCounter&&) noexcept = default;
StreamCounter::~StreamCounter() = default;

int64_t StreamCounter::add(std::string_view text) {
  if (text.empty()) return total();
  char buffer[kHeadroom + kTail + kChunk];
  char* begin = buffer + kHeadroom;
  do {
    std::memcpy(begin, tail_.data(), tail_size_);
    char* end = begin + tail_size_;
    tail_size_ = 0;
    end += fill(text, end, kChunk);
    consume(begin, end);
  } while (!text.empty());
  if (partial_size_ > 0) unsettled_ = count_with_partial();
  return total();
}

// Moves text to `to` as valid UTF-8, as much as there is space for; what may be the beginning of
// a character is kept in partial_. Returns how much was written.
size_t StreamCounter::fill(std::string_view& text, char* to, size_t space) {
  size_t size = 0;
  const auto put = [&](std::string_view bytes) {
    std::ranges::copy(bytes, to + size);
    size += bytes.size();
  };
  while (partial_size_ > 0 && !text.empty()) {
    std::array<char, 4> sequence;
    std::copy_n(partial_.begin(), partial_size_, sequence.begin());
    sequence[partial_size_] = text[0];
    const std::string_view bytes(sequence.data(), partial_size_ + 1U);
    if (valid_prefix(bytes) == bytes.size()) {
      put(bytes);
      partial_size_ = 0;
      text.remove_prefix(1);
    } else if (malformed_at(bytes).incomplete) {
      partial_[partial_size_++] = text[0];
      text.remove_prefix(1);
    } else {
      put(kReplacement);
      partial_size_ = 0;
    }
  }
  while (!text.empty() && space - size >= kReplacement.size() + 1) {
    const std::string_view window = text.substr(0, space - size);
    const size_t valid = valid_prefix(window);
    put(window.substr(0, valid));
    text.remove_prefix(valid);
    if (valid == window.size()) continue;
    const Malformed found = malformed_at(text);
    if (found.incomplete) {
      std::copy_n(text.begin(), found.size, partial_.begin());
      partial_size_ = static_cast<uint8_t>(found.size);
    } else if (malformed_at(window.substr(valid)).incomplete) {
      break;  // whole, but not in what is left of the space
    } else {
      if (space - size < kReplacement.size()) break;
      put(kReplacement);
    }
    text.remove_prefix(found.size);
  }
  return size;
}

// Settles what can be settled of the text, which begins where the settled pieces end, or with an
// open region where that ends, and keeps and counts the rest. There is kHeadroom before `begin`.
void StreamCounter::consume(char* begin, char* end) {
  if (region_) {
    begin += region_->feed({begin, end});
    unsettled_ = static_cast<int64_t>(region_->count());
    if (!region_->ended()) return;
    settled_ += unsettled_;
    const std::string_view left_over = region_->left_over();
    begin -= left_over.size();
    std::memcpy(begin, left_over.data(), left_over.size());
    region_.reset();
  }
  const Vocabulary& vocabulary = encoding_->vocabulary();
  const Pattern pattern = encoding_->pattern();
  size_t settled = 0;
  size_t unsettled = 0;
  const char* rest = begin;  // what is behind the settled, and how it begins
  Resume resume = resume_;
  for_each_piece(pattern, resume_, {begin, end}, [&](std::string_view piece, bool open) {
    const char* behind = piece.data() + piece.size();
    if (piece.data() != rest || (open && behind != end)) {
      unsettled += count_piece(vocabulary, piece);
    } else if (!open) {
      settled += count_piece(vocabulary, piece);
      rest = behind;
      resume = Resume::kAnew;
    } else if (piece.size() <= kLongPiece) {
      unsettled += count_piece(vocabulary, piece);
    } else {
      const OpenCount count = count_open(vocabulary, piece);
      unsettled += count.tokens;
      if (count.settled_bytes == 0 || piece.size() - count.settled_bytes > kMostKept) return true;
      const auto after = resume_after(pattern, resume, piece, count.settled_bytes);
      if (!after) return true;
      settled += count.settled_tokens;
      unsettled -= count.settled_tokens;
      rest += count.settled_bytes;
      resume = *after;
    }
    return true;
  });
  settled_ += static_cast<int64_t>(settled);
  unsettled_ = static_cast<int64_t>(unsettled);
  const auto size = static_cast<size_t>(end - rest);
  if (size > kTail) {
    region_ =
        std::make_unique<OpenRegion>(vocabulary, pattern, resume, std::string_view(rest, end));
    resume_ = Resume::kAnew;
  } else {
    std::memcpy(tail_.data(), rest, size);
    tail_size_ = static_cast<uint8_t>(size);
    resume_ = resume;
  }
}

// Of what is unsettled, with bytes that are not a character yet: they count as what stands for
// them should none follow.
int64_t StreamCounter::count_with_partial() const {
  std::array<char, kTail + 8> text;
  size_t count = 0;
  size_t size = 0;
  const auto append = [&](std::string_view bytes) {
    std::ranges::copy(bytes, text.data() + size);
    size += bytes.size();
  };
  if (region_) {
    OpenRegion region = *region_;
    const bool taken = region.feed(kReplacement) > 0;
    count = region.count();
    append(region.left_over());
    if (!taken) append(kReplacement);
  } else {
    append({tail_.data(), tail_size_});
    append(kReplacement);
  }
  for_each_piece(encoding_->pattern(), resume_, {text.data(), size},
                 [&](std::string_view piece, bool) {
                   count += count_piece(encoding_->vocabulary(), piece);
                   return true;
                 });
  return static_cast<int64_t>(count);
}

}  // namespace sluice::tokens
