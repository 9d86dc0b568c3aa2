#include "route/conversations.hpp"

#include <algorithm>
#include <span>

namespace sluice::route {

size_t Conversations::first(uint64_t id) {
  // The low bits of the id alone would do if it were a good hash.
  return static_cast<size_t>((id * 0x9e3779b97f4a7c15) >> 32) % (kKept / kWays) * kWays;
}

std::optional<size_t> Conversations::member(uint64_t id) const {
  if (entries_.empty()) return std::nullopt;
  const std::span set = std::span(entries_).subspan(first(id), kWays);
  for (const Entry& entry : set) {
    if (entry.noted != 0 && entry.id == id) return entry.member;
  }
  return std::nullopt;
}

void Conversations::note(uint64_t id, size_t member) {
  if (entries_.empty()) entries_.resize(kKept);
  notes_ = std::max<uint32_t>(notes_ + 1, 1);
  const std::span set = std::span(entries_).subspan(first(id), kWays);
  Entry* taken = &set.front();
  for (Entry& entry : set) {
    if (entry.noted != 0 && entry.id == id) {
      taken = &entry;
      break;
    }
    if (entry.noted < taken->noted) taken = &entry;
  }
  *taken = {.id = id, .member = static_cast<uint32_t>(member), .noted = notes_};
}

}  // namespace sluice::route
