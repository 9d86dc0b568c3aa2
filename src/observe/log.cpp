#include "observe/log.hpp"

#include <utility>
#include <vector>

#include "json/reader.hpp"
#include "observe/log_writer.hpp"

namespace sluice::log {
namespace {

/// A line that waits for start(), when its level and form will be known.
struct Held {
  Level level;
  int64_t wall_nanos;
  std::string event;
  std::vector<std::pair<std::string, Field::Value>> fields;
};

Held hold(Level level, std::string_view event, std::span<const Field> fields) {
  Held held{level, wall_nanos(), std::string(event), {}};
  for (const Field& field : fields) {
    const auto* view = std::get_if<std::string_view>(&field.value());
    held.fields.emplace_back(field.name(), view ? Field::Value(std::string(*view)) : field.value());
  }
  return held;
}

std::string format_held(Format format, const Held& held) {
  std::vector<Field> fields;
  fields.reserve(held.fields.size());
  for (const auto& [name, value] : held.fields) fields.emplace_back(name, value);
  return format_line(format, held.level, held.wall_nanos, held.event, fields);
}

}  // namespace

struct Logger::State {
  std::mutex mutex;
  bool started = false;
  bool stopped = false;
  std::vector<Held> held;
  std::optional<LogWriter> writer;
};

// What was held is formatted at the latest at the end of the process, for which the reader's own
// statics must be older than the logger.
Logger::Logger() : state_(std::make_unique<State>()) { json::valid_utf8("."); }
Logger::~Logger() { stop(); }

void Logger::start(const Options& options) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopped) return;
  level_.store(options.level, std::memory_order_relaxed);
  format_.store(options.format, std::memory_order_relaxed);
  if (state_->started) return;
  state_->writer.emplace(options.fd, format_, dropped_);
  for (const Held& held : state_->held) {
    if (enabled(held.level)) state_->writer->append(format_held(options.format, held));
  }
  state_->held = {};
  state_->started = true;
  running_.store(true, std::memory_order_release);
}

void Logger::stop() {
  std::vector<Held> held;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopped, true)) return;
    held.swap(state_->held);
  }
  if (state_->writer) state_->writer->stop();
  std::string left;
  for (const Held& line : held) {
    if (line.level >= Level::kWarn) left += format_held(Format::kText, line);
  }
  if (!left.empty()) write_to_stderr(left);
}

void Logger::write(Level level, std::string_view event, std::span<const Field> fields) {
  if (!enabled(level)) return;
  if (running_.load(std::memory_order_acquire)) {
    state_->writer->append(
        format_line(format_.load(std::memory_order_relaxed), level, wall_nanos(), event, fields));
    return;
  }
  Held held = hold(level, event, fields);
  const std::lock_guard lock(state_->mutex);
  if (state_->stopped) return;
  if (state_->started) {
    // start() came in between.
    if (enabled(level)) {
      state_->writer->append(format_held(format_.load(std::memory_order_relaxed), held));
    }
  } else if (state_->held.size() < kHeldLimit) {
    state_->held.push_back(std::move(held));
  } else {
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

Logger& logger() {
  static Logger instance;
  return instance;
}

}  // namespace sluice::log
