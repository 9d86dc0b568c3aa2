// The event loop: one thread, one epoll set, timers and a queue of work. Everything that a
// connection owns lives and dies on one loop; only post() and stop() may be called from outside.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace sluice::net {

class Descriptor;
class Timer;

class Loop {
 public:
  /// Throws std::system_error when the kernel refuses an epoll set: start-up only.
  explicit Loop(int index = 0);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop(); once more callable afterwards.
  void run();
  /// Ends run() after the current round. Any thread.
  void stop();
  /// Runs `work` on the loop's thread, in order of posting. Any thread.
  void post(std::move_only_function<void()> work);

  int index() const { return index_; }
  /// Monotonic time, read once a wake-up.
  TimePoint now() const { return now_; }
  /// A coroutine whose peer always has more would never let go of the loop: after so many reads
  /// without a wait its turn is over, and it comes back in the next round.
  bool take_turn() { return ++turns_ <= kTurns; }
  bool out_of_turn() const { return turns_ > kTurns; }
  /// Looks at `descriptor` again in the next round, as if it had become readable.
  void revisit(Descriptor& descriptor) { revisit_.push_back(&descriptor); }
  /// Resumes `handle` in this round, from the loop itself and not from the caller's stack.
  void resume_soon(std::coroutine_handle<> handle) { ready_.push_back(handle); }

  /// Buffers that belong to whoever runs, until it suspends: reads go to input(), what is to be
  /// written is gathered in output(). That is why a waiting stream holds no I/O buffer.
  static constexpr size_t kScratch = 64 * 1024;
  /// Readable bytes behind the end of input(), for parsers that load whole vectors.
  static constexpr size_t kSlack = 64;
  std::span<char> input() { return {input_.get(), kScratch}; }
  std::string& output() { return output_; }

 private:
  friend class Descriptor;
  friend class Timer;

  void add(Descriptor& descriptor);
  void remove(Descriptor& descriptor);
  void run_revisits();
  void prefetch_next() const;
  void run_posted();
  void run_ready();
  void run_timers();
  int poll_timeout() const;
  // Min-heap of timers by time; a timer knows its place in it.
  void sift_up(size_t place);
  void sift_down(size_t place);

  int index_;
  int epoll_;
  int wake_fd_;
  TimePoint now_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<char[]> input_;
  std::string output_;
  std::vector<Timer*> timers_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> resuming_;
  // The batch being worked off: a descriptor that dies meanwhile is struck out of it.
  std::vector<epoll_event> events_;
  int event_count_ = 0;
  int event_next_ = 0;
  static constexpr int kTurns = 16;
  int turns_ = 0;
  std::vector<Descriptor*> revisit_;
  std::vector<Descriptor*> visiting_;  // null: died meanwhile
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
};

/// Calls fire() on the loop's thread once its time has come. Cancelled by its destructor.
class Timer {
 public:
  explicit Timer(Loop& loop) : loop_(loop) {}
  virtual ~Timer() { disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(TimePoint at);
  void disarm();
  bool armed() const { return place_ != kNowhere; }
  TimePoint at() const { return at_; }

 protected:
  virtual void fire() = 0;
  Loop& loop_;

 private:
  friend class Loop;
  static constexpr size_t kNowhere = ~size_t{0};
  TimePoint at_{};
  size_t place_ = kNowhere;
};

}  // namespace sluice::net
