#include "route/provider_keys.hpp"

#include <algorithm>

namespace sluice::route {
namespace {

bool contains(std::span<const size_t> list, size_t index) {
  return std::find(list.begin(), list.end(), index) != list.end();
}

int64_t nanos(TimePoint at) { return at.time_since_epoch().count(); }

}  // namespace

KeyRotation::KeyRotation(size_t keys)
    : size_(keys), free_at_(std::make_unique<std::atomic<int64_t>[]>(keys)) {
  for (size_t i = 0; i < size_; ++i) free_at_[i].store(INT64_MIN, std::memory_order_relaxed);
}

std::optional<KeyRotation::Choice> KeyRotation::pick(TimePoint now,
                                                     std::span<const size_t> exclude) {
  if (size_ == 0) return std::nullopt;
  const size_t first = next_.fetch_add(1, std::memory_order_relaxed);
  std::optional<Choice> soonest;
  for (size_t i = 0; i < size_; ++i) {
    const size_t index = (first + i) % size_;
    if (contains(exclude, index)) continue;
    const int64_t free_at = free_at_[index].load(std::memory_order_relaxed);
    if (free_at <= nanos(now)) return Choice{index, now, false};
    if (!soonest || free_at < nanos(soonest->free_at)) {
      soonest = Choice{index, TimePoint(Duration(free_at)), true};
    }
  }
  return soonest;
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
