#include "store/sqlite/connection.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace sluice::store::sqlite {

void Connection::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Result<Connection> Connection::open(const std::string& file, Mode mode, int busy_ms) {
  const int flags = mode == Mode::kReadOnly    ? SQLITE_OPEN_READONLY
                    : mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  // Counting what SQLite allocates takes a lock at each time. Refused, to no harm, where somebody
  // has opened a database already.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &db,
                                   flags | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection;
  connection.db_.reset(db);
  if (code != SQLITE_OK) {
    return fail(ErrorCode::kLedgerUnavailable,
                fmt::format("cannot open {}: {}", file, sqlite3_errstr(code)));
  }
  sqlite3_busy_timeout(db, busy_ms);
  return connection;
}

Error Connection::error() const {
  return {ErrorCode::kLedgerUnavailable,
          fmt::format("database: {} ({})", sqlite3_errmsg(db_.get()), code()),
          {}};
}

int Connection::code() const { return sqlite3_extended_errcode(db_.get()); }

Status Connection::run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(error());
  }
  return {};
}

Result<std::string> Connection::text(const char* sql) {
  Result<Statement> statement = Statement::prepare(*this, sql);
  if (!statement) return std::unexpected(statement.error());
  const int code = statement->step();
  if (code == SQLITE_ROW) return std::string(statement->text(0));
  if (code == SQLITE_DONE) return std::string();
  return std::unexpected(error());
}

Result<int64_t> Connection::integer(const char* sql) {
  Result<Statement> statement = Statement::prepare(*this, sql);
  if (!statement) return std::unexpected(statement.error());
  const int code = statement->step();
  if (code == SQLITE_ROW) return statement->integer(0);
  if (code == SQLITE_DONE) return 0;
  return std::unexpected(error());
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Result<Statement> Statement::prepare(Connection& connection, const char* sql) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v3(connection.native(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared,
                         nullptr) != SQLITE_OK) {
    return std::unexpected(connection.error());
  }
  Statement statement;
  statement.statement_.reset(prepared);
  return statement;
}

Statement& Statement::bind(int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_.get(), next_++, value)) failed_ = code;
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() ? text.data() : "";
  if (const int code = sqlite3_bind_text64(statement_.get(), next_++, data, text.size(),
                                           SQLITE_STATIC, SQLITE_UTF8)) {
    failed_ = code;
  }
  return *this;
}

Statement& Statement::bind_null() {
  if (const int code = sqlite3_bind_null(statement_.get(), next_++)) failed_ = code;
  return *this;
}

int Statement::step() {
  if (failed_ != SQLITE_OK) return failed_;
  return sqlite3_step(statement_.get());
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  next_ = 1;
  failed_ = SQLITE_OK;
}

int Statement::run() {
  const int code = step();
  reset();
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (!data) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

bool Statement::is_real(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_FLOAT;
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

}  // namespace sluice::store::sqlite
