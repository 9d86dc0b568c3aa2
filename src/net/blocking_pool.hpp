// Threads for what would block a loop: name resolution, files, later databases.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "net/scope.hpp"
#include "net/task.hpp"

namespace sluice::net {

/// A few threads and a bounded queue. Outlives what submits work to it; the work itself may end
/// after that, and must own what it touches.
class BlockingPool {
 public:
  explicit BlockingPool(int threads, size_t max_queued = 1024);
  ~BlockingPool() { finish(); }
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// False when the queue is full: the work was not taken. Any thread.
  bool submit(std::move_only_function<void()> work);

  /// Finishes what is queued and takes nothing more.
  void finish();

 private:
  void work();

  size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::net
