#include "store/server/bulk.hpp"

#include <fmt/format.h>
#include <soci/mysql/soci-mysql.h>
#include <soci/postgresql/soci-postgresql.h>

#include <utility>

namespace sluice::store::server {
namespace {

/// Bytes that are sent at once: of a statement well below the least max_allowed_packet.
constexpr size_t kAtOnce = 256 * 1024;

PGconn* postgresql(soci::session& sql) {
  return static_cast<soci::postgresql_session_backend*>(sql.get_backend())->conn_;
}

MYSQL* mysql(soci::session& sql) {
  return static_cast<soci::mysql_session_backend*>(sql.get_backend())->conn_;
}

[[noreturn]] void refuse(PGconn* connection) { throw soci::soci_error(PQerrorMessage(connection)); }

/// As COPY reads it: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
void append_copied(std::string& text, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\\':
        text += "\\\\";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\t':
        text += "\\t";
        break;
      default:
        text += c;
    }
  }
}

void append_quoted(MYSQL* connection, std::string& text, std::string_view value) {
  text += '\'';
  const size_t before = text.size();
  text.resize(before + 2 * value.size() + 1);
  text.resize(before + mysql_real_escape_string(connection, text.data() + before, value.data(),
                                                value.size()));
  text += '\'';
}

}  // namespace

Bulk::Bulk(soci::session& sql, Server server, std::string table, std::string columns)
    : sql_(sql), server_(server), table_(std::move(table)), columns_(std::move(columns)) {}

Bulk::~Bulk() {
  // Something was thrown: the connection takes statements again, and the transaction is lost.
  if (!copying_) return;
  PQputCopyEnd(postgresql(sql_), "abandoned");
  while (PGresult* result = PQgetResult(postgresql(sql_))) PQclear(result);
}

void Bulk::begin() {
  if (server_ == Server::kMysql) {
    text_ = fmt::format("INSERT INTO {} ({}) VALUES ", table_, columns_);
    return;
  }
  if (copying_) return;
  PGconn* connection = postgresql(sql_);
  PGresult* result =
      PQexec(connection, fmt::format("COPY {} ({}) FROM STDIN", table_, columns_).c_str());
  copying_ = PQresultStatus(result) == PGRES_COPY_IN;
  PQclear(result);
  if (!copying_) refuse(connection);
}

void Bulk::add(std::optional<std::string_view> value) {
  if (first_ && text_.empty()) {
    begin();
  } else if (first_ && server_ == Server::kMysql) {
    text_ += ", ";
  }
  if (server_ == Server::kMysql) {
    text_ += first_ ? "(" : ", ";
    if (value) {
      append_quoted(mysql(sql_), text_, *value);
    } else {
      text_ += "NULL";
    }
  } else {
    if (!first_) text_ += '\t';
    if (value) {
      append_copied(text_, *value);
    } else {
      text_ += "\\N";
    }
  }
  first_ = false;
}

void Bulk::end_row() {
  text_ += server_ == Server::kMysql ? ')' : '\n';
  first_ = true;
  if (text_.size() >= kAtOnce) flush();
}

void Bulk::flush() {
  if (text_.empty()) return;
  if (server_ == Server::kMysql) {
    MYSQL* connection = mysql(sql_);
    if (mysql_real_query(connection, text_.data(), text_.size()) != 0) {
      throw soci::mysql_soci_error(mysql_error(connection),
                                   static_cast<int>(mysql_errno(connection)));
    }
  } else if (PQputCopyData(postgresql(sql_), text_.data(), static_cast<int>(text_.size())) != 1) {
    refuse(postgresql(sql_));
  }
  text_.clear();
}

void Bulk::finish() {
  flush();
  if (!copying_) return;
  copying_ = false;
  PGconn* connection = postgresql(sql_);
  if (PQputCopyEnd(connection, nullptr) != 1) refuse(connection);
  std::string failure;
  while (PGresult* result = PQgetResult(connection)) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) failure = PQresultErrorMessage(result);
    PQclear(result);
  }
  if (!failure.empty()) throw soci::soci_error(failure);
}

std::vector<std::string> ready_for_many(soci::session& sql, Server server,
                                        const std::string& table) {
  std::vector<std::string> makes;
  if (server != Server::kPostgresql) return makes;
  std::vector<std::string> names;
  {
    std::string name;
    std::string make;
    soci::statement found =
        (sql.prepare << "SELECT CAST(CAST(indexrelid AS regclass) AS text),"
                        " pg_get_indexdef(indexrelid) FROM pg_index"
                        " WHERE indrelid = CAST(:name AS regclass) AND NOT indisunique"
                        " ORDER BY indexrelid",
         soci::use(table), soci::into(name), soci::into(make));
    found.execute();
    while (found.fetch()) {
      names.push_back(name);
      makes.push_back(make);
    }
  }
  for (const std::string& name : names) sql << "DROP INDEX " + name;
  sql << fmt::format("ALTER TABLE {} DISABLE TRIGGER USER", table);
  makes.push_back(fmt::format("ALTER TABLE {} ENABLE TRIGGER USER", table));
  makes.push_back("ANALYZE " + table);
  return makes;
}

void note_all(soci::session& sql, Server server) {
  if (server != Server::kPostgresql) return;
  sql << "UPDATE change_turn SET seq = seq + 1, holder = txid_current() WHERE id = 1";
  sql << "INSERT INTO changes (seq, kind, subject) SELECT seq, kind, 0 FROM change_turn, (VALUES"
         " ('key'), ('user'), ('login'), ('wallet'), ('team'), ('price'), ('catalog')) kinds (kind)"
         " WHERE id = 1";
}

}  // namespace sluice::store::server
