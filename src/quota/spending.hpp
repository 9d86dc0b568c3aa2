// What may be spent in money: in all, and in a day, a week and a month (UTC).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/money.hpp"
#include "store/records.hpp"
#include "store/teams.hpp"

namespace sluice::quota {

/// What a key, or a member of a team, has spent and may still spend. It counts without a limit
/// too, so that one that is set later knows of what runs. Any thread; without a lock but for the
/// first call of a day.
class Spending {
 public:
  static constexpr size_t kCaps = 4;
  /// What one may be short of.
  enum class Cap : uint8_t { kAll, kDay, kWeek, kMonth, kNone };
  /// Which quota, day, week and month something is spent in; the latter three by their first day.
  using Periods = std::array<int32_t, kCaps>;

  /// Nothing has been spent, and nothing limits it.
  Spending() = default;
  explicit Spending(const store::Key& key);
  explicit Spending(const store::Member& member);

  /// Before anybody else uses it: what the database says has been spent.
  void start(Money in_all, const store::Spent& spent);

  void set_limits(const store::Key& key);
  void set_limits(const store::Budgets& budgets);
  /// The books have come from `before` to `now`, and to so much more in all, by what is not counted
  /// here. What belongs to a period that is over, and not to the one before, is of no interest.
  void correct(const store::Spent& before, const store::Spent& now, int64_t in_all);
  /// Nothing may be spent any more, whatever limits are set.
  void close();
  /// Whether there is any limit.
  bool limited() const;

  /// The periods of a day; never earlier ones than it has told before. What belongs to a period
  /// stays there when another has begun.
  Periods enter(int64_t day);

  /// What may be taken; INT64_MAX without a limit.
  int64_t available(const Periods& periods) const;
  /// The first limit that leaves less than `wanted`.
  Cap short_of(const Periods& periods, int64_t wanted) const;
  /// Takes `wanted`, or what all limits leave if that is at least `least`; returns what was taken,
  /// 0 if it was refused. `wanted` >= `least` >= 1.
  int64_t take(const Periods& periods, int64_t wanted, int64_t least);
  /// Gives back, or (negative) spends whatever the limits say.
  void add(const Periods& periods, int64_t amount);

 private:
  static constexpr int64_t kNoLimit = -1;
  static constexpr int32_t kNever = INT32_MIN;

  // There is one of these for each key, so that its size is what many keys take.
  struct Count {
    std::atomic<int64_t> limit{kNoLimit};
    // The present period and the one before, in which requests may still run.
    std::array<std::atomic<int64_t>, 2> used{};
    std::array<std::atomic<int32_t>, 2> period{kNever, kNever};

    std::atomic<int64_t>* used_in(int32_t period);
    const std::atomic<int64_t>* used_in(int32_t period) const;
    void begin(int32_t period);
    int64_t available(int32_t period) const;
    int64_t take(int32_t period, int64_t wanted, int64_t least);
    void add(int32_t period, int64_t amount);
  };

  void set(size_t cap, const std::optional<Money>& limit);

  std::array<Count, kCaps> counts_;
  std::atomic<int32_t> day_{kNever};
  std::atomic<bool> closed_{false};
};

}  // namespace sluice::quota
