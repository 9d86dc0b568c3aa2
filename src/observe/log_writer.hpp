// The thread that writes log lines, and the buffer in front of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "observe/log.hpp"

namespace sluice::log {

/// Thread-safe. Lines are written in the order of append(), at most about a hundred batches a
/// second.
class LogWriter {
 public:
  /// `fd` is not owned. `format` is that of the writer's own lines, `dropped` counts lost ones;
  /// both must outlive the writer.
  LogWriter(int fd, const std::atomic<Format>& format, std::atomic<uint64_t>& dropped);
  ~LogWriter() { stop(); }

  /// Takes one whole line, or drops it when the buffer is full. Never waits for the output.
  void append(std::string_view line);

  /// Writes what is left, for at most two seconds, and ends the thread. Further lines are
  /// dropped.
  void stop();

 private:
  void run();
  void report_dropped();
  std::string own_line(Level level, std::string_view event, std::span<const Field> fields) const;
  void write_all(std::string_view text);
  bool wait_writable() const;
  bool out_of_time() const;

  int fd_;
  bool regular_file_;
  const std::atomic<Format>& format_;
  std::atomic<uint64_t>& dropped_;
  uint64_t reported_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::string pending_;
  bool stopping_ = false;
  std::atomic<int64_t> give_up_at_{INT64_MAX};  // steady nanoseconds

  std::thread thread_;
};

void write_to_stderr(std::string_view text);

}  // namespace sluice::log
