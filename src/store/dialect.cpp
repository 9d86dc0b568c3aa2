#include "store/dialect.hpp"

// First, so that its headers do not ask for Boost's.
#include "store/soci.hpp"

#include <soci/mysql/soci-mysql.h>
#include <soci/postgresql/soci-postgresql.h>

#include <algorithm>

namespace sluice::store {
namespace {

constexpr Dialect kDialects[] = {
    {Server::kSqlite, "BEGIN", "BEGIN IMMEDIATE", ""},
    {Server::kPostgresql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
     "BEGIN ISOLATION LEVEL READ COMMITTED", " FOR UPDATE"},
    // Each connection's own level is REPEATABLE READ; a locking read sees what was committed last.
    {Server::kMysql, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", "START TRANSACTION",
     " FOR UPDATE"},
};

/// SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html.
Failure failure_of(const soci::postgresql_soci_error& error) {
  const std::string state = error.sqlstate();
  if (state == "40001" || state == "40P01" || state == "23505") return Failure::kAgain;
  if (state.starts_with("22") || state.starts_with("23")) return Failure::kRefused;
  // Connection exceptions, and the server on its way down or up.
  if (state.starts_with("08") || state.starts_with("57P") || state.starts_with(" ")) {
    return Failure::kGone;
  }
  return Failure::kOther;
}

/// https://mariadb.com/kb/en/mariadb-error-codes/, and 3819 which is MySQL's own.
Failure failure_of(const soci::mysql_soci_error& error) {
  switch (error.err_num_) {
    case 1062:  // duplicate key
    case 1205:  // lock wait timeout
    case 1213:  // deadlock
      return Failure::kAgain;
    case 1048:  // NULL where none may be
    case 1264:  // out of range
    case 1292:  // incorrect value
    case 1366:  // no text of this character set
    case 1406:  // too long
    case 1452:  // foreign key
    case 1690:  // out of range in an expression
    case 3819:  // CHECK
    case 4025:  // CHECK
      return Failure::kRefused;
    case 1053:  // shutdown
    case 1927:  // killed
    case 2002:
    case 2003:
    case 2006:
    case 2013:
    case 2055:
      return Failure::kGone;
    default:
      return Failure::kOther;
  }
}

}  // namespace

const Dialect& dialect_of(Server server) { return kDialects[static_cast<size_t>(server)]; }

Failure failure_of(const std::exception& error) {
  if (const auto* postgresql = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
    return failure_of(*postgresql);
  }
  if (const auto* mysql = dynamic_cast<const soci::mysql_soci_error*>(&error)) {
    return failure_of(*mysql);
  }
  return Failure::kOther;
}

std::string message_of(const std::exception& error) {
  std::string message;
  // SOCI adds the statement to what the server said, which would tell of what is in it.
  if (const auto* soci_error = dynamic_cast<const soci::soci_error*>(&error)) {
    message = soci_error->get_error_message();
  } else {
    message = error.what();
  }
  std::ranges::replace(message, '\n', ' ');
  while (message.ends_with(' ')) message.pop_back();
  return message;
}

}  // namespace sluice::store
