#include "app/usage_keeper.hpp"

#include <pthread.h>

#include "observe/log.hpp"

namespace sluice::app {

UsageKeeper::UsageKeeper(store::Rollups& rollups, Duration retention)
    : rollups_(rollups), retention_(retention.count()), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "usage");
}

UsageKeeper::~UsageKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void UsageKeeper::run() {
  for (;;) {
    if (roll_up()) purge();
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kEvery, [this] { return stopping_; })) return;
  }
}

bool UsageKeeper::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool UsageKeeper::roll_up() {
  for (;;) {
    if (stopping()) return false;
    const Result<bool> more = rollups_.roll_up();
    if (!more) {
      if (!told_) log::warn("usage is not summed up", {{"reason", more.error().message}});
      told_ = true;
      return false;
    }
    told_ = false;
    if (!*more) return true;
    // Settlements first.
    std::this_thread::yield();
  }
}

void UsageKeeper::purge() {
  const Duration retention(retention_.load());
  if (retention <= Duration(0)) return;
  const int64_t before = (wall_nanos() - retention.count()) / 1'000'000;
  size_t purged = 0;
  for (;;) {
    if (stopping()) break;
    const Result<size_t> some = rollups_.purge(before);
    if (!some) {
      log::warn("old usage is not purged", {{"reason", some.error().message}});
      break;
    }
    if (*some == 0) break;
    purged += *some;
  }
  if (purged > 0) log::info("old usage was purged", {{"rows", purged}});
}

}  // namespace sluice::app
