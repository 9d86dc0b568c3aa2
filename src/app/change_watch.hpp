// Hears of what other gateways, or people, have changed in the database.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/changes.hpp"

namespace sluice::app {

/// With a thread of its own that asks the database twice a second.
class ChangeWatch {
 public:
  static constexpr Duration kEvery = std::chrono::milliseconds(500);
  /// How long changes are kept for those who are slow to hear of them. Whoever was away for longer
  /// reads everything.
  static constexpr Duration kKept = std::chrono::minutes(5);

  /// Puts news in force; they come again after an error.
  using Hear = std::function<Status(const store::News&)>;

  /// `changes` outlives it.
  explicit ChangeWatch(store::Changes& changes) : changes_(changes) {}
  ~ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;

  /// Before what news are to be of is read.
  Status begin();
  void start(Hear hear);

  /// Any thread: as if somebody had used them.
  void recheck(const store::Carried& carried);

 private:
  void run();
  void ask();
  void forget_old();

  store::Changes& changes_;
  Hear hear_;
  int64_t cursor_ = 0;
  bool deaf_ = false;  // it has been said
  std::deque<std::pair<TimePoint, int64_t>> heard_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool again_ = false;     // there is more
  store::News rechecked_;  // wallets, used_keys and members
  std::thread thread_;
};

}  // namespace sluice::app
