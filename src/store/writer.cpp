#include "store/writer.hpp"

#include <algorithm>
#include <utility>

#include "observe/log.hpp"

namespace sluice::store {
namespace {

using Outcome = sqlite::Settler::Outcome;

int64_t nanos(TimePoint at) { return at.time_since_epoch().count(); }

}  // namespace

LedgerWriter::LedgerWriter(sqlite::Settler& settler, WriteTurn& turn, Duration stop_patience,
                           std::function<void(size_t)> committed)
    : settler_(settler),
      turn_(turn),
      stop_patience_(stop_patience),
      committed_(std::move(committed)),
      thread_([this] { run(); }) {}

LedgerWriter::~LedgerWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LedgerWriter::opened(LeaseOpened mark) { push_mark(std::move(mark)); }

void LedgerWriter::progress(LeaseProgress mark) { push_mark(std::move(mark)); }

void LedgerWriter::push_mark(std::variant<LeaseOpened, LeaseProgress, Waiting> mark) {
  const TimePoint since = now();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({since, std::move(mark)});
    // Only so that it sleeps no longer than a mark may wait.
    wake = sleep_ == Sleep::kUntilAnything;
    if (wake) sleep_ = Sleep::kAwake;
  }
  if (wake) wake_.notify_one();
}

void LedgerWriter::settle(std::unique_ptr<Settling> settling) {
  const TimePoint since = now();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({since, Waiting{std::move(settling), since}});
    if (queued_since_.load(std::memory_order_relaxed) == 0) {
      queued_since_.store(nanos(since), std::memory_order_relaxed);
    }
    waiting_count_.fetch_add(1, std::memory_order_relaxed);
    wake = sleep_ == Sleep::kUntilAnything || sleep_ == Sleep::kUntilSettlement;
    if (wake) sleep_ = Sleep::kAwake;
  }
  if (wake) wake_.notify_one();
}

Duration LedgerWriter::lag() const {
  int64_t oldest = waiting_since_.load(std::memory_order_relaxed);
  if (oldest == 0) oldest = queued_since_.load(std::memory_order_relaxed);
  return oldest == 0 ? Duration(0) : std::max(Duration(0), Duration(nanos(now()) - oldest));
}

Ledger::Stats LedgerWriter::stats() const {
  return {.settlements = settlements_.load(std::memory_order_relaxed),
          .groups = groups_.load(std::memory_order_relaxed),
          .failures = failures_.load(std::memory_order_relaxed),
          .dead_letters = dead_letters_.load(std::memory_order_relaxed),
          .waiting = waiting_count_.load(std::memory_order_relaxed)};
}

void LedgerWriter::run() {
  TimePoint stop_by = TimePoint::max();
  for (;;) {
    wait_for_work();
    const TimePoint at = now();
    if (draining_ && stop_by == TimePoint::max()) stop_by = at + stop_patience_;
    if (at >= retry_at_) {
      choose_marks(at);
      if (!waiting_.empty() || !due_marks_.empty() || !healthy()) write_group();
    }
    if (!draining_) continue;
    if (nothing_left()) return;
    if (now() >= stop_by) {
      log::error("ledger_stopped_unwritten",
                 {{"settlements", waiting_.size()}, {"reason", settler_.failure()}});
      return;
    }
  }
}

void LedgerWriter::wait_for_work() {
  std::unique_lock lock(mutex_);
  const TimePoint due = next_due();
  const bool retrying = retry_at_ != TimePoint{};
  // Nobody changes sleep_ back but a producer, under the mutex: that is the wake-up.
  if (queue_.empty() || retrying || queued_since_.load(std::memory_order_relaxed) == 0) {
    sleep_ = retrying                       ? Sleep::kUntilTime
             : due != TimePoint::max()      ? Sleep::kUntilSettlement
             : queue_.empty() && !stopping_ ? Sleep::kUntilAnything
                                            : Sleep::kAwake;
  }
  const auto awake = [this] { return sleep_ == Sleep::kAwake || (stopping_ && !draining_); };
  if (due == TimePoint::max()) {
    wake_.wait(lock, awake);
  } else if (due > now()) {
    wake_.wait_until(lock, due, awake);
  }
  sleep_ = Sleep::kAwake;
  draining_ = stopping_;
  taken_.swap(queue_);
  const int64_t since = queued_since_.exchange(0, std::memory_order_relaxed);
  if (waiting_since_.load(std::memory_order_relaxed) == 0) {
    waiting_since_.store(since, std::memory_order_relaxed);
  }
  lock.unlock();
  for (Item& item : taken_) absorb(item);
  taken_.clear();
}

TimePoint LedgerWriter::next_due() const {
  if (retry_at_ != TimePoint{}) return retry_at_;
  if (!waiting_.empty() || !due_marks_.empty() || draining_) return TimePoint{};
  if (!mark_order_.empty()) return mark_order_.front().first + kMarkPatience;
  return TimePoint::max();
}

void LedgerWriter::absorb(Item& item) {
  if (auto* waiting = std::get_if<Waiting>(&item.what)) {
    marks_.erase(waiting->settling->settlement.id);
    waiting_.push_back(std::move(*waiting));
    return;
  }
  if (auto* opened = std::get_if<LeaseOpened>(&item.what)) {
    const auto [mark, added] = marks_.try_emplace(opened->id);
    if (added) mark_order_.emplace_back(item.since, opened->id);
    mark->second.opened = std::move(*opened);
    return;
  }
  auto& progress = std::get<LeaseProgress>(item.what);
  const std::string id = progress.id.str();
  auto mark = marks_.find(id);
  if (mark == marks_.end()) {
    // Settled already, or never opened.
    if (!written_leases_.contains(id)) return;
    mark = marks_.try_emplace(id).first;
    mark_order_.emplace_back(item.since, id);
  }
  mark->second.progress = std::move(progress);
}

void LedgerWriter::choose_marks(TimePoint at) {
  if (mark_order_.empty()) return;
  const bool alone = waiting_.empty();
  if (alone && !draining_ && at < mark_order_.front().first + kMarkPatience) return;
  while (!mark_order_.empty() && due_marks_.size() < kGroup &&
         (draining_ || mark_order_.front().first + kMarkPatience / 2 <= at)) {
    std::string& id = mark_order_.front().second;
    if (marks_.contains(id)) due_marks_.push_back(std::move(id));
    mark_order_.pop_front();
  }
}

void LedgerWriter::write_group() {
  const size_t most = one_by_one_ > 0 ? 1 : kGroup;
  group_marks_.clear();
  // A mark may have been settled since it was chosen.
  std::erase_if(due_marks_, [this](const std::string& id) { return !marks_.contains(id); });
  for (const std::string& id : due_marks_) {
    if (group_marks_.size() == most) break;
    const PendingMark& mark = marks_.find(id)->second;
    group_marks_.push_back({.id = id,
                            .opened = mark.opened ? &*mark.opened : nullptr,
                            .progress = mark.progress ? &*mark.progress : nullptr});
  }
  entries_.clear();
  const size_t count =
      one_by_one_ > 0 && !group_marks_.empty() ? 0 : std::min(most, waiting_.size());
  for (size_t i = 0; i < count; ++i) {
    const Settlement& settlement = waiting_[i].settling->settlement;
    entries_.push_back({&settlement, written_leases_.contains(settlement.id)});
  }

  Outcome outcome = Outcome::kWritten;
  {
    const std::lock_guard turn(turn_);
    outcome = entries_.empty() && group_marks_.empty() ? settler_.probe()
                                                       : settler_.write(entries_, group_marks_);
  }
  switch (outcome) {
    case Outcome::kWritten:
      written(count);
      break;
    case Outcome::kUnavailable:
      unavailable();
      break;
    case Outcome::kBadRow:
      bad_row(count, group_marks_.size());
      break;
  }
}

void LedgerWriter::written(size_t settlements) {
  if (!healthy()) log::info("ledger_writable_again");
  retry_after_ = Duration(0);
  retry_at_ = {};
  if (one_by_one_ > 0) --one_by_one_;
  for (const sqlite::Settler::Mark& mark : group_marks_) {
    if (mark.opened) written_leases_.emplace(mark.id);
    marks_.erase(marks_.find(std::string(mark.id)));
  }
  due_marks_.erase(due_marks_.begin(),
                   due_marks_.begin() + static_cast<ptrdiff_t>(group_marks_.size()));
  for (const sqlite::Settler::Entry& entry : entries_) {
    if (entry.has_lease) written_leases_.erase(entry.settlement->id);
  }
  if (settlements > 0) groups_.fetch_add(1, std::memory_order_relaxed);
  if (settlements > 0 && committed_) committed_(settlements);
  settlements_.fetch_add(settlements, std::memory_order_relaxed);
  waiting_count_.fetch_sub(settlements, std::memory_order_relaxed);
  healthy_.store(true, std::memory_order_release);
  for (size_t i = 0; i < settlements; ++i) {
    durable_.push_back(std::move(waiting_.front().settling));
    waiting_.pop_front();
  }
  waiting_since_.store(waiting_.empty() ? 0 : nanos(waiting_.front().since),
                       std::memory_order_relaxed);
  for (std::unique_ptr<Settling>& each : durable_) {
    Settling& settling = *each;
    settling.durable(std::move(each));
  }
  durable_.clear();
  const std::lock_guard turn(turn_);
  settler_.checkpoint();
}

void LedgerWriter::unavailable() {
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (healthy_.exchange(false, std::memory_order_acq_rel)) {
    log::error("ledger_not_writable",
               {{"reason", settler_.failure()}, {"settlements", waiting_.size()}});
  }
  retry_after_ = retry_after_ == Duration(0) ? kFirstRetry : std::min(retry_after_ * 2, kLastRetry);
  retry_at_ = now() + retry_after_;
}

void LedgerWriter::bad_row(size_t settlements, size_t marks) {
  if (settlements + marks == 0) return unavailable();
  if (settlements + marks > 1) {
    one_by_one_ = settlements + marks;
    return;
  }
  if (marks == 1) {
    log::error("ledger_mark_refused", {{"id", due_marks_.front()}, {"reason", settler_.failure()}});
    marks_.erase(due_marks_.front());
    due_marks_.erase(due_marks_.begin());
    if (one_by_one_ > 0) --one_by_one_;
    return;
  }
  bury();
}

void LedgerWriter::bury() {
  const std::string why = settler_.failure();
  Outcome outcome = Outcome::kWritten;
  {
    const std::lock_guard turn(turn_);
    outcome = settler_.bury(entries_.front(), why);
  }
  if (outcome != Outcome::kWritten) return unavailable();
  log::error("ledger_settlement_refused", {{"id", waiting_.front().settling->settlement.id},
                                           {"reason", why},
                                           {"kept_in", "dead_letters"}});
  dead_letters_.fetch_add(1, std::memory_order_relaxed);
  written(1);
  settlements_.fetch_sub(1, std::memory_order_relaxed);
}

bool LedgerWriter::nothing_left() const {
  return waiting_.empty() && due_marks_.empty() && mark_order_.empty();
}

}  // namespace sluice::store
