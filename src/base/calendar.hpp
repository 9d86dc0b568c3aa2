// Days, weeks and months (UTC), as counts of days from 1970-01-01.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

/// Of a Unix time in milliseconds.
constexpr int64_t day_of(int64_t unix_ms) {
  constexpr int64_t kDay = 86'400'000;
  return unix_ms / kDay - (unix_ms % kDay < 0 ? 1 : 0);
}

/// Its Monday.
constexpr int64_t week_of(int64_t day) {
  const int64_t since = (day + 3) % 7;  // 1970-01-01 was a Thursday
  return day - (since < 0 ? since + 7 : since);
}

/// The first day of its month.
constexpr int64_t month_of(int64_t day) {
  const std::chrono::sys_days days{std::chrono::days(day)};
  const std::chrono::year_month_day date(days);
  const std::chrono::sys_days first = date.year() / date.month() / 1;
  return first.time_since_epoch().count();
}

}  // namespace sluice
