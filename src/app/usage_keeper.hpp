// Keeps the sums of usage up to date, and purges rows that are older than they are kept.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "store/rollups.hpp"

namespace sluice::app {

class UsageKeeper {
 public:
  /// How long a row waits at most for its sums, which count it already.
  static constexpr Duration kEvery = std::chrono::seconds(10);

  /// A thread of its own, until this ends; `rollups` outlives it. `retention` 0: rows are kept for
  /// ever.
  UsageKeeper(store::Rollups& rollups, Duration retention);
  ~UsageKeeper();
  UsageKeeper(const UsageKeeper&) = delete;
  UsageKeeper& operator=(const UsageKeeper&) = delete;

  /// Any thread.
  void use(Duration retention) { retention_ = retention.count(); }

 private:
  void run();
  /// False when it must end, or could not go on.
  bool roll_up();
  void purge();
  bool stopping();

  store::Rollups& rollups_;
  std::atomic<int64_t> retention_;
  bool told_ = false;  // that it cannot
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: begins when the rest is there
};

}  // namespace sluice::app
