#include "store/sqlite/checkpointer.hpp"

#include <pthread.h>
#include <sqlite3.h>

#include <utility>

#include "store/sqlite/file.hpp"

namespace sluice::store::sqlite {
namespace {

/// Each takes about as long as the one before has let the WAL grow: three leave little.
constexpr int kRounds = 3;
/// What the writer may be asked to move itself before that.
constexpr int kLittle = 128;

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::open(const std::string& file, bool power,
                                                         WalLimits limits) {
  Result<Connection> connection = Connection::open(file, Connection::Mode::kReadWrite, kBusyMs);
  if (!connection) return std::unexpected(connection.error());
  if (Status set = connection->run(settings(power).c_str()); !set) {
    return std::unexpected(set.error());
  }
  // SQLite checkpoints only what a connection has opened: reading does that.
  if (Result<int64_t> read = connection->integer("PRAGMA schema_version"); !read) {
    return std::unexpected(read.error());
  }
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(*connection), limits));
}

Checkpointer::Checkpointer(Connection connection, WalLimits limits)
    : limits_(limits), connection_(std::move(connection)), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "checkpoints");
}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Checkpointer::little_left() {
  const int pages = pages_.load(std::memory_order_relaxed);
  if (pages < asked_at_) asked_at_ = waited_at_ = 0;  // the WAL was begun anew
  if (little_left_.exchange(false, std::memory_order_acquire) && pages >= limits_.most) return true;
  // Not again at once where a long read makes waiting useless.
  if (pages >= limits_.hard && pages - waited_at_ >= limits_.step) {
    asked_at_ = waited_at_ = pages;
    ask(true);
    return little_left_.exchange(false, std::memory_order_acquire);
  }
  if (pages - asked_at_ >= limits_.step) {
    asked_at_ = pages;
    ask(false);
  }
  return false;
}

void Checkpointer::ask(bool wait) {
  std::unique_lock lock(mutex_);
  asked_ = true;
  wake_.notify_one();
  if (wait) idle_.wait(lock, [this] { return !asked_ && !moving_; });
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return asked_ || stopping_; });
    if (stopping_) return;
    asked_ = false;
    // Else it is the writer's turn, and two checkpoints at once refuse each other.
    if (!little_left_.load(std::memory_order_relaxed)) {
      moving_ = true;
      lock.unlock();
      move();
      lock.lock();
      moving_ = false;
    }
    idle_.notify_one();
  }
}

void Checkpointer::move() {
  int at_first = 0;     // pages that there were
  int moved_first = 0;  // and that were moved
  for (int round = 1;; ++round) {
    int pages = 0;
    int moved = 0;
    // Never waits: what readers keep from being moved now is moved the next time. A failure, such
    // as of a full disk, leaves the WAL as it is.
    const int code = sqlite3_wal_checkpoint_v2(connection_.native(), nullptr,
                                               SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    count_.fetch_add(1, std::memory_order_relaxed);
    if (code != SQLITE_OK) return;
    if (round == 1) {
      at_first = pages;
      moved_first = moved;
    }
    const int now = pages_.load(std::memory_order_relaxed);
    if (now < limits_.most) return;
    const int left = now - moved;
    if (left > kLittle && round < kRounds) continue;
    // Else a long read holds what was there at the first round, or what came then: nobody should
    // wait for that.
    if (left <= kLittle || (moved >= at_first && moved > moved_first)) {
      little_left_.store(true, std::memory_order_release);
    }
    return;
  }
}

}  // namespace sluice::store::sqlite
