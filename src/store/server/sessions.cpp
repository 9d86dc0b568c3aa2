#include "store/server/sessions.hpp"

#include "store/server/notes.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace sluice::store::server {
namespace {

constexpr std::chrono::seconds kPatience{10};
/// Of a transaction that others were in the way of.
constexpr int kTries = 5;

/// Of a gateway that runs: its address was right once, and may be again.
Error unavailable(Error error) {
  error.code = ErrorCode::kLedgerUnavailable;
  return error;
}

ServerSessions::Failed failed(const std::exception& error) {
  return {.failure = failure_of(error),
          .error = {ErrorCode::kLedgerUnavailable, "database: " + message_of(error), {}}};
}

}  // namespace

ServerSessions::ServerSessions(http::DatabaseUrl url, size_t most)
    : Sessions(dialect_of(server_of(url))), url_(std::move(url)), most_(most) {}

Status ServerSessions::take_place() {
  std::unique_lock lock(mutex_);
  if (!returned_.wait_for(lock, kPatience, [this] { return taken_ < most_; })) {
    return fail(ErrorCode::kLedgerUnavailable,
                fmt::format("database: all {} connections are in use", most_));
  }
  ++taken_;
  return {};
}

void ServerSessions::give_back(Session session) {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
    if (session) free_.push_back(std::move(session));
  }
  returned_.notify_one();
}

std::expected<void, ServerSessions::Failed> ServerSessions::transact(
    const char* begin, const std::function<bool(soci::session&)>& work) {
  if (Status place = take_place(); !place) {
    return std::unexpected(Failed{Failure::kOther, place.error()});
  }
  Session session;
  std::expected<void, Failed> done;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      session.reset();
      if (!free_.empty()) {
        session = std::move(free_.back());
        free_.pop_back();
      }
    }
    const bool pooled = session != nullptr;
    bool begun = false;
    try {
      if (!session) {
        Result<Session> opened = connect(url_, Patience::kQuick);
        if (!opened) {
          done = std::unexpected(Failed{Failure::kGone, unavailable(opened.error())});
          break;
        }
        session = std::move(*opened);
      }
      OpenTransaction transaction(*session, begin);
      begun = true;
      if (work(*session)) transaction.commit();
      break;
    } catch (const std::exception& error) {
      done = std::unexpected(failed(error));
    }
    session.reset();  // whatever state it is in
    // An idle connection that the server has closed meanwhile says so only when it is used.
    if (begun || !pooled) break;
    done = {};
  }
  give_back(std::move(session));
  return done;
}

std::expected<void, ServerSessions::Failed> ServerSessions::try_write(
    const std::function<bool(soci::session&)>& work) {
  return transact(dialect().begin_write, work);
}

std::expected<void, ServerSessions::Failed> ServerSessions::try_read(
    const std::function<void(soci::session&)>& work) {
  return transact(dialect().begin_read, [&](soci::session& session) {
    work(session);
    return true;
  });
}

Status ServerSessions::run_read(const std::function<void(soci::session&)>& work, bool patient) {
  if (before_work_) before_work_();
  const auto once = [&](soci::session& session) {
    work(session);
    return true;
  };
  if (!patient) {
    auto done = transact(dialect().begin_read, once);
    // Cut off in the middle: reading again changes nothing.
    if (!done && done.error().failure == Failure::kGone)
      done = transact(dialect().begin_read, once);
    if (!done) return std::unexpected(done.error().error);
    return {};
  }
  Result<Session> session = connect(url_, Patience::kLong);
  if (!session) return std::unexpected(unavailable(session.error()));
  try {
    OpenTransaction transaction(**session, dialect().begin_read);
    work(**session);
    transaction.commit();
  } catch (const std::exception& error) {
    return std::unexpected(failed(error).error);
  }
  return {};
}

Status ServerSessions::run_write(const std::function<bool(soci::session&)>& work) {
  if (before_work_) before_work_();
  const auto noted = [&](soci::session& sql) {
    Notes notes(sql);
    const bool commits = work(sql);
    if (commits) notes.write(origin_);
    return commits;
  };
  for (int tried = 1;; ++tried) {
    const auto done = origin_.empty() ? try_write(work) : try_write(noted);
    if (done) return {};
    if (done.error().failure != Failure::kAgain || tried == kTries) {
      return std::unexpected(done.error().error);
    }
  }
}

}  // namespace sluice::store::server
