// The ledger's writer: one thread, and what it has not written yet.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "store/ledger.hpp"
#include "store/records.hpp"
#include "store/sqlite/settler.hpp"
#include "store/write_turn.hpp"

namespace sluice::store {

class LedgerWriter final : public Ledger {
 public:
  /// Settlements in one transaction at most.
  static constexpr size_t kGroup = 512;
  /// How long a mark waits at most for a settlement to share its commit; it is not written at all
  /// before half of that, since most short calls have ended by then.
  static constexpr Duration kMarkPatience = std::chrono::milliseconds(50);
  static constexpr Duration kFirstRetry = std::chrono::milliseconds(25);
  static constexpr Duration kLastRetry = std::chrono::seconds(1);
  /// How long the destructor tries to write to a database that cannot be written.
  static constexpr Duration kStopPatience = std::chrono::seconds(5);

  /// The settler must outlive this, the turn as well; open_leases is empty. `committed` is called
  /// on the writer's thread with the number of settlements of each group that has any.
  LedgerWriter(sqlite::Settler& settler, WriteTurn& turn, Duration stop_patience = kStopPatience,
               std::function<void(size_t)> committed = {});
  /// Writes what is queued.
  ~LedgerWriter() override;
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  void opened(LeaseOpened mark) override;
  void progress(LeaseProgress mark) override;
  using Ledger::settle;
  void settle(std::unique_ptr<Settling> settling) override;
  bool healthy() const override { return healthy_.load(std::memory_order_acquire); }
  Duration lag() const override;
  Stats stats() const override;

 private:
  struct Waiting {
    std::unique_ptr<Settling> settling;
    TimePoint since;
  };
  struct Item {
    TimePoint since;
    std::variant<LeaseOpened, LeaseProgress, Waiting> what;
  };
  struct PendingMark {
    std::optional<LeaseOpened> opened;
    std::optional<LeaseProgress> progress;
  };
  enum class Sleep : uint8_t { kAwake, kUntilAnything, kUntilSettlement, kUntilTime };

  void push_mark(std::variant<LeaseOpened, LeaseProgress, Waiting> mark);

  // The rest belongs to the writer's thread.
  void run();
  void wait_for_work();
  TimePoint next_due() const;
  void absorb(Item& item);
  void choose_marks(TimePoint now);
  void write_group();
  void written(size_t settlements);
  void unavailable();
  void bad_row(size_t settlements, size_t marks);
  void bury();
  bool nothing_left() const;

  sqlite::Settler& settler_;
  WriteTurn& turn_;
  const Duration stop_patience_;
  const std::function<void(size_t)> committed_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> queue_;
  Sleep sleep_ = Sleep::kAwake;
  bool stopping_ = false;

  std::vector<Item> taken_;
  std::deque<Waiting> waiting_;
  std::unordered_map<std::string, PendingMark> marks_;
  std::deque<std::pair<TimePoint, std::string>> mark_order_;  // may name marks that are gone
  std::vector<std::string> due_marks_;
  std::unordered_set<std::string> written_leases_;
  std::vector<sqlite::Settler::Entry> entries_;
  std::vector<sqlite::Settler::Mark> group_marks_;
  std::vector<std::unique_ptr<Settling>> durable_;
  size_t one_by_one_ = 0;  // transactions with one row each, to find the bad one
  Duration retry_after_{0};
  TimePoint retry_at_{};
  bool draining_ = false;

  std::atomic<bool> healthy_{true};
  std::atomic<int64_t> queued_since_{0};   // TimePoint of the oldest settlement in queue_, or 0
  std::atomic<int64_t> waiting_since_{0};  // the same for waiting_
  std::atomic<uint64_t> waiting_count_{0};
  std::atomic<uint64_t> settlements_{0};
  std::atomic<uint64_t> groups_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<uint64_t> dead_letters_{0};

  std::thread thread_;  // last: begins when the rest is there
};

}  // namespace sluice::store
