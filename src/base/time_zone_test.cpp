#include "base/time_zone.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice {
namespace {

int64_t utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  using namespace std::chrono;
  const sys_days date{std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)};
  return date.time_since_epoch().count() * int64_t{86'400} + hour * 3600 + minute * 60;
}

/// A file without changes of its own: what its footer says holds.
std::string slim(const std::string& footer, int32_t offset) {
  std::string header = "TZif2" + std::string(15, '\0');
  const auto number = [](uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
    return out;
  };
  std::string counts;
  for (const uint32_t count : {0U, 0U, 0U, 0U, 1U, 4U}) counts += number(count);
  const std::string type = number(static_cast<uint32_t>(offset)) + std::string(2, '\0');
  const std::string block = header + counts + type + std::string("LMT\0", 4);
  return block + block + "\n" + footer + "\n";
}

TEST(TimeZone, KnowsSummerTimeFromTheSystem) {
  const TimeZone berlin = TimeZone::load("Europe/Berlin").value();
  EXPECT_EQ(berlin.offset_at(utc(2026, 1, 15)), 3600);
  EXPECT_EQ(berlin.offset_at(utc(2026, 3, 29, 0, 59)), 3600);
  EXPECT_EQ(berlin.offset_at(utc(2026, 3, 29, 1)), 7200);
  EXPECT_EQ(berlin.offset_at(utc(2026, 10, 25, 1)), 3600);
  EXPECT_EQ(berlin.offset_at(utc(2060, 7, 1)), 7200);
  EXPECT_EQ(TimeZone::load("Asia/Kathmandu").value().offset_at(utc(2026, 1, 1)), 20'700);
  EXPECT_EQ(TimeZone::load("America/New_York").value().offset_at(utc(2026, 7, 1)), -14'400);
}

TEST(TimeZone, RulesForTheFutureAreFollowed) {
  struct Case {
    const char* footer;
    int64_t at, offset;
  };
  const Case cases[] = {
      {"EST5EDT,M3.2.0,M11.1.0", utc(2026, 3, 8, 6, 59), -18'000},
      {"EST5EDT,M3.2.0,M11.1.0", utc(2026, 3, 8, 7), -14'400},
      {"EST5EDT,M3.2.0,M11.1.0", utc(2026, 11, 1, 6), -18'000},
      // The south: summer time goes over the end of the year.
      {"AEST-10AEDT,M10.1.0,M4.1.0/3", utc(2026, 1, 1), 39'600},
      {"AEST-10AEDT,M10.1.0,M4.1.0/3", utc(2026, 7, 1), 36'000},
      {"<+0330>-3:30", utc(2026, 7, 1), 12'600},
      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", utc(2026, 7, 1), -3600},
      {"AAA-1BBB,J60/0,J300/0", utc(2028, 2, 29, 22), 3600},
      {"AAA-1BBB,J60/0,J300/0", utc(2028, 2, 29, 23), 7200},
      {"AAA-1BBB,59/0,300/0", utc(2028, 2, 28, 23), 7200},
  };
  for (const Case& each : cases) {
    const auto zone = TimeZone::parse(slim(each.footer, each.footer[1] == '+' ? 12'600 : 0));
    ASSERT_TRUE(zone) << each.footer;
    EXPECT_EQ(zone->offset_at(each.at), each.offset) << each.footer << " " << each.at;
  }
}

TEST(TimeZone, MidnightsAreFoundAcrossChanges) {
  const TimeZone berlin = TimeZone::load("Europe/Berlin").value();
  EXPECT_EQ(berlin.to_unix(utc(2026, 3, 29)), utc(2026, 3, 28, 23));
  EXPECT_EQ(berlin.to_unix(utc(2026, 3, 30)), utc(2026, 3, 29, 22));
  EXPECT_EQ(berlin.to_unix(utc(2026, 10, 26)), utc(2026, 10, 25, 23));
  // Shown twice: the first. Skipped: as long after.
  EXPECT_EQ(berlin.to_unix(utc(2026, 10, 25, 2, 30)), utc(2026, 10, 25, 0, 30));
  EXPECT_EQ(berlin.to_unix(utc(2026, 3, 29, 2, 30)), utc(2026, 3, 29, 1, 30));
  EXPECT_EQ(TimeZone().to_unix(5), 5);
}

TEST(TimeZone, TellsItsChangesInOrder) {
  const auto changes =
      TimeZone::load("Europe/Berlin").value().changes(utc(2026, 1, 1), utc(2027, 1, 1));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].at, utc(2026, 1, 1));
  EXPECT_EQ(changes[0].offset, 3600);
  EXPECT_EQ(changes[1].at, utc(2026, 3, 29, 1));
  EXPECT_EQ(changes[2].offset, 3600);
}

TEST(TimeZone, NamesAreNoPaths) {
  for (const char* name : {"../../../etc/passwd", "/etc/passwd", "Europe", "Europe//Berlin",
                           "Nowhere/Land", "Europe/Berlin\n", "zone.tab", "."}) {
    EXPECT_FALSE(TimeZone::load(name)) << name;
  }
  EXPECT_FALSE(TimeZone::load(std::string(65, 'a')));
  EXPECT_EQ(TimeZone::load("").value().offset_at(0), 0);
}

TEST(TimeZone, BrokenFilesAreRefused) {
  const std::string good = slim("CET-1CEST,M3.5.0,M10.5.0/3", 3600);
  ASSERT_TRUE(TimeZone::parse(good));
  for (size_t size = 0; size < 90; ++size) {
    EXPECT_FALSE(TimeZone::parse(std::string_view(good).substr(0, size))) << size;
  }
  for (const char* footer : {"CET-1CEST", "C-1", "CET", "CET-1CEST,M13.5.0,M10.5.0", "<CET-1",
                             "CET-1CEST,M3.5.0,M10.5.0x"}) {
    EXPECT_FALSE(TimeZone::parse(slim(footer, 3600))) << footer;
  }
}

}  // namespace
}  // namespace sluice
