// How a line looks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>

#include "base/text.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::log {
namespace {

/// Fields of these names never show a value, whatever they were given.
constexpr std::string_view kCredentials[] = {
    "authorization", "proxy-authorization",
    "x-api-key",     "x-goog-api-key",
    "api_key",       "apikey",
    "cookie",        "set-cookie",
    "password",      "secret",
    "token",         "access_token",
    "jwt",           "admin_token",
};

constexpr uint32_t bit_of(char letter) { return uint32_t{1} << (letter & 0x1F); }

/// The letters that they begin with: most other names do not.
constexpr uint32_t kFirstLetters = [] {
  uint32_t letters = 0;
  for (const std::string_view each : kCredentials) letters |= bit_of(each[0]);
  return letters;
}();

bool is_credential(std::string_view name) {
  if (name.empty() || (kFirstLetters & bit_of(name[0])) == 0) return false;
  return std::any_of(std::begin(kCredentials), std::end(kCredentials),
                     [&](std::string_view credential) { return iequals(name, credential); });
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      break;
  }
  return "error";
}

bool is_plain(char c) { return c >= ' ' && c < 0x7F && c != '"' && c != '\\'; }

bool needs_quotes(std::string_view text) {
  return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte <= ' ' || byte >= 0x7F || c == '"' || c == '=' || c == '\\';
         });
}

/// A JSON string in which DEL and the C1 control characters are escaped, too: some terminals
/// act on them.
void append_quoted(std::string& out, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    out.append(1, '"').append(text).append(1, '"');
    return;
  }
  std::string quoted;
  json::append_string(quoted, text);
  for (size_t i = 0; i < quoted.size(); ++i) {
    const auto byte = static_cast<unsigned char>(quoted[i]);
    const auto next = static_cast<unsigned char>(i + 1 < quoted.size() ? quoted[i + 1] : 0);
    if (byte == 0x7F) {
      out += "\\u007f";
    } else if (byte == 0xC2 && next >= 0x80 && next <= 0x9F) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", next);
      ++i;
    } else {
      out += quoted[i];
    }
  }
}

void append_text(std::string& out, std::string_view text, bool always_quote) {
  const bool cut = text.size() > Logger::kValueLimit;
  std::string shortened;
  if (cut) {
    shortened = text.substr(0, Logger::kValueLimit);
    shortened += "...";
    text = shortened;
  }
  if (always_quote || needs_quotes(text)) {
    append_quoted(out, text);
  } else {
    out += text;
  }
}

/// With three decimals at most: a microsecond in milliseconds, and more than a person reads.
void append_number(std::string& out, double value, bool json) {
  if (!std::isfinite(value)) {
    out += json ? "null" : "nan";
    return;
  }
  constexpr double kExact = 1e12;
  if (std::abs(value) > kExact) {
    fmt::format_to(std::back_inserter(out), "{}", value);
    return;
  }
  const int64_t thousandths = std::llround(value * 1e3);
  if (thousandths < 0) out += '-';
  out += std::to_string(std::abs(thousandths) / 1000);
  if (const int64_t rest = std::abs(thousandths) % 1000; rest != 0) {
    out.append(1, '.').append(std::to_string(1000 + rest), 1);
    while (out.back() == '0') out.pop_back();
  }
}

void append_value(std::string& out, const Field& field, bool json) {
  if (is_credential(field.name())) {
    out += json ? "\"[redacted]\"" : "[redacted]";
    return;
  }
  std::visit(
      [&](const auto& value) {
        using Type = std::decay_t<decltype(value)>;
        if constexpr (std::is_convertible_v<Type, std::string_view>) {
          append_text(out, value, json);
        } else if constexpr (std::is_same_v<Type, double>) {
          append_number(out, value, json);
        } else if constexpr (std::is_same_v<Type, bool>) {
          out += value ? "true" : "false";
        } else {
          out += std::to_string(value);
        }
      },
      field.value());
}

}  // namespace

std::string format_line(Format format, Level level, int64_t wall_nanos, std::string_view event,
                        std::span<const Field> fields) {
  std::string out;
  out.reserve(640);
  if (format == Format::kJson) {
    out.append(R"({"time":")").append(rfc3339(wall_nanos)).append(R"(","level":")");
    out.append(level_name(level)).append(R"(","event":)");
    append_text(out, event, true);
    for (const Field& field : fields) {
      out += ',';
      append_quoted(out, field.name());
      out += ':';
      append_value(out, field, true);
    }
    out += '}';
  } else {
    out += rfc3339(wall_nanos);
    out += ' ';
    out += level_name(level);
    out.append(level_name(level).size() < 5 ? 2 : 1, ' ');
    // An event's name is the program's own words, spaces and all; it is quoted only when it
    // would break the line.
    if (event.size() <= Logger::kValueLimit && std::all_of(event.begin(), event.end(), [](char c) {
          return c >= ' ' && c < 0x7F && c != '"';
        })) {
      out += event;
    } else {
      append_text(out, event, true);
    }
    for (const Field& field : fields) {
      out += ' ';
      out += field.name();
      out += '=';
      append_value(out, field, false);
    }
  }
  out += '\n';
  return out;
}

}  // namespace sluice::log
