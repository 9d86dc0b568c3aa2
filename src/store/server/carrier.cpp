#include "store/server/carrier.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/calendar.hpp"
#include "observe/log.hpp"
#include "store/server/books.hpp"
#include "store/usage_row.hpp"

namespace sluice::store::server {
namespace {

using Failed = ServerSessions::Failed;

/// `write` in one transaction of its own; BadRow as Failure::kRefused.
template <typename Write>
std::expected<void, Failed> try_once(ServerSessions& server, Write write) {
  std::string refused;
  const auto done = server.try_write([&](soci::session& sql) {
    refused.clear();
    try {
      write(sql);
      return true;
    } catch (const BadRow& bad) {
      refused = bad.why;
      return false;
    }
  });
  if (!refused.empty()) {
    return std::unexpected(
        Failed{Failure::kRefused, {ErrorCode::kLedgerUnavailable, std::move(refused), {}}});
  }
  return done;
}

}  // namespace

Carrier::~Carrier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<size_t> Carrier::carry_all() {
  size_t carried = 0;
  for (;;) {
    const Result<size_t> some = carry_some();
    if (!some) return std::unexpected(some.error());
    if (*some == 0) return carried;
    carried += *some;
  }
}

void Carrier::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "carrier");
}

void Carrier::notify(size_t count) {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  // Counted anew at each look into the spool, which follows.
  waiting_.fetch_add(count, std::memory_order_relaxed);
  wake_.notify_one();
}

void Carrier::wait(Duration patience) {
  if (away()) return;
  const Result<int64_t> last = spool_.read([](soci::session& sql) -> Result<int64_t> {
    int64_t newest = 0;
    sql << "SELECT COALESCE(MAX(seq), 0) FROM usage_logs", soci::into(newest);
    return newest;
  });
  if (!last || *last == 0) return;
  std::unique_lock lock(mutex_);
  carried_.wait_for(lock, patience, [&] { return carried_up_to_ >= *last || away(); });
}

void Carrier::run() {
  Duration pause{0};
  TimePoint stop_by = TimePoint::max();
  for (;;) {
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      if (pause > Duration(0)) {
        wake_.wait_for(lock, pause, [this] { return stopping_; });
      } else {
        wake_.wait(lock, [this] { return asked_ || stopping_; });
      }
      asked_ = false;
      stopping = stopping_;
    }
    if (stopping && stop_by == TimePoint::max()) stop_by = now() + kStopPatience;
    Result<size_t> carried = 0;
    do {
      carried = carry_some();
    } while (carried && *carried > 0 && now() < stop_by);
    if (!carried) {
      if (!away_.exchange(true)) {
        log::error("database_away", {{"reason", carried.error().message},
                                     {"means", "settlements stay in the spool"}});
      }
      pause = pause == Duration(0) ? kFirstRetry : std::min(pause * 2, kLastRetry);
    } else {
      if (away_.exchange(false)) log::info("database_back");
      pause = Duration(0);
    }
    carried_.notify_all();
    if (!stopping) continue;
    const uint64_t left = waiting();
    if (left > 0) log::warn("database_left_in_spool", {{"settlements", left}});
    return;
  }
}

Result<size_t> Carrier::carry_some() {
  const Result<Group> group = next_group();
  if (!group) return std::unexpected(group.error());
  if (group->places.empty()) return 0;
  {
    const std::lock_guard turn(turn_);
    Status done = carry(*group);
    if (done) done = forget(group->places.back());
    if (!done) {
      uncertain_ = true;
      return std::unexpected(done.error());
    }
    tell(*group);
  }
  if (away_.exchange(false)) log::info("database_back");
  {
    const std::lock_guard lock(mutex_);
    carried_up_to_ = group->places.back();
  }
  carried_.notify_all();
  return group->places.size();
}

void Carrier::on_carried(std::function<void(const Carried&)> told) {
  const std::lock_guard turn(turn_);
  told_ = std::move(told);
}

void Carrier::tell(const Group& group) {
  if (told_) {
    Carried carried{.charges = {}, .uncertain = uncertain_};
    carried.charges.reserve(group.settlements.size());
    for (const Settlement& each : group.settlements) {
      carried.charges.push_back({.paid = {each.wallet_id, each.user_id},
                                 .key_id = each.key_id,
                                 .tokens = each.charged.total(),
                                 .cost = each.cost,
                                 .day = day_of(each.started_at)});
    }
    told_(carried);
  }
  uncertain_ = false;
}

Result<Carrier::Group> Carrier::next_group() {
  return spool_.read([this](soci::session& sql) -> Result<Group> {
    Group group;
    int64_t place = 0;
    int64_t newest = 0;
    const int most = kGroup;
    UsageRow row;
    soci::details::prepare_temp_type query = sql.prepare
                                             << "SELECT seq, " << UsageRow::kColumns
                                             << " FROM usage_logs ORDER BY seq LIMIT :most";
    query, soci::use(most), soci::into(place);
    row.into(query);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) {
      group.places.push_back(place);
      group.settlements.push_back(row.fetched());
    }
    sql << "SELECT COALESCE(MAX(seq), 0) FROM usage_logs", soci::into(newest);
    // Nothing is taken out in between.
    waiting_.store(group.places.empty() ? 0 : newest - group.places.front() + 1);
    return group;
  });
}

Status Carrier::carry(const Group& group) {
  constexpr int kTries = 5;
  for (int tried = 1;; ++tried) {
    const auto done = try_once(server_, [&](soci::session& sql) {
      settle(sql, server_.dialect(), group.settlements, origin_);
    });
    if (done) return {};
    if (done.error().failure == Failure::kAgain && tried < kTries) continue;
    if (done.error().failure != Failure::kRefused) return std::unexpected(done.error().error);
    break;
  }
  for (const Settlement& each : group.settlements) {
    if (Status carried = carry_one(each); !carried) return carried;
  }
  return {};
}

Status Carrier::carry_one(const Settlement& settlement) {
  const auto done = try_once(server_, [&](soci::session& sql) {
    settle(sql, server_.dialect(), {&settlement, 1}, origin_);
  });
  if (done) return {};
  if (done.error().failure != Failure::kRefused) return std::unexpected(done.error().error);
  const std::string why = done.error().error.message;
  const auto buried = try_once(server_, [&](soci::session& sql) { bury(sql, settlement, why); });
  if (!buried) return std::unexpected(buried.error().error);
  log::error("ledger_settlement_refused",
             {{"id", settlement.id}, {"reason", why}, {"kept_in", "dead_letters"}});
  dead_letters_.fetch_add(1, std::memory_order_relaxed);
  uncertain_ = true;  // the books will never have it
  return {};
}

Status Carrier::forget(int64_t up_to) {
  return spool_.write([&](soci::session& sql) -> Status {
    sql << "DELETE FROM usage_logs WHERE seq <= :last", soci::use(up_to);
    return {};
  });
}

}  // namespace sluice::store::server
