// What settlements add to the keys that they were made with.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include "base/calendar.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// By key and day, in the order of both.
class KeySums {
 public:
  struct Sum {
    int64_t tokens = 0;
    int64_t nanos = 0;
  };
  /// The day (UTC) on which a request began is the one that it counts for.
  using Place = std::pair<int64_t, int64_t>;  // key, day

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

  /// For all databases, of which one looks at what has been set further left: spent_on is last. A
  /// day, week or month that came later stays as it is, one that came earlier begins anew.
  static constexpr const char* kUpdate =
      "UPDATE api_keys SET used_tokens = used_tokens + :tokens, used_nanos = used_nanos + :nanos,"
      " spent_day = CASE WHEN spent_on > :day1 THEN spent_day"
      " WHEN spent_on = :day2 THEN spent_day + :nanos1 ELSE :nanos2 END,"
      " spent_week = CASE WHEN spent_on >= :week1 THEN spent_week"
      " WHEN spent_on >= :week2 THEN spent_week + :nanos3 ELSE :nanos4 END,"
      " spent_month = CASE WHEN spent_on >= :month1 THEN spent_month"
      " WHEN spent_on >= :month2 THEN spent_month + :nanos5 ELSE :nanos6 END,"
      " spent_on = CASE WHEN spent_on > :day3 THEN spent_on ELSE :day4 END"
      " WHERE id = :id";

  /// What kUpdate takes, in its order.
  static std::array<int64_t, 17> values(const Place& place, const Sum& sum) {
    const auto& [key, day] = place;
    const int64_t week = week_of(day);
    const int64_t month = month_of(day);
    const int64_t next_week = week + 7;
    const int64_t next_month = month_of(month + 31);
    return {sum.tokens, sum.nanos, day,       day,       sum.nanos,  sum.nanos,
            next_week,  week,      sum.nanos, sum.nanos, next_month, month,
            sum.nanos,  sum.nanos, day,       day,       key};
  }

 private:
  std::map<Place, Sum> sums_;
};

}  // namespace sluice::store
