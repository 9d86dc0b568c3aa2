#include "observe/log_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace sluice::log {
namespace {

constexpr auto kBatchEvery = std::chrono::milliseconds(10);
constexpr Duration kStopWithin = std::chrono::seconds(2);

bool is_regular_file(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

int64_t steady_nanos() { return now().time_since_epoch().count(); }

/// Signals belong to the threads that handle them; SIGPIPE above all must not end the process
/// because nobody reads the log any more.
std::thread start_without_signals(auto body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

LogWriter::LogWriter(int fd, const std::atomic<Format>& format, std::atomic<uint64_t>& dropped)
    : fd_(fd), regular_file_(is_regular_file(fd)), format_(format), dropped_(dropped) {
  thread_ = start_without_signals([this] { run(); });
}

void LogWriter::append(std::string_view line) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || pending_.size() + line.size() > Logger::kBufferLimit) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    first = pending_.empty();
    pending_ += line;
  }
  if (first) wake_.notify_one();
}

void LogWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      stopping_ = true;
      give_up_at_.store(steady_nanos() + kStopWithin.count(), std::memory_order_relaxed);
    }
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LogWriter::run() {
  std::string batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !pending_.empty() || stopping_; });
    if (pending_.empty()) break;
    std::swap(pending_, batch);
    lock.unlock();
    write_all(batch);
    batch.clear();
    report_dropped();
    lock.lock();
    // Lines that come meanwhile go out together.
    wake_.wait_for(lock, kBatchEvery, [this] { return stopping_; });
  }
  lock.unlock();
  report_dropped();
}

void LogWriter::report_dropped() {
  const uint64_t dropped = dropped_.load(std::memory_order_relaxed);
  if (dropped == reported_) return;
  const Field fields[] = {{"lines", dropped - reported_}, {"total", dropped}};
  reported_ = dropped;
  write_all(own_line(Level::kWarn, "log lines dropped", fields));
}

std::string LogWriter::own_line(Level level, std::string_view event,
                                std::span<const Field> fields) const {
  return format_line(format_.load(std::memory_order_relaxed), level, wall_nanos(), event, fields);
}

void LogWriter::write_all(std::string_view text) {
  while (!text.empty()) {
    if (!wait_writable()) {
      dropped_.fetch_add(static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n')),
                         std::memory_order_relaxed);
      return;
    }
    // A pipe that is writable takes PIPE_BUF bytes at once; with more, write() could block past
    // the end of stop()'s patience.
    const size_t length = regular_file_ ? text.size() : std::min<size_t>(text.size(), PIPE_BUF);
    const ssize_t written = ::write(fd_, text.data(), length);
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      if (fd_ == STDERR_FILENO) return;
      const Field fields[] = {{"reason", std::strerror(errno)}};
      fd_ = STDERR_FILENO;
      regular_file_ = is_regular_file(fd_);
      write_to_stderr(own_line(Level::kError, "log output failed, going on here", fields));
    }
  }
}

bool LogWriter::wait_writable() const {
  while (!out_of_time()) {
    pollfd poll_fd{fd_, POLLOUT, 0};
    // Wakes now and then to see whether it is time to give up. A broken output counts as
    // writable: the write tells what is wrong.
    if (poll(&poll_fd, 1, 100) > 0) return true;
  }
  return false;
}

bool LogWriter::out_of_time() const {
  return steady_nanos() > give_up_at_.load(std::memory_order_relaxed);
}

void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace sluice::log
