#include "store/server/connect.hpp"

#include <fmt/format.h>
#include <soci/mysql/soci-mysql.h>
#include <soci/postgresql/soci-postgresql.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "store/server/connection_words.hpp"

namespace sluice::store::server {
namespace {

constexpr int kLockSeconds = 10;

void settle_in_postgresql(soci::session& session, Patience patience) {
  const int limit = patience == Patience::kQuick ? kStatementSeconds : 0;
  session << fmt::format("SET statement_timeout = '{}s'", limit);
  session << fmt::format("SET lock_timeout = '{}s'", kLockSeconds);
  // To compile a summary takes longer than to make it.
  session << "SET jit = off";
  // What has been carried is forgotten here, so it must not be lost there.
  session << "DO 'BEGIN IF current_setting(''synchronous_commit'') = ''off'' THEN"
             " PERFORM set_config(''synchronous_commit'', ''on'', false); END IF; END'";
}

void settle_in_mysql(soci::session& session, Patience patience) {
  // What does not fit is refused, and a backslash is what the client library takes it for.
  session << "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";
  session << "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
  session << fmt::format("SET SESSION innodb_lock_wait_timeout = {}", kLockSeconds);
  if (patience == Patience::kLong) return;
  if (is_mariadb(session)) {
    session << fmt::format("SET SESSION max_statement_time = {}", kStatementSeconds);
  } else {
    session << fmt::format("SET SESSION max_execution_time = {}", kStatementSeconds * 1000);
  }
}

/// Whether trying again would not help, since somebody is there and does not let us in.
bool refuses(const http::DatabaseUrl& url, const std::exception& error) {
  if (const auto* mysql = dynamic_cast<const soci::mysql_soci_error*>(&error)) {
    // Who, from where, to which database, how, and with which certificates.
    constexpr unsigned kRefusals[] = {1044, 1045, 1049, 1130, 1227, 1251,
                                      1698, 2026, 2054, 2059, 2061};
    return std::ranges::find(kRefusals, mysql->err_num_) != std::end(kRefusals);
  }
  const std::string message = message_of(error);
  if (message.contains("too many") || message.contains("remaining connection slots")) return false;
  // Without TLS, so that what is wrong with that is told from a server that is not there.
  const std::string words = postgresql_words(url, system_authorities()) + "&sslmode=disable";
  return PQping(words.c_str()) == PQPING_OK;
}

Result<std::unique_ptr<soci::session>> try_connect(const http::DatabaseUrl& url,
                                                   Patience patience) {
  try {
    auto session = std::make_unique<soci::session>();
    if (url.kind == http::DatabaseUrl::Kind::kPostgresql) {
      session->open(soci::postgresql, postgresql_words(url, system_authorities()));
      auto* backend = static_cast<soci::postgresql_session_backend*>(session->get_backend());
      // Notices would go to the standard error as they are.
      PQsetNoticeProcessor(backend->conn_, [](void*, const char*) {}, nullptr);
      settle_in_postgresql(*session, patience);
    } else {
      session->open(soci::mysql, mysql_words(url, patience));
      auto* backend = static_cast<soci::mysql_session_backend*>(session->get_backend());
      if (mysql_must_encrypt(url) && mysql_get_ssl_cipher(backend->conn_) == nullptr) {
        return fail(ErrorCode::kConfig,
                    fmt::format("cannot connect to {}: the server does not speak TLS, and the "
                                "options of the address want it",
                                url.shown()));
      }
      settle_in_mysql(*session, patience);
    }
    return session;
  } catch (const std::exception& error) {
    return fail(refuses(url, error) ? ErrorCode::kConfig : ErrorCode::kLedgerUnavailable,
                fmt::format("cannot connect to {}: {}", url.shown(), message_of(error)));
  }
}

}  // namespace

Server server_of(const http::DatabaseUrl& url) {
  return url.kind == http::DatabaseUrl::Kind::kPostgresql ? Server::kPostgresql : Server::kMysql;
}

Result<std::unique_ptr<soci::session>> connect(const http::DatabaseUrl& url, Patience patience) {
  auto session = try_connect(url, patience);
  // Away when it was tried, and there when it was asked: it has just come up.
  if (!session && session.error().code == ErrorCode::kConfig) return try_connect(url, patience);
  return session;
}

bool is_mariadb(soci::session& mysql) {
  std::string version;
  mysql << "SELECT VERSION()", soci::into(version);
  return version.contains("MariaDB");
}

}  // namespace sluice::store::server
