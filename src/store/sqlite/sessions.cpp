#include "store/sessions.hpp"

#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <exception>

#include "store/sqlite/file.hpp"

namespace sluice::store {
namespace {

std::unexpected<Error> unavailable(const std::exception& error) {
  return fail(ErrorCode::kLedgerUnavailable, fmt::format("database: {}", error.what()));
}

void open_session(soci::session& session, const std::string& file) {
  session.open(soci::sqlite3, fmt::format("db=\"{}\"", file));
  session << fmt::format("PRAGMA busy_timeout = {}", sqlite::kBusyMs);
  session << "PRAGMA foreign_keys = ON";
}

/// Ends the transaction, whatever happens.
class Transaction {
 public:
  Transaction(soci::session& session, const char* begin) : session_(session) { session_ << begin; }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (ended_) return;
    try {
      session_ << "ROLLBACK";
    } catch (const std::exception&) {
      // SQLite has rolled back by itself.
      ended_ = true;
    }
  }
  void commit() {
    session_ << "COMMIT";
    ended_ = true;
  }

 private:
  soci::session& session_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Sessions>> Sessions::open(const std::string& file, WriteTurn& turn) {
  std::unique_ptr<Sessions> sessions(new Sessions(file, turn));
  try {
    open_session(sessions->writer_, file);
    sessions->writer_ << "PRAGMA synchronous = FULL";
    // The ledger sees to checkpoints; this bounds the WAL where only wallets and keys are written.
    sessions->writer_ << "PRAGMA wal_autocheckpoint = 20000";
  } catch (const std::exception& error) {
    return unavailable(error);
  }
  return sessions;
}

Status Sessions::run_read(const std::function<void(soci::session&)>& work) {
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
    Transaction transaction(*session, "BEGIN");
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

Status Sessions::run_write(const std::function<bool(soci::session&)>& work) {
  const std::lock_guard turn(turn_);
  try {
    Transaction transaction(writer_, "BEGIN IMMEDIATE");
    if (work(writer_)) transaction.commit();
  } catch (const std::exception& error) {
    return unavailable(error);
  }
  return {};
}

}  // namespace sluice::store
