#include "app/change_watch.hpp"

#include <pthread.h>

#include "observe/log.hpp"

namespace sluice::app {

namespace {
constexpr auto kForgetEvery = std::chrono::minutes(1);

void add_used(const store::News& from, store::News& to) {
  to.wallets.insert(to.wallets.end(), from.wallets.begin(), from.wallets.end());
  to.used_keys.insert(to.used_keys.end(), from.used_keys.begin(), from.used_keys.end());
  to.members.insert(to.members.end(), from.members.begin(), from.members.end());
}

}  // namespace

ChangeWatch::~ChangeWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Status ChangeWatch::begin() {
  const auto now = changes_.now();
  if (!now) return std::unexpected(now.error());
  cursor_ = *now;
  return {};
}

void ChangeWatch::start(Hear hear) {
  hear_ = std::move(hear);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "changes");
}

void ChangeWatch::recheck(const store::Carried& carried) {
  const std::lock_guard lock(mutex_);
  for (const auto& each : carried.charges) {
    rechecked_.wallets.push_back(each.paid.wallet_id);
    rechecked_.used_keys.push_back(each.key_id);
    rechecked_.members.push_back(each.paid);
  }
}

void ChangeWatch::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!again_) wake_.wait_for(lock, kEvery, [this] { return stopping_; });
      if (stopping_) return;
    }
    ask();
    forget_old();
  }
}

void ChangeWatch::ask() {
  store::News own;
  {
    const std::lock_guard lock(mutex_);
    std::swap(own, rechecked_);
  }
  auto news = changes_.since(cursor_);
  Status heard = news ? Status{} : std::unexpected(news.error());
  if (news) {
    add_used(own, *news);
    if (!news->empty()) heard = hear_(*news);
  }
  again_ = heard && news->more;
  if (heard) {
    cursor_ = news->cursor;
    if (deaf_) log::info("changes_heard_again");
    deaf_ = false;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    add_used(own, rechecked_);
  }
  if (deaf_) return;
  deaf_ = true;
  log::warn("changes_not_heard",
            {{"reason", heard.error().message},
             {"means", "what others change in the database is not in force here yet"}});
}

void ChangeWatch::forget_old() {
  const TimePoint at = now();
  if (!heard_.empty() && at - heard_.back().first < kForgetEvery) return;
  heard_.emplace_back(at, cursor_);
  int64_t old = 0;
  while (at - heard_.front().first >= kKept) {
    old = heard_.front().second;
    heard_.pop_front();
  }
  // What cannot be forgotten now is next time.
  if (old > 0) (void)changes_.forget(old);
}

}  // namespace sluice::app
