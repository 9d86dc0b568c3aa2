#include "store/server/connect.hpp"

#include <fmt/format.h>
#include <soci/mysql/soci-mysql.h>
#include <soci/postgresql/soci-postgresql.h>

#include <string>
#include <string_view>

namespace sluice::store::server {
namespace {

constexpr int kConnectSeconds = 5;
constexpr int kStatementSeconds = 60;
constexpr int kLockSeconds = 10;

/// As libpq and SOCI's MySQL backend read values: in quotes, with backslashes before what would
/// end them.
std::string quoted(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

class Words {
 public:
  void add(std::string_view key, std::string_view value) {
    if (!value.empty()) text_ += fmt::format("{}={} ", key, quoted(value));
  }
  void add(std::string_view key, int value) { add(key, std::to_string(value)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS. Of a word that
/// comes twice the last counts.
std::string postgresql_words(const http::DatabaseUrl& url) {
  Words words;
  words.add("application_name", "sluice");
  words.add("connect_timeout", kConnectSeconds);
  // A server that vanished without a word is noticed within half a minute.
  words.add("keepalives_idle", 10);
  words.add("keepalives_interval", 5);
  words.add("keepalives_count", 3);
  words.add("tcp_user_timeout", 30'000);
  words.add("host", url.host);
  words.add("port", url.port);
  words.add("user", url.user);
  words.add("password", url.password.expose());
  words.add("dbname", url.name);
  for (const auto& [key, value] : url.options) words.add(key, value);
  words.add("client_encoding", "UTF8");
  return words.text();
}

std::string mysql_words(const http::DatabaseUrl& url, Patience patience) {
  Words words;
  words.add("host", url.host);
  words.add("port", url.port);
  words.add("user", url.user);
  words.add("password", url.password.expose());
  words.add("db", url.name);
  words.add("charset", "utf8mb4");
  words.add("unix_socket", url.option("socket"));
  if (url.option("ssl-mode") != "DISABLED") {
    words.add("sslca", url.option("ssl-ca"));
    words.add("sslcert", url.option("ssl-cert"));
    words.add("sslkey", url.option("ssl-key"));
  }
  const std::string_view timeout = url.option("connect_timeout");
  words.add("connect_timeout", timeout.empty() ? std::to_string(kConnectSeconds) : timeout);
  if (patience == Patience::kQuick) {
    // Longer than a statement may last, for a server that vanished without a word.
    words.add("read_timeout", kStatementSeconds + 10);
    words.add("write_timeout", kStatementSeconds + 10);
  }
  return words.text();
}

void settle_in_postgresql(soci::session& session, Patience patience) {
  const int limit = patience == Patience::kQuick ? kStatementSeconds : 0;
  session << fmt::format("SET statement_timeout = '{}s'", limit);
  session << fmt::format("SET lock_timeout = '{}s'", kLockSeconds);
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

}  // namespace

Server server_of(const http::DatabaseUrl& url) {
  return url.kind == http::DatabaseUrl::Kind::kPostgresql ? Server::kPostgresql : Server::kMysql;
}

Result<std::unique_ptr<soci::session>> connect(const http::DatabaseUrl& url, Patience patience) {
  try {
    auto session = std::make_unique<soci::session>();
    if (url.kind == http::DatabaseUrl::Kind::kPostgresql) {
      session->open(soci::postgresql, postgresql_words(url));
      auto* backend = static_cast<soci::postgresql_session_backend*>(session->get_backend());
      // Notices would go to the standard error as they are.
      PQsetNoticeProcessor(backend->conn_, [](void*, const char*) {}, nullptr);
      settle_in_postgresql(*session, patience);
    } else {
      session->open(soci::mysql, mysql_words(url, patience));
      settle_in_mysql(*session, patience);
    }
    return session;
  } catch (const std::exception& error) {
    return fail(ErrorCode::kLedgerUnavailable,
                fmt::format("cannot connect to {}: {}", url.shown(), message_of(error)));
  }
}

bool is_mariadb(soci::session& mysql) {
  std::string version;
  mysql << "SELECT VERSION()", soci::into(version);
  return version.contains("MariaDB");
}

}  // namespace sluice::store::server
