// How a line looks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

bool is_credential(std::string_view name) {
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

bool needs_quotes(std::string_view text) {
  return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte <= ' ' || byte >= 0x7F || c == '"' || c == '=' || c == '\\';
         });
}

/// A JSON string in which DEL and the C1 control characters are escaped, too: some terminals
/// act on them.
void append_quoted(std::string& out, std::string_view text) {
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
          // A microsecond in milliseconds, and more than a person reads.
          if (std::isfinite(value)) {
            fmt::format_to(std::back_inserter(out), "{}", std::round(value * 1e3) / 1e3);
          } else {
            out += json ? "null" : "nan";
          }
        } else {
          fmt::format_to(std::back_inserter(out), "{}", value);
        }
      },
      field.value());
}

}  // namespace

std::string format_line(Format format, Level level, int64_t wall_nanos, std::string_view event,
                        std::span<const Field> fields) {
  std::string out;
  out.reserve(256);
  if (format == Format::kJson) {
    fmt::format_to(std::back_inserter(out), R"({{"time":"{}","level":"{}","event":)",
                   rfc3339(wall_nanos), level_name(level));
    append_text(out, event, true);
    for (const Field& field : fields) {
      out += ',';
      append_quoted(out, field.name());
      out += ':';
      append_value(out, field, true);
    }
    out += '}';
  } else {
    fmt::format_to(std::back_inserter(out), "{} {:<5} ", rfc3339(wall_nanos), level_name(level));
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
