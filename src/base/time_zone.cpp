#include "base/time_zone.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace sluice {

namespace {

constexpr size_t kMaxName = 64;
constexpr int64_t kMostOffset = 26 * 3600;
constexpr int kLastYear = 2100;

std::unexpected<Error> broken() {
  return fail(ErrorCode::kInvalidRequest, "the system's file of this time zone is broken", "tz");
}

/// Reads from the front. After a read beyond the end everything is 0 and it is no longer sound.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool sound() const { return sound_; }
  std::string_view rest() const { return rest_; }
  std::string_view take(size_t count) {
    if (count > rest_.size()) {
      sound_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  /// Two's complement, most significant byte first.
  int64_t integer(size_t bytes) {
    const std::string_view taken = take(bytes);
    uint64_t value = 0;
    for (const char byte : taken) value = value << 8 | static_cast<unsigned char>(byte);
    const size_t unused = 64 - bytes * 8;
    return taken.empty() ? 0 : static_cast<int64_t>(value << unused) >> unused;
  }

 private:
  std::string_view rest_;
  bool sound_ = true;
};

struct Counts {
  char version = 0;
  size_t utc = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0;

  size_t size(size_t time_bytes) const {
    return times * (time_bytes + 1) + types * 6 + letters + leaps * (time_bytes + 4) + standard +
           utc;
  }
};

std::optional<Counts> read_header(Reader& reader) {
  if (reader.take(4) != "TZif") return std::nullopt;
  Counts counts;
  const std::string_view version = reader.take(16);
  if (version.empty()) return std::nullopt;
  counts.version = version.front();
  for (size_t* count : {&counts.utc, &counts.standard, &counts.leaps, &counts.times, &counts.types,
                        &counts.letters}) {
    const int64_t value = reader.integer(4);
    if (value < 0 || value > static_cast<int64_t>(TimeZone::kMaxFile)) return std::nullopt;
    *count = static_cast<size_t>(value);
  }
  if (!reader.sound() || counts.types == 0) return std::nullopt;
  return counts;
}

/// When in a year clocks change, as in TZ of POSIX: "M3.2.0/2", "J60", "59".
struct Rule {
  enum Kind : uint8_t { kMonth, kJulian, kDay } kind = kMonth;
  int month = 1, week = 1, day = 0;
  int64_t time = 7200;  // of the day

  /// Seconds of local time.
  int64_t in(int year) const {
    using namespace std::chrono;
    const std::chrono::year y(year);
    sys_days date = sys_days(y / January / 1);
    if (kind == kMonth) {
      const auto m = std::chrono::month(static_cast<unsigned>(month));
      const weekday wanted(static_cast<unsigned>(day));
      date = week == 5 ? sys_days(y / m / wanted[last])
                       : sys_days(y / m / wanted[static_cast<unsigned>(week)]);
    } else {
      // J counts from 1 and never counts the 29th of February.
      const int days_in = kind == kJulian ? day - 1 + (y.is_leap() && day >= 60 ? 1 : 0) : day;
      date += days(days_in);
    }
    return date.time_since_epoch().count() * int64_t{86'400} + time;
  }
};

/// "CET-1CEST,M3.5.0,M10.5.0/3".
class Footer {
 public:
  explicit Footer(std::string_view text) : rest_(text) {}

  struct Rules {
    int64_t standard = 0;
    int64_t summer = 0;
    std::optional<std::pair<Rule, Rule>> changes = {};  // into summer time, and out of it
  };

  std::optional<Rules> parse() {
    Rules rules;
    const auto standard = skip_name() ? offset() : std::nullopt;
    if (!standard) return std::nullopt;
    rules.standard = -*standard;
    rules.summer = rules.standard + 3600;
    if (rest_.empty()) return rules;
    if (!skip_name()) return std::nullopt;
    if (!rest_.empty() && rest_.front() != ',') {
      const auto summer = offset();
      if (!summer) return std::nullopt;
      rules.summer = -*summer;
    }
    const auto begin = rule();
    const auto end = begin ? rule() : std::nullopt;
    if (!end || !rest_.empty()) return std::nullopt;
    rules.changes = {*begin, *end};
    return rules;
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip_name() {
    if (take('<')) {
      const size_t end = rest_.find('>');
      if (end == std::string_view::npos) return false;
      rest_.remove_prefix(end + 1);
      return true;
    }
    size_t size = 0;
    while (size < rest_.size() && ((rest_[size] | 32) >= 'a' && (rest_[size] | 32) <= 'z')) ++size;
    rest_.remove_prefix(size);
    return size >= 3;
  }
  std::optional<int> number() {
    int value = 0;
    size_t digits = 0;
    while (digits < rest_.size() && digits < 3 && rest_[digits] >= '0' && rest_[digits] <= '9') {
      value = value * 10 + (rest_[digits++] - '0');
    }
    rest_.remove_prefix(digits);
    return digits > 0 ? std::optional(value) : std::nullopt;
  }
  /// [+-]hh[:mm[:ss]], in seconds.
  std::optional<int64_t> offset() {
    const bool negative = take('-');
    if (!negative) take('+');
    int64_t total = 0;
    for (int64_t unit = 3600; unit > 0; unit /= 60) {
      const auto value = number();
      if (!value || *value > 167) return std::nullopt;
      total += *value * unit;
      if (!take(':')) break;
    }
    return negative ? -total : total;
  }
  std::optional<Rule> rule() {
    if (!take(',')) return std::nullopt;
    Rule rule;
    if (take('M')) {
      const auto month = number();
      const auto week = month && take('.') ? number() : std::nullopt;
      const auto day = week && take('.') ? number() : std::nullopt;
      if (!day || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *day > 6) {
        return std::nullopt;
      }
      rule = {.kind = Rule::kMonth, .month = *month, .week = *week, .day = *day};
    } else {
      rule.kind = take('J') ? Rule::kJulian : Rule::kDay;
      const auto day = number();
      if (!day || *day > 365 || (rule.kind == Rule::kJulian && *day == 0)) return std::nullopt;
      rule.day = *day;
    }
    if (take('/')) {
      const auto time = offset();
      if (!time) return std::nullopt;
      rule.time = *time;
    }
    return rule;
  }

  std::string_view rest_;
};

int year_of(int64_t unix_seconds) {
  const std::chrono::sys_days day{std::chrono::days(unix_seconds / 86'400)};
  return static_cast<int>(std::chrono::year_month_day(day).year());
}

/// Behind the last change that the file names.
void write_out(const Footer::Rules& rules, std::vector<TimeZone::Change>& changes) {
  const int64_t after = changes.empty() ? INT64_MIN : changes.back().at;
  const int first_year = changes.empty() ? 1970 : std::max(1970, year_of(after));
  for (int year = first_year; year <= kLastYear; ++year) {
    TimeZone::Change both[] = {{rules.changes->first.in(year)-rules.standard, rules.summer},
                               {rules.changes->second.in(year)-rules.summer, rules.standard}};
    if (both[0].at > both[1].at) std::swap(both[0], both[1]);
    for (const TimeZone::Change& change : both) {
      if (change.at > after) changes.push_back(change);
    }
  }
}

bool is_name(std::string_view name) {
  const bool letters = std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  });
  return letters && name.size() <= kMaxName && name.front() != '/' && !name.contains("//");
}

/// nullopt where there is no such file, or none that can be a zone.
std::optional<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  struct stat found{};
  std::string bytes;
  if (::fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
      found.st_size <= static_cast<off_t>(TimeZone::kMaxFile)) {
    bytes.resize(static_cast<size_t>(found.st_size));
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  }
  ::close(fd);
  return bytes;
}

}  // namespace

Result<TimeZone> TimeZone::load(const std::string& name) {
  if (name.empty() || name == "UTC") return TimeZone();
  const auto file =
      is_name(name) ? read_file("/usr/share/zoneinfo/" + name) : std::optional<std::string>();
  if (!file || !file->starts_with("TZif")) {
    return fail(ErrorCode::kInvalidRequest,
                "tz must be a time zone such as Europe/Berlin that the system's database has",
                "tz");
  }
  return parse(*file);
}

Result<TimeZone> TimeZone::parse(std::string_view file) {
  if (file.size() > kMaxFile) return broken();
  Reader reader(file);
  auto counts = read_header(reader);
  size_t time_bytes = 4;
  if (counts && counts->version >= '2') {
    reader.take(counts->size(time_bytes));
    counts = read_header(reader);
    time_bytes = 8;
  }
  if (!counts) return broken();
  std::vector<int64_t> times(counts->times);
  for (int64_t& time : times) time = reader.integer(time_bytes);
  const std::string_view kinds = reader.take(counts->times);
  std::vector<int64_t> offsets(counts->types);
  for (int64_t& offset : offsets) {
    offset = reader.integer(4);
    reader.take(2);
    if (offset < -kMostOffset || offset > kMostOffset) return broken();
  }
  reader.take(counts->letters + counts->leaps * (time_bytes + 4) + counts->standard + counts->utc);
  if (!reader.sound()) return broken();
  TimeZone zone;
  zone.first_ = offsets.front();
  for (size_t i = 0; i < times.size(); ++i) {
    const auto kind = static_cast<unsigned char>(kinds[i]);
    if (kind >= offsets.size() || (i > 0 && times[i] <= times[i - 1])) return broken();
    zone.changes_.push_back({times[i], offsets[kind]});
  }
  std::string_view footer = reader.rest();
  if (time_bytes == 4 || !footer.starts_with('\n') || !footer.ends_with('\n')) return zone;
  footer = footer.substr(1, footer.size() > 1 ? footer.size() - 2 : 0);
  if (footer.empty()) return zone;
  const auto rules = Footer(footer).parse();
  if (!rules) return broken();
  if (rules->changes) {
    write_out(*rules, zone.changes_);
  } else if (zone.changes_.empty()) {
    zone.first_ = rules->standard;
  }
  return zone;
}

int64_t TimeZone::offset_at(int64_t unix_seconds) const {
  const auto next = std::ranges::upper_bound(changes_, unix_seconds, {}, &Change::at);
  return next == changes_.begin() ? first_ : std::prev(next)->offset;
}

int64_t TimeZone::to_unix(int64_t local_seconds) const {
  // Offsets differ by less than two days from each other.
  const int64_t before = offset_at(local_seconds - 2 * kMostOffset);
  const int64_t early = local_seconds - before;
  if (offset_at(early) == before) return early;
  for (const Change& change : changes(early - kMostOffset, early + kMostOffset)) {
    const int64_t at = local_seconds - change.offset;
    if (offset_at(at) == change.offset) return at;
  }
  return early;
}

std::vector<TimeZone::Change> TimeZone::changes(int64_t from, int64_t to) const {
  std::vector<Change> found = {{from, offset_at(from)}};
  for (auto next = std::ranges::upper_bound(changes_, from, {}, &Change::at);
       next != changes_.end() && next->at < to; ++next) {
    found.push_back(*next);
  }
  return found;
}

}  // namespace sluice
