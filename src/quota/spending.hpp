// What a key may spend in money: in all, and in a day, a week and a month (UTC).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/money.hpp"
#include "store/records.hpp"

namespace sluice::quota {

/// One object per key that has or has had such a limit, for the life of the process. Any thread;
/// without a lock but for the first call of a day.
class Spending {
 public:
  static constexpr size_t kCaps = 4;
  /// Which quota, day, week and month something is spent in; the latter three by their first day.
  using Periods = std::array<int64_t, kCaps>;

  /// With what the database says has been spent.
  explicit Spending(const store::Key& key);

  void set_limits(const store::Key& key);
  /// Whether there is any limit.
  bool limited() const;

  /// The periods of a day; never earlier ones than it has told before. What belongs to a period
  /// stays there when another has begun.
  Periods enter(int64_t day);

  /// What may be taken; INT64_MAX without a limit.
  int64_t available(const Periods& periods) const;
  /// Takes `wanted`, or what all limits leave if that is at least `least`; returns what was taken,
  /// 0 if it was refused. `wanted` >= `least` >= 1.
  int64_t take(const Periods& periods, int64_t wanted, int64_t least);
  /// Gives back, or (negative) spends whatever the limits say.
  void add(const Periods& periods, int64_t amount);

 private:
  struct Slot {
    std::atomic<int64_t> period{INT64_MIN};
    std::atomic<int64_t> used{0};
  };
  struct Cap {
    std::atomic<int64_t> limit{kNoLimit};
    // The present period and the one before, in which requests may still run.
    std::array<Slot, 2> slots;

    Slot* slot(int64_t period);
    const Slot* slot(int64_t period) const;
    void begin(int64_t period);
    int64_t available(int64_t period) const;
    int64_t take(int64_t period, int64_t wanted, int64_t least);
    void add(int64_t period, int64_t amount);
  };
  static constexpr int64_t kNoLimit = -1;

  std::array<Cap, kCaps> caps_;
  std::atomic<int64_t> day_{INT64_MIN};
  std::mutex mutex_;  // of whoever begins a day
};

}  // namespace sluice::quota
