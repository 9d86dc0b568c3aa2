#include "store/server/migrate.hpp"

#include <fmt/format.h>
#include <soci/mysql/soci-mysql.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "observe/log.hpp"
#include "store/migrations.hpp"
#include "store/server/connect.hpp"
#include "store/sessions.hpp"

namespace sluice::store::server {
namespace {

/// "Slce", as in the header of the embedded database.
constexpr int64_t kLock = 0x536c6365;
/// Of CREATE TRIGGER for a user without SUPER, where the server keeps a binary log.
constexpr unsigned kNoTriggers = 1419;
// ADD COLUMN of one that is there, and DROP KEY of one that is not.
constexpr unsigned kColumnThere = 1060;
constexpr unsigned kKeyGone = 1091;

constexpr const char* kTables =
    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ";

int64_t count(soci::session& sql, const std::string& query) {
  int64_t n = 0;
  sql << query, soci::into(n);
  return n;
}

/// The version of the schema, 0 for an empty database.
Result<int64_t> version_of(soci::session& sql, const http::DatabaseUrl& url, Server server) {
  const std::string tables =
      std::string(kTables) + (server == Server::kPostgresql ? "current_schema()" : "DATABASE()");
  if (count(sql, tables + " AND table_name = 'schema_migrations'") == 0) {
    if (count(sql, tables) == 0) return 0;
    return fail(ErrorCode::kConfig,
                fmt::format("{} has tables and is not a database of sluice; give it an empty one",
                            url.shown()));
  }
  const int64_t version = count(sql, "SELECT COALESCE(MAX(version), 0) FROM schema_migrations");
  if (version <= latest_version()) return version;
  return fail(ErrorCode::kConfig,
              fmt::format("{} was written by a newer sluice: its schema is version {}, and this "
                          "binary knows {}; install the newer one again",
                          url.shown(), version, latest_version()));
}

void note(soci::session& sql, const Migration& migration) {
  const int64_t at = wall_nanos() / 1'000'000;
  const std::string name = migration.name;
  sql << "INSERT INTO schema_migrations (version, name, applied_at) VALUES (:version, :name, :at)",
      soci::use(migration.version), soci::use(name), soci::use(at);
}

/// Statements end with a semicolon at the end of a line, but not between two $$.
std::vector<std::string> statements_of(std::string_view script) {
  std::vector<std::string> statements;
  std::string statement;
  bool quoted = false;
  while (!script.empty()) {
    const size_t end = std::min(script.find('\n'), script.size() - 1);
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(end + 1);
    if (line.starts_with("--") || (line.empty() && statement.empty())) continue;
    if (line.ends_with("$$") || line.starts_with("$$")) quoted = !quoted;
    statement += line;
    if (!quoted && line.ends_with(';')) {
      statement.pop_back();
      statements.push_back(std::move(statement));
      statement.clear();
    } else {
      statement += '\n';
    }
  }
  return statements;
}

Status apply(soci::session& sql, const Migration& migration, std::string_view collation) {
  for (std::string statement : statements_of(migration.sql)) {
    constexpr std::string_view kCollation = "{collation}";
    if (const size_t at = statement.find(kCollation); at != std::string::npos) {
      statement.replace(at, kCollation.size(), collation);
    }
    try {
      sql << statement;
    } catch (const soci::mysql_soci_error& error) {
      // An earlier run did not come to its end.
      if (error.err_num_ == kColumnThere || error.err_num_ == kKeyGone) continue;
      if (error.err_num_ != kNoTriggers) throw;
      log::warn(
          "database_trigger_not_made",
          {{"reason", message_of(error)},
           {"means",
            "the database itself does not refuse changes of wallet_transactions, and does not "
            "tell gateways of what is changed by hand"}});
    }
  }
  note(sql, migration);
  return {};
}

void make_first_table(soci::session& sql) {
  sql << "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL PRIMARY KEY,"
         " name VARCHAR(255) NOT NULL, applied_at BIGINT NOT NULL)";
}

/// All in one transaction, which holds the lock.
Status migrate_postgresql(soci::session& sql, const http::DatabaseUrl& url) {
  OpenTransaction transaction(sql, "BEGIN");
  sql << fmt::format("DO 'BEGIN PERFORM pg_advisory_xact_lock({}); END'", kLock);
  Result<int64_t> version = version_of(sql, url, Server::kPostgresql);
  if (!version) return std::unexpected(version.error());
  if (*version == latest_version()) return {};
  make_first_table(sql);
  for (const Migration& migration : postgresql_migrations()) {
    if (migration.version <= *version) continue;
    if (Status done = apply(sql, migration, ""); !done) return done;
  }
  transaction.commit();
  return {};
}

/// The lock is the connection's, and ends with it.
Status migrate_mysql(soci::session& sql, const http::DatabaseUrl& url) {
  // MySQL 9 has no MD5() any more; a lock's name has 64 characters at most.
  const int64_t locked =
      count(sql, "SELECT GET_LOCK(CONCAT('sluice ', LEFT(SHA2(DATABASE(), 256), 32)), 60)");
  if (locked != 1) {
    return fail(ErrorCode::kLedgerUnavailable,
                fmt::format("another process has been changing the schema of {} for a minute",
                            url.shown()));
  }
  Result<int64_t> version = version_of(sql, url, Server::kMysql);
  if (!version) return std::unexpected(version.error());
  if (*version == latest_version()) return {};
  make_first_table(sql);
  const std::string_view collation = is_mariadb(sql) ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin";
  for (const Migration& migration : mysql_migrations()) {
    if (migration.version <= *version) continue;
    if (Status done = apply(sql, migration, collation); !done) return done;
  }
  return {};
}

}  // namespace

int latest_version() { return postgresql_migrations().back().version; }

Status migrate(const http::DatabaseUrl& url) {
  Result<std::unique_ptr<soci::session>> session = connect(url, Patience::kLong);
  if (!session) return std::unexpected(session.error());
  try {
    return server_of(url) == Server::kPostgresql ? migrate_postgresql(**session, url)
                                                 : migrate_mysql(**session, url);
  } catch (const std::exception& error) {
    return fail(ErrorCode::kConfig,
                fmt::format("the schema of {}: {}", url.shown(), message_of(error)));
  }
}

}  // namespace sluice::store::server
