#include "store/sql_database.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "store/hex.hpp"
#include "store/sqlite/file.hpp"

namespace sluice::store {
namespace {

/// A file of this schema in WAL mode.
Status prepare_file(const std::string& file) {
  if (Status made = sqlite::make_private(file); !made) return made;
  Result<sqlite::Connection> connection =
      sqlite::Connection::open(file, sqlite::Connection::Mode::kReadWrite, sqlite::kBusyMs);
  if (!connection) return std::unexpected(connection.error());
  if (Status migrated = sqlite::migrate(*connection, file); !migrated) return migrated;
  Result<std::string> mode = connection->text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") {
    return fail(ErrorCode::kConfig,
                fmt::format("{}: this file system does not support SQLite's WAL mode", file));
  }
  return {};
}

Result<std::string> kept_secret(Sessions& sessions) {
  return sessions.write([](soci::session& sql) -> Result<std::string> {
    std::string kept;
    sql << "SELECT value FROM settings WHERE name = 'key_secret'", soci::into(kept);
    if (!sql.got_data()) {
      std::array<uint8_t, 32> made{};
      if (::getrandom(made.data(), made.size(), 0) != static_cast<ssize_t>(made.size())) {
        return fail(ErrorCode::kInternal, "the kernel has no random bytes");
      }
      kept = to_hex({reinterpret_cast<const char*>(made.data()), made.size()});
      sql << "INSERT INTO settings (name, value) VALUES ('key_secret', :value)", soci::use(kept);
    }
    const std::optional<std::string> secret = from_hex(kept);
    if (!secret || secret->size() != 32) {
      return fail(ErrorCode::kConfig, "the database's key_secret is damaged");
    }
    return *secret;
  });
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  return SqlDatabase::open(options);
}

Result<std::vector<DirLock>> lock_for(const Options& options, const std::string& file) {
  if (Status made = make_data_dir(options.data_dir); !made) return std::unexpected(made.error());
  std::vector<DirLock> locks;
  Result<DirLock> own = DirLock::take(options.data_dir);
  if (!own) return std::unexpected(own.error());
  locks.push_back(std::move(*own));

  std::error_code failed;
  std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (folder.empty()) folder = ".";
  if (!std::filesystem::equivalent(folder, options.data_dir, failed)) {
    // Two processes with folders of their own must not share a database either.
    Result<DirLock> other = DirLock::take(folder.string());
    if (!other) return std::unexpected(other.error());
    locks.push_back(std::move(*other));
  }
  return locks;
}

Result<std::unique_ptr<Database>> SqlDatabase::open(const Options& options) {
  std::unique_ptr<SqlDatabase> database(new SqlDatabase());
  Result<std::string> file = sqlite::path_of(options.url);
  if (!file) return std::unexpected(file.error());
  database->file_ = std::move(*file);
  Result<std::vector<DirLock>> locks = lock_for(options, database->file_);
  if (!locks) return std::unexpected(locks.error());
  database->locks_ = std::move(*locks);
  if (Status ready = prepare_file(database->file_); !ready) return std::unexpected(ready.error());

  Result<std::unique_ptr<Sessions>> sessions = Sessions::open(database->file_, database->turn_);
  if (!sessions) return std::unexpected(sessions.error());
  database->sessions_ = std::move(*sessions);
  Result<std::string> secret = kept_secret(*database->sessions_);
  if (!secret) return std::unexpected(secret.error());
  database->key_secret_ = std::move(*secret);

  Result<sqlite::Settler> settler =
      sqlite::Settler::open(database->file_, options.durability == Durability::kPower);
  if (!settler) return std::unexpected(settler.error());
  database->settler_ = std::make_unique<sqlite::Settler>(std::move(*settler));
  Result<size_t> recovered = recover(*database->sessions_, *database->settler_);
  if (!recovered) return std::unexpected(recovered.error());
  database->recovered_ = *recovered;
  database->ledger_ = std::make_unique<LedgerWriter>(*database->settler_, database->turn_);
  return database;
}

}  // namespace sluice::store
