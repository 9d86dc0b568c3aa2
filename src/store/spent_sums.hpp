// What settlements add to the keys that they were made with, and to the members of the teams that
// paid for them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "base/calendar.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// For all databases, of which one looks at what has been set further left: spent_on is last. A
/// day, week or month that came later stays as it is, one that came earlier begins anew.
inline constexpr const char* kSpentColumns =
    "spent_day = CASE WHEN spent_on > :day1 THEN spent_day"
    " WHEN spent_on = :day2 THEN spent_day + :nanos1 ELSE :nanos2 END,"
    " spent_week = CASE WHEN spent_on >= :week1 THEN spent_week"
    " WHEN spent_on >= :week2 THEN spent_week + :nanos3 ELSE :nanos4 END,"
    " spent_month = CASE WHEN spent_on >= :month1 THEN spent_month"
    " WHEN spent_on >= :month2 THEN spent_month + :nanos5 ELSE :nanos6 END,"
    " spent_on = CASE WHEN spent_on > :day3 THEN spent_on ELSE :day4 END";

/// What kSpentColumns takes, in its order.
inline std::array<int64_t, 14> spent_values(int64_t day, int64_t nanos) {
  const int64_t week = week_of(day);
  const int64_t month = month_of(day);
  const int64_t next_week = week + 7;
  const int64_t next_month = month_of(month + 31);
  return {day,   day,        nanos, nanos, next_week, week, nanos,
          nanos, next_month, month, nanos, nanos,     day,  day};
}

/// What kSpentColumns does. Saturates.
inline void add_spent(Spent& spent, int64_t day, int64_t nanos) {
  const auto add = [&](Money& sum, int64_t begins, int64_t next) {
    if (spent.on >= next) return;
    if (spent.on < begins) sum = {};
    if (__builtin_add_overflow(sum.nanos, nanos, &sum.nanos)) {
      sum.nanos = nanos > 0 ? INT64_MAX : INT64_MIN;
    }
  };
  add(spent.day, day, day + 1);
  add(spent.week, week_of(day), week_of(day) + 7);
  add(spent.month, month_of(day), month_of(month_of(day) + 31));
  spent.on = std::max(spent.on, day);
}

/// By key and day, in the order of both. The day (UTC) on which a request began is the one that it
/// counts for.
class KeySums {
 public:
  struct Sum {
    int64_t tokens = 0;
    int64_t nanos = 0;
  };
  struct Place {
    int64_t key = 0;
    int64_t day = 0;
    auto operator<=>(const Place&) const = default;
  };

  /// False when it does not fit into 64 bits.
  [[nodiscard]] bool add(const Settlement& settlement) {
    const int64_t tokens = settlement.charged.total();
    const int64_t nanos = settlement.cost.nanos;
    if (settlement.key_id == 0 || (tokens == 0 && nanos == 0)) return true;
    Sum& sum = sums_[{settlement.key_id, day_of(settlement.started_at)}];
    return !__builtin_add_overflow(sum.tokens, tokens, &sum.tokens) &&
           !__builtin_add_overflow(sum.nanos, nanos, &sum.nanos);
  }
  void clear() { sums_.clear(); }
  auto begin() const { return sums_.begin(); }
  auto end() const { return sums_.end(); }

  static std::string update() {
    return std::string(
               "UPDATE api_keys SET used_tokens = used_tokens + :tokens,"
               " used_nanos = used_nanos + :nanos, ") +
           kSpentColumns + " WHERE id = :id";
  }
  /// Calls `bind` with what update() takes, in its order.
  template <typename Bind>
  static void values(const Place& place, const Sum& sum, Bind bind) {
    bind(sum.tokens);
    bind(sum.nanos);
    for (const int64_t value : spent_values(place.day, sum.nanos)) bind(value);
    bind(place.key);
  }

 private:
  std::map<Place, Sum> sums_;
};

/// By wallet, user and day, where somebody's wallet paid for another's request: he may be a member
/// of the team whose wallet it is.
class MemberSums {
 public:
  struct Place {
    int64_t wallet = 0;
    int64_t user = 0;
    int64_t day = 0;
    auto operator<=>(const Place&) const = default;
  };

  /// False when it does not fit into 64 bits.
  [[nodiscard]] bool add(const Settlement& settlement) {
    if (settlement.wallet_id == 0 || settlement.user_id == 0 || settlement.cost.is_zero()) {
      return true;
    }
    int64_t& sum = sums_[{settlement.wallet_id, settlement.user_id, day_of(settlement.started_at)}];
    return !__builtin_add_overflow(sum, settlement.cost.nanos, &sum);
  }
  void clear() { sums_.clear(); }
  auto begin() const { return sums_.begin(); }
  auto end() const { return sums_.end(); }

  /// Finds no row where it was his own wallet, or he is a member no more.
  static std::string update() {
    return std::string("UPDATE team_members SET ") + kSpentColumns +
           " WHERE team_id = :team AND user_id = :user";
  }
  /// Calls `bind` with what update() takes, in its order.
  template <typename Bind>
  static void values(const Place& place, int64_t nanos, int64_t team, Bind bind) {
    for (const int64_t value : spent_values(place.day, nanos)) bind(value);
    bind(team);
    bind(place.user);
  }

 private:
  std::map<Place, int64_t> sums_;
};

}  // namespace sluice::store
