// Carries settlements from the spool to the database server, in their order, each once: by the id
// of its row of usage_logs. docs/databases.md says what that means for who uses the gateway.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "store/changes.hpp"
#include "store/records.hpp"
#include "store/server/sessions.hpp"
#include "store/sessions.hpp"
#include "store/write_turn.hpp"

namespace sluice::store::server {

class Carrier {
 public:
  /// Settlements in one transaction at most.
  static constexpr int kGroup = 500;
  static constexpr Duration kFirstRetry = std::chrono::milliseconds(50);
  static constexpr Duration kLastRetry = std::chrono::seconds(2);
  /// How long the destructor goes on while the server answers; what is left then is carried at the
  /// next start.
  static constexpr Duration kStopPatience = std::chrono::seconds(5);

  /// Both must outlive this.
  Carrier(ServerSessions& server, Sessions& spool) : server_(server), spool_(spool) {}
  ~Carrier();
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  /// Before start(): all that an earlier process has left. How many there were;
  /// kLedgerUnavailable when they cannot be carried.
  Result<size_t> carry_all();
  void start();

  /// Any thread: so many are new in the spool.
  void notify(size_t count);
  /// Any thread: returns when all that is in the spool now has been carried, or after `patience`,
  /// or at once when the server does not answer.
  void wait(Duration patience);

  /// Nothing is carried as long as one has this.
  std::unique_lock<WriteTurn> pause() { return std::unique_lock(turn_); }
  /// Before there is anything to be told of: is called for what has arrived and is in the spool no
  /// more, each settlement once; never while somebody has a pause.
  void on_carried(std::function<void(const Carried&)> told);
  /// Tells what this process has carried from what others have.
  const std::string& origin() const { return origin_; }

  /// What has been spooled and not carried.
  uint64_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  bool away() const { return away_.load(std::memory_order_relaxed); }
  uint64_t dead_letters() const { return dead_letters_.load(std::memory_order_relaxed); }

 private:
  struct Group {
    std::vector<int64_t> places;  // in the spool, ascending
    std::vector<Settlement> settlements;
  };

  void run();
  /// One group; how many it had, 0 when the spool is empty.
  Result<size_t> carry_some();
  Result<Group> next_group();
  Status carry(const Group& group);
  void tell(const Group& group);
  Status carry_one(const Settlement& settlement);
  Status forget(int64_t up_to);

  ServerSessions& server_;
  Sessions& spool_;
  const std::string origin_ = make_id("gw_");
  WriteTurn turn_;  // held while a group is on its way; guards the next two
  std::function<void(const Carried&)> told_;
  bool uncertain_ = false;  // a group has been tried, and may have arrived
  std::atomic<uint64_t> waiting_{0};
  std::atomic<uint64_t> dead_letters_{0};
  std::atomic<bool> away_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable carried_;
  int64_t carried_up_to_ = 0;
  bool asked_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::store::server
