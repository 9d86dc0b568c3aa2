// Structured log lines: an event's name and fields, as text for people or JSON for machines.
//
//   log::info("listening", {{"port", 8080}, {"tls", false}});
//
// A call never blocks on the output: it formats on the calling thread, appends to a bounded
// buffer under a short lock, and one thread writes. When the output does not keep up, lines are
// dropped, counted, and the count is logged. Control characters are escaped, so that nothing
// from outside can begin a line of its own.
//
// Credentials stay out: a Secret shows as its first characters, and a field whose name is that
// of a credential ("authorization", "x-api-key", "password", ...) loses its value whoever wrote
// it. Never pass a header map, a prompt or a completion.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace sluice::log {

enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };
enum class Format : uint8_t { kText, kJson };

/// One named value. Holds views: it lives for the call that it is written in.
class Field {
 public:
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool, std::string>;

  Field(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  Field(std::string_view name, const char* value) : name_(name), value_(std::string_view(value)) {}
  Field(std::string_view name, const std::string& value)
      : name_(name), value_(std::string_view(value)) {}
  Field(std::string_view name, bool value) : name_(name), value_(value) {}
  Field(std::string_view name, double value) : name_(name), value_(value) {}
  Field(std::string_view name, std::signed_integral auto value)
      : name_(name), value_(static_cast<int64_t>(value)) {}
  Field(std::string_view name, std::unsigned_integral auto value)
      : name_(name), value_(static_cast<uint64_t>(value)) {}
  /// In milliseconds; name it so ("took_ms").
  Field(std::string_view name, Duration value) : name_(name), value_(seconds(value) * 1e3) {}
  Field(std::string_view name, ErrorCode value) : name_(name), value_(to_string(value)) {}
  Field(std::string_view name, const Secret& value) : name_(name), value_(value.redacted()) {}

  Field(std::string_view name, Value value) : name_(name), value_(std::move(value)) {}

  std::string_view name() const { return name_; }
  const Value& value() const { return value_; }

 private:
  std::string_view name_;
  Value value_;
};

struct Options {
  Level level = Level::kInfo;
  Format format = Format::kText;
  int fd = 1;  // not owned; when it breaks, lines go to stderr
};

/// One line, with its line feed: what Logger writes. `wall_nanos` is the time to show.
std::string format_line(Format format, Level level, int64_t wall_nanos, std::string_view event,
                        std::span<const Field> fields);

/// Where lines go. The process has one (below); tests make their own. Thread-safe.
class Logger {
 public:
  /// Bytes that wait for the output at most; as many again are being written.
  static constexpr size_t kBufferLimit = 1 << 20;
  /// Lines that wait for start() at most.
  static constexpr size_t kHeldLimit = 256;
  /// Of a longer text value only this much is kept.
  static constexpr size_t kValueLimit = 2048;

  Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;
  ~Logger();

  /// Begins to write what was held back so far, with these options. Also changes the options
  /// of a logger that runs (a reload): lines already formatted stay as they are.
  void start(const Options& options);

  /// Writes what is left, for at most two seconds, and ends the writer. Warnings and errors that
  /// waited for a start() that never came go to stderr. After it nothing is logged.
  void stop();

  bool enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
  void write(Level level, std::string_view event, std::span<const Field> fields);

  /// Lines lost because the output did not keep up.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct State;

  std::atomic<Level> level_{Level::kDebug};  // until start() all lines are held back
  std::atomic<Format> format_{Format::kText};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> running_{false};
  const std::unique_ptr<State> state_;
};

/// The process's logger. Until start() lines are held back.
Logger& logger();

inline void start(const Options& options) { logger().start(options); }
inline void stop() { logger().stop(); }

inline void write(Level level, std::string_view event, std::initializer_list<Field> fields = {}) {
  if (logger().enabled(level)) logger().write(level, event, {fields.begin(), fields.size()});
}

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kInfo, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kWarn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kError, event, fields);
}

}  // namespace sluice::log
