#include "store/server/copy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "observe/log.hpp"
#include "store/server/bulk.hpp"
#include "store/server/connect.hpp"
#include "store/server/migrate.hpp"
#include "store/server/spool_owner.hpp"
#include "store/sessions.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/file.hpp"

namespace sluice::store::server {
namespace {

using sqlite::Connection;
using sqlite::Statement;

/// Rows that are read from a server at once, which keeps them in memory.
constexpr int kRead = 2'000;

/// As it is in the file. The first column is unique, and rows are read in its order.
struct Table {
  std::string name;
  std::vector<std::string> columns;
  bool counts_ids = false;  // an id is never given twice

  std::string list() const { return fmt::format("{}", fmt::join(columns, ", ")); }
};

struct Cell {
  std::string text;
  soci::indicator is_null = soci::i_ok;
};
using Row = std::vector<Cell>;

/// What a server has, too: leases stay in a file, and the schema is each one's own.
Result<std::vector<Table>> tables_of(Connection& file) {
  std::vector<Table> tables;
  Result<Statement> names = Statement::prepare(
      file,
      "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema WHERE type = 'table'"
      " AND name NOT LIKE 'sqlite_%' AND name NOT IN ('schema_migrations', 'open_leases')"
      " ORDER BY rowid");
  if (!names) return std::unexpected(names.error());
  while (names->step() == SQLITE_ROW) {
    tables.push_back(
        {.name = std::string(names->text(0)), .columns = {}, .counts_ids = names->integer(1) != 0});
  }
  for (Table& table : tables) {
    Result<Statement> columns =
        Statement::prepare(file, "SELECT name FROM pragma_table_info(?) ORDER BY cid");
    if (!columns) return std::unexpected(columns.error());
    columns->bind(std::string_view(table.name));
    while (columns->step() == SQLITE_ROW) table.columns.emplace_back(columns->text(0));
  }
  return tables;
}

Status run(Connection& file, const std::string& sql) { return file.run(sql.c_str()); }

// From a server into a file.

int64_t last_id(soci::session& sql, Server server, const Table& table) {
  int64_t last = 0;
  if (server == Server::kPostgresql) {
    sql << fmt::format(
        "SELECT COALESCE(pg_sequence_last_value(CAST(pg_get_serial_sequence('{}', 'id')"
        " AS regclass)), 0)",
        table.name),
        soci::into(last);
  } else {
    sql << fmt::format(
        "SELECT COALESCE(auto_increment, 1) - 1 FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name = '{}'",
        table.name),
        soci::into(last);
  }
  return last;
}

/// The next rows after `last`; all columns come as texts.
std::vector<Row> read_rows(soci::session& sql, const Table& table, const std::string* last) {
  std::vector<Row> rows;
  Row row(table.columns.size());
  soci::details::prepare_temp_type query =
      sql.prepare << fmt::format(
          "SELECT {} FROM {}{} ORDER BY {} LIMIT {}", table.list(), table.name,
          last ? fmt::format(" WHERE {} > :last", table.columns.front()) : "",
          table.columns.front(), kRead);
  if (last) query, soci::use(*last);
  for (Cell& cell : row) query, soci::into(cell.text, cell.is_null);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) rows.push_back(row);
  return rows;
}

Status save_table(soci::session& sql, const Table& table, Connection& file) {
  // What the scripts of the schema have put there is among what comes.
  if (Status emptied = run(file, "DELETE FROM " + table.name); !emptied) return emptied;
  std::string marks;
  for (size_t i = 0; i < table.columns.size(); ++i) marks += i == 0 ? "?" : ", ?";
  Result<Statement> insert = Statement::prepare(
      file,
      fmt::format("INSERT INTO {} ({}) VALUES ({})", table.name, table.list(), marks).c_str());
  if (!insert) return std::unexpected(insert.error());
  std::string last;
  for (bool first = true;; first = false) {
    const std::vector<Row> rows = read_rows(sql, table, first ? nullptr : &last);
    for (const Row& row : rows) {
      for (const Cell& cell : row) {
        if (cell.is_null == soci::i_null) {
          insert->bind_null();
        } else {
          insert->bind(std::string_view(cell.text));
        }
      }
      if (insert->run() != SQLITE_OK) return std::unexpected(file.error());
    }
    if (rows.size() < kRead) return {};
    last = rows.back().front().text;
  }
}

Status save_ids(int64_t last, const Table& table, Connection& file) {
  return run(file, fmt::format("DELETE FROM sqlite_sequence WHERE name = '{0}';"
                               "INSERT INTO sqlite_sequence (name, seq) VALUES ('{0}', {1})",
                               table.name, last));
}

Status save_tables(soci::session& sql, Server server, Connection& file) {
  const Result<std::vector<Table>> tables = tables_of(file);
  if (!tables) return std::unexpected(tables.error());
  // Those that a new file begins with.
  if (Status cleared = run(file, "DELETE FROM settings"); !cleared) return cleared;
  for (const Table& table : *tables) {
    if (Status saved = save_table(sql, table, file); !saved) return saved;
    if (!table.counts_ids) continue;
    const int64_t last = last_id(sql, server, table);
    if (last == 0) continue;
    if (Status kept = save_ids(last, table, file); !kept) return kept;
  }
  return {};
}

// From a file into a server.

/// Tells now and then how far a table is that has many rows.
class Counter {
 public:
  explicit Counter(std::string_view table) : table_(table) {}
  void add() {
    if (++rows_ % kToldEvery == 0) tell();
  }
  void end() const {
    if (rows_ > kToldEvery) tell();
  }

 private:
  static constexpr int64_t kToldEvery = 250'000;

  void tell() const { log::info("restore_goes_on", {{"table", table_}, {"rows", rows_}}); }

  const std::string_view table_;
  int64_t rows_ = 0;
};

void add_row(Statement& from, size_t columns, Bulk& to) {
  for (size_t i = 0; i < columns; ++i) {
    const int column = static_cast<int>(i);
    if (from.is_null(column)) {
      to.add(std::nullopt);
    } else if (from.is_real(column)) {
      // As text SQLite would give 15 digits of it.
      to.add(fmt::format("{}", from.real(column)));
    } else {
      to.add(from.text(column));
    }
  }
  to.end_row();
}

Status load_table(Connection& file, const Table& table, soci::session& sql, Server server) {
  Result<Statement> from = Statement::prepare(
      file,
      fmt::format("SELECT {} FROM {} ORDER BY {}", table.list(), table.name, table.columns.front())
          .c_str());
  if (!from) return std::unexpected(from.error());
  const std::vector<std::string> after = ready_for_many(sql, server, table.name);
  Bulk bulk(sql, server, table.name, table.list());
  Counter counter(table.name);
  int code = from->step();
  for (; code == SQLITE_ROW; code = from->step()) {
    add_row(*from, table.columns.size(), bulk);
    counter.add();
  }
  if (code != SQLITE_DONE) return std::unexpected(file.error());
  bulk.finish();
  counter.end();
  for (const std::string& each : after) sql << each;
  return {};
}

bool is_empty(soci::session& sql, const std::vector<Table>& tables) {
  return std::ranges::all_of(tables, [&](const Table& table) {
    int64_t rows = 0;
    // A database that was opened once has its settings.
    if (table.name == "settings") return true;
    sql << fmt::format("SELECT COUNT(*) FROM {}", table.name), soci::into(rows);
    return rows == 0;
  });
}

/// MySQL commits with it, so it comes after all else.
void load_ids(soci::session& sql, Server server, const Table& table, int64_t last) {
  if (server == Server::kMysql) {
    sql << fmt::format("ALTER TABLE {} AUTO_INCREMENT = {}", table.name, last + 1);
  } else if (last > 0) {
    int64_t set = 0;
    sql << fmt::format("SELECT setval(pg_get_serial_sequence('{}', '{}'), {})", table.name,
                       table.columns.front(), last),
        soci::into(set);
  }
}

Result<int64_t> last_id(Connection& file, const Table& table) {
  return file.integer(fmt::format("SELECT COALESCE(MAX(n), 0) FROM (SELECT MAX({1}) AS n FROM {0}"
                                  " UNION ALL SELECT seq FROM sqlite_sequence"
                                  " WHERE name = '{0}')",
                                  table.name, table.columns.front())
                          .c_str());
}

/// Tables whose rows the database counts: the first column alone is the key, and a number.
bool counts_ids(Connection& file, const Table& table) {
  const Result<std::string> type =
      file.text(fmt::format("SELECT MAX(type) FROM pragma_table_info('{}') WHERE pk > 0"
                            " HAVING COUNT(*) = 1 AND MAX(cid) = 0",
                            table.name)
                    .c_str());
  return type && *type == "INTEGER";
}

Status load_tables(Connection& file, soci::session& sql, const http::DatabaseUrl& url) {
  const Server server = server_of(url);
  const Result<std::vector<Table>> tables = tables_of(file);
  if (!tables) return std::unexpected(tables.error());
  OpenTransaction transaction(sql, dialect_of(server).begin_write);
  if (!is_empty(sql, *tables)) {
    return fail(ErrorCode::kConfig,
                fmt::format("the database {} is not empty; make an empty one, and name that in "
                            "database.url",
                            url.shown()));
  }
  sql << "DELETE FROM settings";
  // For indexes that are made over many rows.
  if (server == Server::kPostgresql) sql << "SET LOCAL maintenance_work_mem = '256MB'";
  for (const Table& table : *tables) {
    if (Status loaded = load_table(file, table, sql, server); !loaded) return loaded;
  }
  note_all(sql, server);
  transaction.commit();
  for (const Table& table : *tables) {
    if (!counts_ids(file, table)) continue;
    const Result<int64_t> last = last_id(file, table);
    if (!last) return std::unexpected(last.error());
    load_ids(sql, server, table, *last);
  }
  return {};
}

/// Requests that are open in a file, into another: both have the same table.
Status copy_leases(const std::string& from, Connection& to) {
  Result<Statement> attach = Statement::prepare(to, "ATTACH DATABASE ? AS other");
  if (!attach) return std::unexpected(attach.error());
  attach->bind(std::string_view(from));
  if (attach->run() != SQLITE_OK) return std::unexpected(to.error());
  Status copied = to.run("INSERT OR IGNORE INTO open_leases SELECT * FROM other.open_leases");
  const Status detached = to.run("DETACH DATABASE other");
  return copied ? detached : copied;
}

std::unexpected<Error> unavailable(const http::DatabaseUrl& url, const std::exception& error) {
  return fail(ErrorCode::kLedgerUnavailable, fmt::format("{}: {}", url.shown(), message_of(error)));
}

}  // namespace

Status save(const http::DatabaseUrl& url, const std::string& spool, const std::string& file) {
  if (Status made = sqlite::prepare(file, sqlite::books_schema()); !made) {
    return fail(ErrorCode::kIo, made.error().message);
  }
  Result<Connection> target = Connection::open(file, Connection::Mode::kReadWrite, sqlite::kBusyMs);
  if (!target) return fail(ErrorCode::kIo, target.error().message);
  // Alone, and of no use before it is whole.
  if (Status alone = target->run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF");
      !alone) {
    return fail(ErrorCode::kIo, alone.error().message);
  }
  // First: one that is settled meanwhile is not charged twice, as its settlement has its id.
  if (Status copied = copy_leases(spool, *target); !copied) return copied;
  Result<std::unique_ptr<soci::session>> session = connect(url, Patience::kLong);
  if (!session) return std::unexpected(session.error());
  try {
    OpenTransaction transaction(**session, dialect_of(server_of(url)).begin_read);
    if (Status begun = target->run("BEGIN"); !begun) return begun;
    if (Status saved = save_tables(**session, server_of(url), *target); !saved) {
      return fail(ErrorCode::kIo, saved.error().message);
    }
    if (Status ended = target->run("COMMIT"); !ended)
      return fail(ErrorCode::kIo, ended.error().message);
  } catch (const std::exception& error) {
    return unavailable(url, error);
  }
  return sqlite::check(*target, file);
}

Status load(const std::string& file, const http::DatabaseUrl& url, const std::string& spool) {
  if (Status migrated = migrate(url); !migrated) return migrated;
  if (Status made = sqlite::prepare(spool, sqlite::spool_schema()); !made) return made;
  Result<Connection> source = Connection::open(file, Connection::Mode::kReadOnly, sqlite::kBusyMs);
  if (!source) return std::unexpected(source.error());
  const Result<std::string> secret =
      source->text("SELECT value FROM settings WHERE name = 'key_secret'");
  if (!secret) return std::unexpected(secret.error());
  if (Status own = claim_spool(spool, *secret); !own) return own;
  Result<Connection> leases =
      Connection::open(spool, Connection::Mode::kReadWrite, sqlite::kBusyMs);
  if (!leases) return std::unexpected(leases.error());
  Result<std::unique_ptr<soci::session>> session = connect(url, Patience::kLong);
  if (!session) return std::unexpected(session.error());
  try {
    if (Status loaded = load_tables(*source, **session, url); !loaded) return loaded;
  } catch (const std::exception& error) {
    return unavailable(url, error);
  }
  return copy_leases(file, *leases);
}

}  // namespace sluice::store::server
