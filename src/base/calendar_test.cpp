#include "base/calendar.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr int64_t kDayMs = 86'400'000;

int64_t day(int year, unsigned month, unsigned day) {
  const std::chrono::sys_days days =
      std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return days.time_since_epoch().count();
}

TEST(Calendar, ADayBeginsAtMidnight) {
  EXPECT_EQ(day_of(0), 0);
  EXPECT_EQ(day_of(kDayMs - 1), 0);
  EXPECT_EQ(day_of(kDayMs), 1);
  EXPECT_EQ(day_of(-1), -1);
}

TEST(Calendar, AWeekBeginsOnMonday) {
  EXPECT_EQ(week_of(day(2026, 11, 21)), day(2026, 11, 16));
  EXPECT_EQ(week_of(day(2026, 11, 22)), day(2026, 11, 16));
  EXPECT_EQ(week_of(day(2026, 11, 23)), day(2026, 11, 23));
  EXPECT_EQ(week_of(day(2027, 1, 1)), day(2026, 12, 28));
  EXPECT_EQ(week_of(day(1969, 12, 31)), day(1969, 12, 29));
}

TEST(Calendar, AMonthBeginsOnItsFirstDay) {
  EXPECT_EQ(month_of(day(2028, 2, 29)), day(2028, 2, 1));
  EXPECT_EQ(month_of(day(2028, 3, 1)), day(2028, 3, 1));
  EXPECT_EQ(month_of(day(2026, 12, 31)), day(2026, 12, 1));
}

}  // namespace
}  // namespace sluice
