#include "quota/spending.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/calendar.hpp"

namespace sluice::quota {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

int64_t minus(int64_t a, int64_t b) {
  int64_t out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return b < 0 ? kMost : std::numeric_limits<int64_t>::min();
}

Spending::Periods periods_of(int64_t day) { return {0, day, week_of(day), month_of(day)}; }

}  // namespace

const Spending::Slot* Spending::Cap::slot(int64_t period) const {
  const auto* found = std::ranges::find_if(slots, [&](const Slot& each) {
    return each.period.load(std::memory_order_acquire) == period;
  });
  return found != slots.end() ? found : nullptr;
}

Spending::Slot* Spending::Cap::slot(int64_t period) {
  const Slot* found = std::as_const(*this).slot(period);
  return found != nullptr ? &slots[static_cast<size_t>(found - slots.data())] : nullptr;
}

void Spending::Cap::begin(int64_t period) {
  if (slot(period) != nullptr) return;
  Slot& older = *std::ranges::min_element(
      slots, {}, [](const Slot& each) { return each.period.load(kRelaxed); });
  older.period.store(INT64_MIN, std::memory_order_release);
  older.used.store(0, kRelaxed);
  older.period.store(period, std::memory_order_release);
}

int64_t Spending::Cap::available(int64_t period) const {
  const int64_t most = limit.load(kRelaxed);
  if (most == kNoLimit) return kMost;
  const Slot* found = slot(period);
  return found != nullptr ? minus(most, found->used.load(kRelaxed)) : 0;
}

int64_t Spending::Cap::take(int64_t period, int64_t wanted, int64_t least) {
  Slot* found = slot(period);
  const int64_t most = limit.load(kRelaxed);
  if (found == nullptr) return most == kNoLimit ? wanted : 0;
  int64_t used = found->used.load(kRelaxed);
  for (;;) {
    const int64_t room = most == kNoLimit ? kMost : minus(most, used);
    if (room < least) return 0;
    const int64_t taken = std::min(wanted, room);
    if (found->used.compare_exchange_weak(used, minus(used, -taken), kRelaxed)) return taken;
  }
}

void Spending::Cap::add(int64_t period, int64_t amount) {
  Slot* found = slot(period);
  if (found == nullptr || amount == 0) return;
  int64_t used = found->used.load(kRelaxed);
  while (!found->used.compare_exchange_weak(used, minus(used, amount), kRelaxed)) {
  }
}

Spending::Spending(const store::Key& key) {
  const Periods periods = periods_of(key.spent.on);
  const int64_t spent[] = {key.used_money.nanos, key.spent.day.nanos, key.spent.week.nanos,
                           key.spent.month.nanos};
  for (size_t i = 0; i < kCaps; ++i) {
    caps_[i].begin(periods[i]);
    caps_[i].add(periods[i], -spent[i]);
  }
  day_.store(key.spent.on, kRelaxed);
  set_limits(key);
}

void Spending::set_limits(const store::Key& key) {
  const std::optional<Money> limits[] = {key.quota_money, key.budget_day, key.budget_week,
                                         key.budget_month};
  for (size_t i = 0; i < kCaps; ++i) {
    caps_[i].limit.store(limits[i] ? std::max<int64_t>(0, limits[i]->nanos) : kNoLimit, kRelaxed);
  }
}

bool Spending::limited() const {
  return std::ranges::any_of(caps_,
                             [](const Cap& each) { return each.limit.load(kRelaxed) != kNoLimit; });
}

Spending::Periods Spending::enter(int64_t day) {
  const int64_t before = day_.load(std::memory_order_acquire);
  if (day <= before) return periods_of(before);
  const std::scoped_lock lock(mutex_);
  if (day <= day_.load(kRelaxed)) return periods_of(day_.load(kRelaxed));
  const Periods periods = periods_of(day);
  for (size_t i = 0; i < kCaps; ++i) caps_[i].begin(periods[i]);
  day_.store(day, std::memory_order_release);
  return periods;
}

int64_t Spending::available(const Periods& periods) const {
  int64_t least = kMost;
  for (size_t i = 0; i < kCaps; ++i) least = std::min(least, caps_[i].available(periods[i]));
  return least;
}

int64_t Spending::take(const Periods& periods, int64_t wanted, int64_t least) {
  int64_t taken = wanted;
  for (size_t i = 0; i < kCaps; ++i) {
    const int64_t here = caps_[i].take(periods[i], taken, least);
    for (size_t k = 0; k < i; ++k) caps_[k].add(periods[k], taken - here);
    if (here == 0) return 0;
    taken = here;
  }
  return taken;
}

void Spending::add(const Periods& periods, int64_t amount) {
  for (size_t i = 0; i < kCaps; ++i) caps_[i].add(periods[i], amount);
}

}  // namespace sluice::quota
