#include "store/sqlite/sessions.hpp"

#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <exception>
#include <utility>

#include "store/sqlite/file.hpp"

namespace sluice::store::sqlite {
namespace {

std::unexpected<Error> unavailable(const std::exception& error) {
  return fail(ErrorCode::kLedgerUnavailable, fmt::format("database: {}", error.what()));
}

void open_session(soci::session& session, const std::string& file) {
  session.open(soci::sqlite3, fmt::format("db=\"{}\"", file));
  session << fmt::format("PRAGMA busy_timeout = {}", kBusyMs);
  session << "PRAGMA foreign_keys = ON";
}

}  // namespace

FileSessions::FileSessions(std::string file, WriteTurn& turn)
    : Sessions(dialect_of(Server::kSqlite)), file_(std::move(file)), turn_(turn) {}

Result<std::unique_ptr<FileSessions>> FileSessions::open(const std::string& file, WriteTurn& turn,
                                                         bool full) {
  std::unique_ptr<FileSessions> sessions(new FileSessions(file, turn));
  try {
    open_session(sessions->writer_, file);
    sessions->writer_ << fmt::format("PRAGMA synchronous = {}", full ? "FULL" : "NORMAL");
    // The ledger sees to checkpoints; this bounds the WAL where only wallets and keys are written.
    sessions->writer_ << "PRAGMA wal_autocheckpoint = 20000";
  } catch (const std::exception& error) {
    return unavailable(error);
  }
  return sessions;
}

Status FileSessions::run_read(const std::function<void(soci::session&)>& work, bool /*patient*/) {
  std::unique_ptr<soci::session> session;
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !free_.empty() || readers_ < kReaders; });
    if (free_.empty()) {
      ++readers_;
    } else {
      session = std::move(free_.back());
      free_.pop_back();
    }
  }
  Status status;
  try {
    if (!session) {
      session = std::make_unique<soci::session>();
      open_session(*session, file_);
      *session << "PRAGMA query_only = ON";
    }
    OpenTransaction transaction(*session, dialect().begin_read);
    work(*session);
    transaction.commit();
  } catch (const std::exception& error) {
    status = unavailable(error);
    session.reset();  // the next reader opens a new one
  }
  {
    const std::lock_guard lock(mutex_);
    if (session) {
      free_.push_back(std::move(session));
    } else {
      --readers_;
    }
  }
  returned_.notify_one();
  return status;
}

Status FileSessions::run_write(const std::function<bool(soci::session&)>& work) {
  const std::lock_guard turn(turn_);
  try {
    OpenTransaction transaction(writer_, dialect().begin_write);
    if (work(writer_)) transaction.commit();
  } catch (const std::exception& error) {
    return unavailable(error);
  }
  return {};
}

}  // namespace sluice::store::sqlite
