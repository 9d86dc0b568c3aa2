#include "route/provider_keys.hpp"

#include <algorithm>

namespace sluice::route {
namespace {

bool contains(std::span<const size_t> list, size_t index) {
  return std::find(list.begin(), list.end(), index) != list.end();
}

/// Rendezvous hashing: how much a session likes a key, by the finalizer of SplitMix64.
uint64_t liking(uint64_t session, size_t index) {
  uint64_t x = session + (static_cast<uint64_t>(index) + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

int64_t nanos(TimePoint at) { return at.time_since_epoch().count(); }

}  // namespace

KeyRotation::KeyRotation(size_t keys)
    : size_(keys), free_at_(std::make_unique<std::atomic<int64_t>[]>(keys)) {
  for (size_t i = 0; i < size_; ++i) free_at_[i].store(INT64_MIN, std::memory_order_relaxed);
}

std::optional<KeyRotation::Choice> KeyRotation::pick(TimePoint now, std::span<const size_t> exclude,
                                                     std::optional<uint64_t> session) {
  if (size_ == 0) return std::nullopt;
  const size_t first = session ? 0 : next_.fetch_add(1, std::memory_order_relaxed);
  std::optional<Choice> free;
  std::optional<Choice> soonest;
  uint64_t most = 0;  // that a free key is liked
  size_t home = size_;
  uint64_t most_of_all = 0;
  for (size_t i = 0; i < size_; ++i) {
    const size_t index = (first + i) % size_;
    const uint64_t liked = session ? liking(*session, index) : 0;
    if (session && (home == size_ || liked > most_of_all)) {
      home = index;
      most_of_all = liked;
    }
    if (contains(exclude, index)) continue;
    const int64_t free_at = free_at_[index].load(std::memory_order_relaxed);
    if (free_at <= nanos(now)) {
      if (!session) return Choice{.index = index, .free_at = now, .home = size_ == 1};
      if (free && liked <= most) continue;
      free = Choice{.index = index, .free_at = now};
      most = liked;
    } else if (!soonest || free_at < nanos(soonest->free_at)) {
      soonest = Choice{.index = index, .free_at = TimePoint(Duration(free_at)), .resting = true};
    }
  }
  std::optional<Choice>& choice = free ? free : soonest;
  if (choice) choice->home = choice->index == home || size_ == 1;
  return choice;
}

bool KeyRotation::has_free(TimePoint now, std::span<const size_t> exclude) const {
  for (size_t i = 0; i < size_; ++i) {
    if (!contains(exclude, i) && free_at_[i].load(std::memory_order_relaxed) <= nanos(now)) {
      return true;
    }
  }
  return false;
}

void KeyRotation::rate_limited(size_t index, TimePoint now, std::optional<Duration> retry_after) {
  const Duration rest_for = std::clamp(retry_after.value_or(kDefaultRest), Duration(0), kMaxRest);
  rest(index, now + rest_for);
}

void KeyRotation::refused(size_t index, TimePoint now) { rest(index, now + kMaxRest); }

void KeyRotation::rest(size_t index, TimePoint until) {
  // The longest rest counts: a late 429 must not wake a key that was refused meanwhile.
  std::atomic<int64_t>& free_at = free_at_[index];
  int64_t held = free_at.load(std::memory_order_relaxed);
  while (held < nanos(until) &&
         !free_at.compare_exchange_weak(held, nanos(until), std::memory_order_relaxed)) {
  }
}

}  // namespace sluice::route
