// SQLite's C interface for what has to be fast or is SQLite's alone: the ledger's writer,
// migrations, backup. Everything else goes through SOCI (store/sessions.hpp); the reason is in
// docs/decisions/0005-native-ledger-writer.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::store::sqlite {

/// An open database file. One thread at a time.
class Connection {
 public:
  enum class Mode : uint8_t { kReadOnly, kReadWrite, kCreate };

  /// kLedgerUnavailable when it cannot be opened. Waits at most `busy_ms` for other connections.
  static Result<Connection> open(const std::string& file, Mode mode, int busy_ms);

  /// Any statements, without results.
  Status run(const char* sql);
  /// The first column of the first row; empty when there is no row.
  Result<std::string> text(const char* sql);
  Result<int64_t> integer(const char* sql);

  /// What the last call that failed said.
  Error error() const;
  /// The result code of that call, extended.
  int code() const;
  sqlite3* native() { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
};

/// A prepared statement, used again and again: bind all parameters in their order, step, reset.
/// Texts are not copied and must live until reset().
class Statement {
 public:
  Statement() = default;
  /// kLedgerUnavailable, also when the SQL does not fit the schema.
  static Result<Statement> prepare(Connection& connection, const char* sql);

  Statement& bind(int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind_null();

  /// SQLITE_ROW, SQLITE_DONE, or what went wrong here or in binding.
  int step();
  /// bind() begins again with the first parameter.
  void reset();
  /// step() and reset() of a statement without rows; SQLITE_OK when it is done.
  int run();

  int64_t integer(int column) const;
  std::string_view text(int column) const;  // until the next step() or reset()
  bool is_null(int column) const;
  bool is_real(int column) const;
  double real(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_ = 1;
  int failed_ = 0;
};

}  // namespace sluice::store::sqlite
