// Where the block of a prompt is kept, by its hash.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::workers {

/// From hashes to indices, in one piece of memory: a look-up touches one cache line, and nothing
/// is allocated as long as no more is held than before. Open addressing without tombstones.
class BlockMap {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  size_t size() const { return size_; }
  /// kNone: it is not there.
  uint32_t find(uint64_t hash) const {
    if (places_.empty()) return kNone;
    for (size_t at = home(hash);; at = next(at)) {
      if (places_[at].index == kNone || places_[at].hash == hash) return places_[at].index;
    }
  }
  /// It must not be there yet.
  void insert(uint64_t hash, uint32_t index) {
    if (2 * (size_ + 1) > places_.size()) grow();
    put(hash, index);
    ++size_;
  }
  void erase(uint64_t hash) {
    if (places_.empty()) return;
    size_t hole = home(hash);
    while (places_[hole].hash != hash || places_[hole].index == kNone) {
      if (places_[hole].index == kNone) return;
      hole = next(hole);
    }
    --size_;
    // What lies behind moves up, as long as that brings it no further than to its home.
    for (size_t at = next(hole); places_[at].index != kNone; at = next(at)) {
      const size_t from_home = (at - home(places_[at].hash)) & mask();
      if (from_home < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole].index = kNone;
  }
  void clear() {
    places_.clear();
    size_ = 0;
  }

 private:
  struct Place {
    uint64_t hash = 0;
    uint32_t index = kNone;
  };
  static constexpr size_t kFewest = 16;

  size_t mask() const { return places_.size() - 1; }
  size_t next(size_t at) const { return (at + 1) & mask(); }
  size_t home(uint64_t hash) const {
    return (hash * 0x9e3779b97f4a7c15) >> (64 - std::countr_zero(places_.size()));
  }
  void put(uint64_t hash, uint32_t index) {
    size_t at = home(hash);
    while (places_[at].index != kNone) at = next(at);
    places_[at] = {.hash = hash, .index = index};
  }
  void grow() {
    std::vector<Place> before(places_.empty() ? kFewest : 2 * places_.size());
    before.swap(places_);
    for (const Place& place : before) {
      if (place.index != kNone) put(place.hash, place.index);
    }
  }

  std::vector<Place> places_;  // a power of two of them, half of them free
  size_t size_ = 0;
};

}  // namespace sluice::workers
