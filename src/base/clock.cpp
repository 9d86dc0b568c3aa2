#include "base/clock.hpp"

#include <fmt/format.h>

#include <ctime>

namespace sluice {

int64_t wall_nanos() {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

std::string rfc3339(int64_t wall_nanos) {
  // Every line of the log begins with one, and most of them share their second with the last.
  constexpr size_t kUpToSecond = sizeof "2026-01-01T00:00:00" - 1;
  thread_local int64_t known_second = -1;
  thread_local char known[kUpToSecond];
  const int64_t second = wall_nanos / 1'000'000'000;
  if (second != known_second) {
    rfc3339_of_seconds(second).copy(known, kUpToSecond);
    known_second = second;
  }
  const auto millis = static_cast<int>(wall_nanos % 1'000'000'000 / 1'000'000);
  std::string text;
  text.reserve(kUpToSecond + 5);
  text.append(known, kUpToSecond).append(1, '.');
  for (const int digit : {millis / 100, millis / 10 % 10, millis % 10}) {
    text += static_cast<char>('0' + digit);
  }
  return text.append(1, 'Z');
}

std::string rfc3339_of_seconds(int64_t unix_seconds) {
  const time_t secs = unix_seconds;
  tm utc{};
  gmtime_r(&secs, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace sluice
