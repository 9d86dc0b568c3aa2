#include "quota/spending.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "base/calendar.hpp"

namespace sluice::quota {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Of whoever begins a day, which is so rare that all share one.
constinit std::mutex beginning;

int64_t minus(int64_t a, int64_t b) {
  int64_t out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return b < 0 ? kMost : std::numeric_limits<int64_t>::min();
}

Spending::Periods periods_of(int64_t day) {
  return {0, static_cast<int32_t>(day), static_cast<int32_t>(week_of(day)),
          static_cast<int32_t>(month_of(day))};
}

}  // namespace

const std::atomic<int64_t>* Spending::Count::used_in(int32_t wanted) const {
  for (size_t i = 0; i < period.size(); ++i) {
    if (period[i].load(std::memory_order_acquire) == wanted) return &used[i];
  }
  return nullptr;
}

std::atomic<int64_t>* Spending::Count::used_in(int32_t wanted) {
  const std::atomic<int64_t>* found = std::as_const(*this).used_in(wanted);
  return found != nullptr ? &used[static_cast<size_t>(found - used.data())] : nullptr;
}

void Spending::Count::begin(int32_t next) {
  if (used_in(next) != nullptr) return;
  const size_t older = period[0].load(kRelaxed) <= period[1].load(kRelaxed) ? 0 : 1;
  period[older].store(kNever, std::memory_order_release);
  used[older].store(0, kRelaxed);
  period[older].store(next, std::memory_order_release);
}

int64_t Spending::Count::available(int32_t at) const {
  const int64_t most = limit.load(kRelaxed);
  if (most == kNoLimit) return kMost;
  const std::atomic<int64_t>* found = used_in(at);
  return found != nullptr ? minus(most, found->load(kRelaxed)) : 0;
}

int64_t Spending::Count::take(int32_t at, int64_t wanted, int64_t least) {
  std::atomic<int64_t>* found = used_in(at);
  const int64_t most = limit.load(kRelaxed);
  if (found == nullptr) return most == kNoLimit ? wanted : 0;
  int64_t spent = found->load(kRelaxed);
  for (;;) {
    const int64_t room = most == kNoLimit ? kMost : minus(most, spent);
    if (room < least) return 0;
    const int64_t taken = std::min(wanted, room);
    if (found->compare_exchange_weak(spent, minus(spent, -taken), kRelaxed)) return taken;
  }
}

void Spending::Count::add(int32_t at, int64_t amount) {
  std::atomic<int64_t>* found = used_in(at);
  if (found == nullptr || amount == 0) return;
  int64_t spent = found->load(kRelaxed);
  while (!found->compare_exchange_weak(spent, minus(spent, amount), kRelaxed)) {
  }
}

Spending::Spending(const store::Key& key) {
  start(key.used_money, key.spent);
  set_limits(key);
}

Spending::Spending(const store::Member& member) {
  start({}, member.spent);
  set_limits(member.budgets);
}

void Spending::start(Money in_all, const store::Spent& spent) {
  const Periods periods = periods_of(spent.on);
  const int64_t sums[] = {in_all.nanos, spent.day.nanos, spent.week.nanos, spent.month.nanos};
  for (size_t i = 0; i < kCaps; ++i) {
    counts_[i].begin(periods[i]);
    counts_[i].add(periods[i], -sums[i]);
  }
  day_.store(static_cast<int32_t>(spent.on), kRelaxed);
}

void Spending::correct(const store::Spent& before, const store::Spent& now, int64_t in_all) {
  enter(now.on);
  const Periods was = periods_of(before.on);
  const Periods is = periods_of(now.on);
  const int64_t had[] = {0, before.day.nanos, before.week.nanos, before.month.nanos};
  const int64_t have[] = {in_all, now.day.nanos, now.week.nanos, now.month.nanos};
  for (size_t i = 0; i < kCaps; ++i) {
    if (was[i] > is[i]) {
      // The books never got what has begun that period here.
      counts_[i].add(was[i], had[i]);
    } else {
      counts_[i].add(is[i], minus(was[i] == is[i] ? had[i] : 0, have[i]));
    }
  }
}

void Spending::set(size_t cap, const std::optional<Money>& limit) {
  counts_[cap].limit.store(limit ? std::max<int64_t>(0, limit->nanos) : kNoLimit, kRelaxed);
}

void Spending::set_limits(const store::Key& key) {
  set(0, key.quota_money);
  set(1, key.budget_day);
  set(2, key.budget_week);
  set(3, key.budget_month);
}

void Spending::set_limits(const store::Budgets& budgets) {
  set(1, budgets.day);
  set(2, budgets.week);
  set(3, budgets.month);
}

void Spending::close() { closed_.store(true, kRelaxed); }

bool Spending::limited() const {
  return closed_.load(kRelaxed) || std::ranges::any_of(counts_, [](const Count& each) {
           return each.limit.load(kRelaxed) != kNoLimit;
         });
}

Spending::Periods Spending::enter(int64_t day) {
  const int32_t before = day_.load(std::memory_order_acquire);
  if (day <= before) return periods_of(before);
  const std::scoped_lock lock(beginning);
  if (day <= day_.load(kRelaxed)) return periods_of(day_.load(kRelaxed));
  const Periods periods = periods_of(day);
  for (size_t i = 0; i < kCaps; ++i) counts_[i].begin(periods[i]);
  day_.store(static_cast<int32_t>(day), std::memory_order_release);
  return periods;
}

int64_t Spending::available(const Periods& periods) const {
  if (closed_.load(kRelaxed)) return 0;
  int64_t least = kMost;
  for (size_t i = 0; i < kCaps; ++i) least = std::min(least, counts_[i].available(periods[i]));
  return least;
}

Spending::Cap Spending::short_of(const Periods& periods, int64_t wanted) const {
  if (closed_.load(kRelaxed)) return Cap::kAll;
  for (size_t i = 0; i < kCaps; ++i) {
    if (counts_[i].available(periods[i]) < wanted) return static_cast<Cap>(i);
  }
  return Cap::kNone;
}

int64_t Spending::take(const Periods& periods, int64_t wanted, int64_t least) {
  if (closed_.load(kRelaxed)) return 0;
  int64_t taken = wanted;
  for (size_t i = 0; i < kCaps; ++i) {
    const int64_t here = counts_[i].take(periods[i], taken, least);
    for (size_t k = 0; k < i; ++k) counts_[k].add(periods[k], taken - here);
    if (here == 0) return 0;
    taken = here;
  }
  return taken;
}

void Spending::add(const Periods& periods, int64_t amount) {
  for (size_t i = 0; i < kCaps; ++i) counts_[i].add(periods[i], amount);
}

}  // namespace sluice::quota
