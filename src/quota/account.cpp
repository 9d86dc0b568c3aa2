#include "quota/account.hpp"

#include <algorithm>
#include <limits>

namespace sluice::quota {

namespace {

using Wide = __int128;

constexpr int64_t kMinute = 60'000'000'000;
// A debt of time never grows beyond this, about 36 years, so that no sum of two wraps.
constexpr int64_t kMostTime = std::numeric_limits<int64_t>::max() / 8;

int64_t nanos(TimePoint at) { return at.time_since_epoch().count(); }

// How long the drain needs for so many units. Rounded down, for a burst of n to admit n.
int64_t time_of(int64_t units, int64_t per_minute) {
  return static_cast<int64_t>(
      std::clamp<Wide>(Wide{units} * kMinute / per_minute, -kMostTime, kMostTime));
}

}  // namespace

int64_t Balance::take(int64_t wanted, int64_t least) {
  int64_t there = available_.load(std::memory_order_relaxed);
  while (there >= least) {
    const int64_t taken = std::min(there, wanted);
    if (available_.compare_exchange_weak(there, there - taken, std::memory_order_relaxed)) {
      return taken;
    }
  }
  return 0;
}

void Balance::add(int64_t amount) {
  if (amount == 0) return;
  int64_t there = available_.load(std::memory_order_relaxed);
  int64_t sum = 0;
  do {
    if (__builtin_add_overflow(there, amount, &sum)) {
      sum = amount > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
    }
  } while (!available_.compare_exchange_weak(there, sum, std::memory_order_relaxed));
}

Duration RateMeter::wait(int64_t least, int64_t per_minute, int64_t burst, TimePoint now) const {
  if (per_minute <= 0) return Duration::zero();
  const int64_t used = std::max<int64_t>(0, empty_at_.load(std::memory_order_relaxed) - nanos(now));
  const int64_t room = time_of(burst, per_minute) - time_of(std::min(least, burst), per_minute);
  return Duration(std::max<int64_t>(0, used - room));
}

std::optional<Duration> RateMeter::spend(int64_t units, int64_t least, int64_t per_minute,
                                         int64_t burst, TimePoint now) {
  if (per_minute <= 0) return std::nullopt;
  const int64_t at = nanos(now);
  const int64_t cost = time_of(units, per_minute);
  const int64_t room = time_of(burst, per_minute) - time_of(std::min(least, burst), per_minute);
  int64_t seen = empty_at_.load(std::memory_order_relaxed);
  int64_t next = 0;
  do {
    const int64_t used = std::max<int64_t>(0, seen - at);
    if (used > room) return Duration(used - room);
    next = at + std::min(used + cost, kMostTime);
  } while (!empty_at_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  return std::nullopt;
}

void RateMeter::correct(int64_t units, int64_t per_minute, TimePoint now) {
  if (per_minute <= 0 || units == 0) return;
  const int64_t at = nanos(now);
  const int64_t cost = time_of(units, per_minute);
  int64_t seen = empty_at_.load(std::memory_order_relaxed);
  int64_t next = 0;
  do {
    const int64_t used = std::max<int64_t>(0, seen - at);
    next = at + std::clamp<int64_t>(used + cost, 0, kMostTime);
  } while (!empty_at_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

int64_t RateMeter::remaining(int64_t per_minute, int64_t burst, TimePoint now) const {
  if (per_minute <= 0) return burst;
  // Rounded up, as what it costs was rounded down.
  const Wide used = (Wide{reset_after(now).count()} * per_minute + kMinute - 1) / kMinute;
  return static_cast<int64_t>(std::max<Wide>(0, burst - used));
}

Duration RateMeter::reset_after(TimePoint now) const {
  return Duration(std::max<int64_t>(0, empty_at_.load(std::memory_order_relaxed) - nanos(now)));
}

void Account::set_limits(const Limits& limits) {
  const auto set = [](std::atomic<int64_t>& to, int64_t value) {
    to.store(std::max<int64_t>(0, value), std::memory_order_relaxed);
  };
  set(rpm_, limits.requests_per_minute);
  set(burst_, std::max<int64_t>(limits.burst, limits.requests_per_minute > 0 ? 1 : 0));
  set(tpm_, limits.tokens_per_minute);
  set(max_parallel_, limits.max_parallel);
}

Limits Account::limits() const {
  return {.requests_per_minute = rpm_.load(std::memory_order_relaxed),
          .burst = burst_.load(std::memory_order_relaxed),
          .tokens_per_minute = tpm_.load(std::memory_order_relaxed),
          .max_parallel = max_parallel_.load(std::memory_order_relaxed)};
}

}  // namespace sluice::quota
