#include "config/value.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/text.hpp"

namespace sluice::config {

namespace {

constexpr size_t kMaxExpanded = 64 << 10;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
  };
  return !name.empty() && !is_digit(name.front()) && std::ranges::all_of(name, fits);
}

Result<std::string> resolve(std::string_view reference, const Lookup& environment) {
  const size_t separator = reference.find(":-");
  const std::string_view name = reference.substr(0, separator);
  if (!is_name(name)) {
    return fail(ErrorCode::kConfig, fmt::format("\"${{{}}}\" is not ${{NAME}} or "
                                                "${{NAME:-default}}; write $${{ for a plain ${{",
                                                reference));
  }
  std::optional<std::string> value = environment(name);
  if (separator != std::string_view::npos) {
    if (!value || value->empty()) return std::string(reference.substr(separator + 2));
    return std::move(*value);
  }
  if (!value) {
    return fail(ErrorCode::kConfig,
                fmt::format("the environment variable {0} is not set; set it, or write "
                            "${{{0}:-default}}",
                            name));
  }
  return std::move(*value);
}

/// Takes a decimal number of at most 18 digits off the front.
std::optional<int64_t> take_digits(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  if (n == 0 || n > 18 || (n > 1 && text[0] == '0')) return std::nullopt;
  const auto value = parse_u64(text.substr(0, n));
  text.remove_prefix(n);
  return static_cast<int64_t>(*value);
}

/// The two or four digits at the front, leading zeros allowed.
std::optional<int> take_field(std::string_view& text, size_t width, char before) {
  if (before != '\0') {
    if (text.empty() || text.front() != before) return std::nullopt;
    text.remove_prefix(1);
  }
  if (text.size() < width || !std::ranges::all_of(text.substr(0, width), is_digit)) {
    return std::nullopt;
  }
  int value = 0;
  for (const char c : text.substr(0, width)) value = value * 10 + (c - '0');
  text.remove_prefix(width);
  return value;
}

}  // namespace

Result<std::string> expand(std::string_view text, const Lookup& environment) {
  std::string out;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      out += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const size_t end = text.find('}');
      if (end == std::string_view::npos) {
        return fail(ErrorCode::kConfig, "a \"${\" without its \"}\"; write $${ for a plain ${");
      }
      Result<std::string> value = resolve(text.substr(2, end - 2), environment);
      if (!value) return value;
      out += *value;
      text.remove_prefix(end + 1);
    } else {
      out += '$';
      text.remove_prefix(1);
    }
    if (out.size() > kMaxExpanded) {
      return fail(ErrorCode::kConfig, "longer than 64 KiB after substitution");
    }
  }
  return out;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto value = take_digits(text);
  if (!value || !text.empty()) return std::nullopt;
  return negative ? -*value : *value;
}

std::optional<double> parse_number(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('-')) rest.remove_prefix(1);
  if (!take_digits(rest)) return std::nullopt;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (rest.empty() || !std::ranges::all_of(rest, is_digit)) return std::nullopt;
  } else if (!rest.empty()) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    Duration length;
  };
  static constexpr std::array<Unit, 4> kUnits = {{{"h", std::chrono::hours(1)},
                                                  {"m", std::chrono::minutes(1)},
                                                  {"s", std::chrono::seconds(1)},
                                                  {"ms", std::chrono::milliseconds(1)}}};
  constexpr Duration kLongest = std::chrono::hours(24 * 3650);
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  Duration total = Duration::zero();
  size_t next = 0;
  while (!text.empty()) {
    const auto amount = take_digits(text);
    if (!amount) return std::nullopt;
    const size_t length = std::min(text.find_first_of("0123456789"), text.size());
    const std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    while (next < kUnits.size() && kUnits[next].name != name) ++next;
    if (next == kUnits.size()) return std::nullopt;
    const Duration unit = kUnits[next++].length;
    if (*amount > (kLongest - total) / unit) return std::nullopt;
    total += *amount * unit;
  }
  return total;
}

std::optional<uint64_t> parse_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    uint64_t bytes;
  };
  static constexpr std::array<Unit, 7> kUnits = {{{"", 1},
                                                  {"KiB", 1ULL << 10},
                                                  {"MiB", 1ULL << 20},
                                                  {"GiB", 1ULL << 30},
                                                  {"KB", 1'000},
                                                  {"MB", 1'000'000},
                                                  {"GB", 1'000'000'000}}};
  const auto amount = take_digits(text);
  const auto unit = std::ranges::find(kUnits, text, &Unit::name);
  if (!amount || unit == kUnits.end()) return std::nullopt;
  constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
  if (static_cast<uint64_t>(*amount) > kLargest / unit->bytes) return std::nullopt;
  return static_cast<uint64_t>(*amount) * unit->bytes;
}

std::optional<int64_t> parse_time(std::string_view text) {
  if (const auto number = parse_integer(text)) return number;
  const auto year = take_field(text, 4, '\0');
  const auto month = take_field(text, 2, '-');
  const auto day = take_field(text, 2, '-');
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  int64_t seconds =
      std::chrono::sys_seconds(std::chrono::sys_days(date)).time_since_epoch().count();
  if (text.empty()) return seconds;

  if (text.front() != 'T' && text.front() != 't' && text.front() != ' ') return std::nullopt;
  const auto hour = take_field(text, 2, text.front());
  const auto minute = take_field(text, 2, ':');
  const auto second = take_field(text, 2, ':');
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  seconds += *hour * 3600 + *minute * 60 + *second;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
  }
  if (text == "Z" || text == "z") return seconds;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '+' ? -1 : 1;
  const auto zone_hour = take_field(text, 2, text.front());
  const auto zone_minute = take_field(text, 2, ':');
  if (!zone_hour || !zone_minute || *zone_hour > 23 || *zone_minute > 59 || !text.empty()) {
    return std::nullopt;
  }
  return seconds + sign * (*zone_hour * 3600 + *zone_minute * 60);
}

bool is_network(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  in6_addr bytes{};
  const bool v4 = inet_pton(AF_INET, address.c_str(), &bytes) == 1;
  if (!v4 && inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return false;
  if (address.size() != std::min(slash, text.size()) || address.find('\0') != std::string::npos) {
    return false;
  }
  if (slash == std::string_view::npos) return true;
  const auto length = parse_integer(text.substr(slash + 1));
  return length && *length >= 0 && *length <= (v4 ? 32 : 128);
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-").contains(c);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_name_character);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_name_character(c) || std::string_view("!#$%&'*+^`|~").contains(c);
  });
}

bool is_credential(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace sluice::config
