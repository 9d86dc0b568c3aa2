#include "tokens/vocabulary.hpp"

#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

// An array in the table, and past it, aligned to 4 bytes.
template <typename T>
const T* take(const unsigned char*& at, size_t count) {
  const auto* array = reinterpret_cast<const T*>(at);
  at += (count * sizeof(T) + 3) / 4 * 4;
  return array;
}

}  // namespace

Vocabulary::Vocabulary(const unsigned char* table)
    : header_(take<TableHeader>(table, 1)),
      offsets_(take<uint32_t>(table, header_->tokens + 1)),
      splits_(take<uint32_t>(table, header_->tokens)),
      pieces_(take<uint32_t>(table, header_->pieces.slots)),
      pairs_(reinterpret_cast<const char*>(take<uint64_t>(table, header_->pairs.slots))),
      trie_(reinterpret_cast<const char*>(take<uint64_t>(table, header_->trie_units))),
      single_(take<uint16_t>(table, 256)),
      piece_pilots_(take<uint16_t>(table, header_->pieces.buckets)),
      pair_pilots_(take<uint16_t>(table, header_->pairs.buckets)),
      character_blocks_(take<uint16_t>(table, kCharacterBlocks)),
      characters_(take<uint32_t>(table, size_t{header_->blocks} * kCharacterBlock)),
      leads_(take<uint32_t>(table, kCharacterBlocks)),
      first_reaches_(take<uint8_t>(table, 256)),
      near_reaches_(take<uint8_t>(table, kReaches)),
      far_reaches_(take<uint8_t>(table, kReaches)),
      bytes_(reinterpret_cast<const char*>(table)) {}

// Both tokens are taken apart, the one that was made last first, and at each step the pair at the
// border is looked at: had it merged to a smaller token than what was made next, it would have
// merged before. On equal ranks the left one goes first.
bool Vocabulary::stand_beside(uint32_t left, uint32_t right) const {
  uint32_t limit = kNoToken;  // merges below this would have come before
  for (;;) {
    ++work_done;
    if (merged(left, right) < limit) return false;
    bool left_is_whole = left_of(left) == left;
    const bool right_is_whole = left_of(right) == right;
    if (left_is_whole && right_is_whole) return true;
    if (right_is_whole || (!left_is_whole && left > right)) {
      limit = left;
      left = right_of(left);
    } else {
      limit = right + 1;
      right = left_of(right);
    }
  }
}

}  // namespace sluice::tokens
