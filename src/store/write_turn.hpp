// Whose turn it is to write. SQLite has one writer at a time and lets the others poll; within the
// process they stand in line instead, so that the ledger under load lets a top-up through.
#pragma once

#include <mutex>

namespace sluice::store {

/// A mutex (to be used with std::lock_guard) that its last holder cannot take again while others
/// wait for it.
class WriteTurn {
 public:
  void lock() {
    next_.lock();
    now_.lock();
    next_.unlock();
  }
  void unlock() { now_.unlock(); }

 private:
  std::mutex next_;
  std::mutex now_;
};

}  // namespace sluice::store
