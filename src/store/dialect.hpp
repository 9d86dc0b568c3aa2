// What differs between the databases in the SQL that they share, and what their errors mean.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

namespace sluice::store {

enum class Server : uint8_t { kSqlite, kPostgresql, kMysql };

struct Dialect {
  Server server;
  /// Begin a transaction: with one view of everything until its end, or to write in.
  const char* begin_read;
  const char* begin_write;
  /// Behind a SELECT of rows that are about to be changed: nobody else may change them meanwhile.
  const char* for_update;
};

const Dialect& dialect_of(Server server);

enum class Failure : uint8_t {
  kGone,     // the connection is of no use any more
  kAgain,    // another transaction was in the way
  kRefused,  // what was to be written can never be
  kOther,
};

/// Of an exception that a statement has thrown.
Failure failure_of(const std::exception& error);

/// What the server said, in one line. Servers do not repeat passwords.
std::string message_of(const std::exception& error);

}  // namespace sluice::store
