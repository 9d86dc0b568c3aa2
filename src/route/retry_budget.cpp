#include "route/retry_budget.hpp"

#include <algorithm>

namespace sluice::route {
namespace {

uint64_t second_of(TimePoint at) {
  return static_cast<uint64_t>(
             std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count()) &
         0xFFFFFFFFU;
}

}  // namespace

void RetryBudget::add(Slots& slots, uint64_t second, int64_t n) {
  std::atomic<uint64_t>& slot = slots[second % kSlots];
  uint64_t held = slot.load(std::memory_order_relaxed);
  uint64_t wanted = 0;
  do {
    const uint64_t count = held >> 32 == second ? held & 0xFFFFFFFFU : 0;
    wanted = (second << 32) +
             static_cast<uint64_t>(std::max<int64_t>(static_cast<int64_t>(count) + n, 0));
  } while (!slot.compare_exchange_weak(held, wanted, std::memory_order_relaxed));
}

uint64_t RetryBudget::sum(const Slots& slots, uint64_t second) {
  uint64_t total = 0;
  for (const std::atomic<uint64_t>& slot : slots) {
    const uint64_t held = slot.load(std::memory_order_relaxed);
    const uint64_t age = second - (held >> 32);
    if (age < kWindow) total += held & 0xFFFFFFFFU;
  }
  return total;
}

void RetryBudget::on_request(TimePoint now) { add(requests_, second_of(now), 1); }

bool RetryBudget::take(TimePoint now) {
  if (share_ <= 0) return false;
  const uint64_t second = second_of(now);
  // Counted before it is checked: threads that race see each other's.
  add(retries_, second, 1);
  const uint64_t retries = sum(retries_, second);
  if (retries <= kFloor ||
      static_cast<double>(retries) <= share_ * static_cast<double>(sum(requests_, second))) {
    return true;
  }
  add(retries_, second, -1);
  return false;
}

}  // namespace sluice::route
