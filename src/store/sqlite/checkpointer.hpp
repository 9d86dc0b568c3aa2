// Moves what has been committed from the write-ahead log into the database, on a thread of its
// own: that syncs the disk, and the ledger's writer must not wait for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "store/sqlite/connection.hpp"

namespace sluice::store::sqlite {

/// In pages of 4 KiB.
struct WalLimits {
  int step = 4'000;   // it is moved whenever the WAL has grown by so much
  int most = 8'000;   // beyond this the writer pauses for what is left, so that it begins anew
  int hard = 14'000;  // beyond this the writer waits for the disk
};

/// A checkpoint beside a writer that goes on never reaches the end, so the WAL would never begin
/// anew. Once it is long, checkpoints follow each other until little is left; then the writer is
/// asked to do the rest between two groups. Where the disk is slower than the writer, checkpoints
/// never catch up, and the writer has to wait. While somebody reads an old state all of that is of
/// no use, and the WAL grows until that read has ended.
class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> open(const std::string& file, bool power,
                                                    WalLimits limits);
  /// Waits for a checkpoint that runs.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // The rest is the writer's.

  /// How long the WAL is after a commit.
  void grown_to(int pages) { pages_.store(pages, std::memory_order_relaxed); }
  /// Begins a checkpoint when there is enough to move, and waits for it when there is too much.
  /// True when little is left of a long WAL: then the writer checkpoints itself. Said once.
  bool little_left();

  /// Checkpoints on the own thread.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  Checkpointer(Connection connection, WalLimits limits);
  void ask(bool wait);
  void run();
  void move();

  const WalLimits limits_;
  Connection connection_;  // the thread's
  std::atomic<int> pages_{0};
  std::atomic<bool> little_left_{false};
  std::atomic<uint64_t> count_{0};
  int asked_at_ = 0;   // pages; the writer's
  int waited_at_ = 0;  // the same

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  bool asked_ = false;
  bool moving_ = false;
  bool stopping_ = false;

  std::thread thread_;  // last: begins when the rest is there
};

}  // namespace sluice::store::sqlite
