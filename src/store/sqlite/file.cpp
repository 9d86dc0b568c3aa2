#include "store/sqlite/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.hpp"

namespace sluice::store::sqlite {
namespace {

std::unexpected<Error> too_new(const std::string& file, int64_t version, const Schema& schema) {
  return fail(ErrorCode::kConfig,
              fmt::format("{} was written by a newer sluice: its schema is version {}, and this "
                          "binary knows {}; install the newer one again",
                          file, version, schema.latest()));
}

std::unexpected<Error> not_ours(const std::string& file) {
  return fail(ErrorCode::kConfig, fmt::format("{} is not a database of sluice", file));
}

Status apply(Connection& connection, const Migration& migration) {
  if (Status done = connection.run(migration.sql); !done) {
    return fail(ErrorCode::kConfig,
                fmt::format("migration {}: {}", migration.name, done.error().message));
  }
  Result<Statement> note = Statement::prepare(
      connection, "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)");
  if (!note) return std::unexpected(note.error());
  note->bind(migration.version).bind(std::string_view(migration.name));
  note->bind(wall_nanos() / 1'000'000);
  if (note->run() != SQLITE_OK) return std::unexpected(connection.error());
  return {};
}

Status apply_missing(Connection& connection, const std::string& file, const Schema& schema) {
  Result<int64_t> application = connection.integer("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  if (*application != schema.application_id) {
    Result<int64_t> objects = connection.integer("SELECT COUNT(*) FROM sqlite_schema");
    if (!objects) return std::unexpected(objects.error());
    if (*application != 0 || *objects != 0) return not_ours(file);
    const std::string first = fmt::format(
        "PRAGMA application_id = {};"
        "CREATE TABLE schema_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
        " applied_at INTEGER NOT NULL) STRICT;",
        schema.application_id);
    if (Status done = connection.run(first.c_str()); !done) return done;
  }
  Result<int64_t> version = version_of(connection);
  if (!version) return std::unexpected(version.error());
  if (*version > schema.latest()) return too_new(file, *version, schema);
  for (const Migration& migration : schema.scripts) {
    if (migration.version <= *version) continue;
    if (Status done = apply(connection, migration); !done) return done;
  }
  return {};
}

}  // namespace

Result<std::string> path_of(std::string_view url) {
  constexpr std::string_view kScheme = "sqlite:";
  if (!url.starts_with(kScheme) || url.size() == kScheme.size()) {
    return fail(ErrorCode::kConfig,
                fmt::format("database.url: \"{}\" is not of the form sqlite:PATH", url));
  }
  return std::string(url.substr(kScheme.size()));
}

Status make_private(const std::string& file) {
  // SQLite gives its -wal and -shm files the mode of the database.
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(ErrorCode::kConfig, fmt::format("cannot open {}: {}", file, std::strerror(errno)));
  }
  struct stat now{};
  const bool loose = ::fstat(fd, &now) == 0 && (now.st_mode & 077) != 0;
  const bool done = !loose || ::fchmod(fd, 0600) == 0;
  const int error = errno;
  ::close(fd);
  if (done) return {};
  return fail(ErrorCode::kConfig,
              fmt::format("cannot make {} private: {}", file, std::strerror(error)));
}

FileIdentity::FileIdentity(std::string file) : file_(std::move(file)) {
  struct stat now{};
  if (::stat(file_.c_str(), &now) != 0) return;
  device_ = now.st_dev;
  inode_ = now.st_ino;
}

bool FileIdentity::is_there() const {
  struct stat now{};
  return ::stat(file_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_;
}

Schema books_schema() { return {0x536c6365, sqlite_migrations()}; }

Schema spool_schema() { return {0x536c6373, spool_migrations()}; }

Result<int64_t> version_of(Connection& connection) {
  return connection.integer("SELECT COALESCE(MAX(version), 0) FROM schema_migrations");
}

Status migrate(Connection& connection, const std::string& file, const Schema& schema) {
  // Not a database at all shows here first.
  if (Status begun = connection.run("BEGIN IMMEDIATE"); !begun) {
    if (connection.code() == SQLITE_NOTADB) return not_ours(file);
    return begun;
  }
  Status done = apply_missing(connection, file, schema);
  if (done) done = connection.run("COMMIT");
  if (!done) {
    // Its own failure would say no more.
    [[maybe_unused]] const Status undone = connection.run("ROLLBACK");
  }
  return done;
}

Status prepare(const std::string& file, const Schema& schema) {
  if (Status made = make_private(file); !made) return made;
  Result<Connection> connection = Connection::open(file, Connection::Mode::kReadWrite, kBusyMs);
  if (!connection) return std::unexpected(connection.error());
  if (Status migrated = migrate(*connection, file, schema); !migrated) return migrated;
  Result<std::string> mode = connection->text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") {
    return fail(ErrorCode::kConfig,
                fmt::format("{}: this file system does not support SQLite's WAL mode", file));
  }
  return {};
}

Status check(Connection& connection, const std::string& file, Depth depth) {
  // Rows are looked for in an index's order, which is all over the file.
  // That it fails on what is no database is found below.
  [[maybe_unused]] const Status larger = connection.run("PRAGMA cache_size = -262144");
  Result<std::string> sound =
      connection.text(depth == Depth::kPages ? "PRAGMA quick_check" : "PRAGMA integrity_check");
  [[maybe_unused]] const Status smaller =
      connection.run("PRAGMA cache_size = -2000; PRAGMA shrink_memory");
  if (!sound) return not_ours(file);
  if (*sound != "ok") {
    return fail(ErrorCode::kConfig, fmt::format("{} is damaged: {}", file, *sound));
  }
  Result<int64_t> application = connection.integer("PRAGMA application_id");
  if (!application || *application != books_schema().application_id) return not_ours(file);
  Result<int64_t> version = version_of(connection);
  if (!version || *version == 0) return not_ours(file);
  if (*version > books_schema().latest()) return too_new(file, *version, books_schema());
  return {};
}

std::string settings(bool full) {
  return fmt::format("PRAGMA foreign_keys = ON; PRAGMA synchronous = {};",
                     full ? "FULL" : "NORMAL");
}

}  // namespace sluice::store::sqlite
