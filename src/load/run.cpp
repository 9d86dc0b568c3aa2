#include "load/run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "load/report.hpp"
#include "load/request.hpp"
#include "load/worker.hpp"

namespace sluice::load {

namespace {

/// A descriptor that closes itself.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "descriptor");
  }
  ~OwnedFd() { close(fd_); }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// The CPU time that a process and all its threads, ended ones too, have used, to the nanosecond.
class CpuClock {
 public:
  static Result<CpuClock> of(int32_t pid) {
    CpuClock clock;
    clock.pid_ = pid;
    if (clock_getcpuclockid(pid, &clock.id_) != 0) {
      return fail(ErrorCode::kInvalidRequest, fmt::format("--cpu-of: there is no process {}", pid));
    }
    return clock;
  }
  void begin() { begin_ = read(); }
  void end() { used_ = read() - begin_; }
  CpuUse use() const { return {.pid = pid_, .used = used_}; }

 private:
  CpuClock() = default;
  Duration read() const {
    timespec at{};
    if (clock_gettime(id_, &at) != 0) return begin_;
    return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
  }
  int32_t pid_ = 0;
  clockid_t id_{};
  Duration begin_{};
  Duration used_{};
};

// The share of thread `index` of `count` in a whole.
template <typename T>
T part(T whole, uint32_t index, uint32_t count) {
  return whole / count + (index < whole % count ? 1 : 0);
}

class Run {
 public:
  /// `options` and `request` outlive the run.
  Run(const Options& options, const Request& request, std::vector<CpuClock> clocks)
      : clocks_(std::move(clocks)), ended_(eventfd(0, EFD_CLOEXEC)) {
    // Time for all threads to be there when it starts.
    window_.start = now() + std::chrono::milliseconds(5);
    window_.begin = window_.start + options.warmup;
    const bool open_end = options.duration == Duration::zero();
    window_.end = open_end ? TimePoint::max() : window_.begin + options.duration;
    for (uint32_t i = 0; i < options.threads; ++i) {
      Share share;
      share.index = static_cast<int>(i);
      share.concurrency = part(options.concurrency, i, options.threads);
      share.rate = options.rate / options.threads;
      share.requests = part(options.requests, i, options.threads);
      if (options.requests > 0 && share.requests == 0) continue;
      workers_.push_back(std::make_unique<Worker>(options, request, pool_, share, window_));
    }
  }

  // Returns true when a signal cut it short.
  bool go(int signals) {
    running_ = workers_.size();
    std::vector<std::jthread> threads;
    for (auto& worker : workers_) {
      threads.emplace_back([this, &worker] {
        worker->run([this](bool at_begin) { edge(at_begin); });
        if (--running_ == 0) {
          const uint64_t one = 1;
          [[maybe_unused]] const ssize_t written = write(ended_.get(), &one, sizeof one);
        }
      });
    }
    pollfd waiting[] = {{.fd = ended_.get(), .events = POLLIN, .revents = 0},
                        {.fd = signals, .events = POLLIN, .revents = 0}};
    while (poll(waiting, 2, -1) < 0 && errno == EINTR) {
    }
    const bool interrupted = waiting[0].revents == 0;
    if (interrupted) {
      for (auto& worker : workers_) worker->interrupt();
    }
    return interrupted;
  }

  Tally tally() const {
    Tally sum;
    for (const auto& worker : workers_) sum.add(worker->tally());
    return sum;
  }
  Duration measured() const { return measured_end_ - measured_begin_; }
  std::vector<CpuUse> cpu() const {
    std::vector<CpuUse> uses;
    for (const auto& clock : clocks_) uses.push_back(clock.use());
    return uses;
  }

 private:
  void edge(bool at_begin) {
    for (auto& clock : clocks_) at_begin ? clock.begin() : clock.end();
    (at_begin ? measured_begin_ : measured_end_) = now();
  }

  std::vector<CpuClock> clocks_;
  net::BlockingPool pool_{1};
  OwnedFd ended_;
  Window window_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<size_t> running_ = 0;
  TimePoint measured_begin_{};
  TimePoint measured_end_{};
};

Result<Report> measure(Options options) {
  if (auto status = complete(options); !status) return std::unexpected(std::move(status.error()));
  const auto request = make_request(options);
  if (!request) return std::unexpected(request.error());
  std::vector<CpuClock> clocks;
  for (const int32_t pid : options.cpu_of) {
    auto clock = CpuClock::of(pid);
    if (!clock) return std::unexpected(std::move(clock.error()));
    clocks.push_back(std::move(*clock));
  }
  // Before any thread exists, so that none of them takes a signal for itself.
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGINT);
  sigaddset(&mask, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const OwnedFd signals(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));

  Run run(options, *request, std::move(clocks));
  Report report;
  report.interrupted = run.go(signals.get());
  report.target = request->target;
  report.tally = run.tally();
  report.window = run.measured();
  report.cpu = run.cpu();
  report.options = std::move(options);
  return report;
}

}  // namespace

int run(Options options) {
  const bool json = options.json;
  const auto report = measure(std::move(options));
  if (!report) {
    std::fprintf(stderr, "sluice bench: %s\n", report.error().message.c_str());
    return 2;
  }
  const std::string text = json ? to_json(*report) : to_table(*report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return report->tally.all_failed() == 0 ? 0 : 1;
}

}  // namespace sluice::load
