#include "store/sql_database.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "http/database_url.hpp"
#include "observe/log.hpp"
#include "store/hex.hpp"
#include "store/server/changes.hpp"
#include "store/server/migrate.hpp"
#include "store/server/notes.hpp"
#include "store/server/spool_owner.hpp"
#include "store/sql_audit.hpp"
#include "store/sql_catalog.hpp"
#include "store/sql_codes.hpp"
#include "store/sql_identities.hpp"
#include "store/sql_keys.hpp"
#include "store/sql_prices.hpp"
#include "store/sql_rollups.hpp"
#include "store/sql_teams.hpp"
#include "store/sqlite/file.hpp"
#include "store/sqlite/sessions.hpp"

namespace sluice::store {
namespace {

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

Result<Place> Place::of(const Options& options) {
  if (!http::is_database_server(options.url)) {
    Result<std::string> file = sqlite::path_of(options.url);
    if (!file) return std::unexpected(file.error());
    return Place{.file = std::move(*file), .server = {}};
  }
  Result<http::DatabaseUrl> url = http::parse_database_url(options.url);
  if (!url) return fail(ErrorCode::kConfig, "database.url " + url.error().message);
  return Place{.file = options.spool.empty() ? options.data_dir + "/spool.db" : options.spool,
               .server = std::move(*url)};
}

Result<int> Database::migrate(const Options& options) {
  Result<Place> place = Place::of(options);
  if (!place) return std::unexpected(place.error());
  if (place->server) {
    if (Status done = server::migrate(*place->server); !done) return std::unexpected(done.error());
    return server::latest_version();
  }
  Result<std::vector<DirLock>> locks = lock_for(options, place->file);
  if (!locks) return std::unexpected(locks.error());
  if (Status done = sqlite::prepare(place->file, sqlite::books_schema()); !done) {
    return std::unexpected(done.error());
  }
  return sqlite::books_schema().latest();
}

Result<std::unique_ptr<Database>> SqlDatabase::open(const Options& options) {
  std::unique_ptr<SqlDatabase> database(new SqlDatabase());
  Result<Place> place = Place::of(options);
  if (!place) return std::unexpected(place.error());
  database->file_ = std::move(place->file);
  Result<std::vector<DirLock>> locks = lock_for(options, database->file_);
  if (!locks) return std::unexpected(locks.error());
  database->locks_ = std::move(*locks);
  const Status opened = place->server ? database->open_server(options, std::move(*place->server))
                                      : database->open_embedded();
  if (!opened) return std::unexpected(opened.error());
  Result<std::string> secret = kept_secret(*database->sessions_);
  if (!secret) return std::unexpected(secret.error());
  database->key_secret_ = std::move(*secret);
  database->identities_ = std::make_unique<SqlIdentities>(*database->sessions_);
  database->catalog_ = std::make_unique<SqlCatalog>(*database->sessions_);
  database->audit_ = std::make_unique<SqlAudit>(*database->sessions_);
  database->codes_ = std::make_unique<SqlCodes>(*database->sessions_);
  database->teams_ = std::make_unique<SqlTeams>(*database->sessions_);
  database->keys_ = std::make_unique<SqlKeys>(*database->sessions_);
  database->prices_ = std::make_unique<SqlPrices>(*database->sessions_);
  database->rollups_ = std::make_unique<SqlRollups>(*database->sessions_);
  if (Status begun = database->begin_ledger(options); !begun) return std::unexpected(begun.error());
  return database;
}

Status SqlDatabase::open_embedded() {
  if (Status ready = sqlite::prepare(file_, sqlite::books_schema()); !ready) return ready;
  auto sessions = sqlite::FileSessions::open(file_, turn_);
  if (!sessions) return std::unexpected(sessions.error());
  sessions_ = std::move(*sessions);
  return {};
}

Status SqlDatabase::open_server(const Options& options, http::DatabaseUrl url) {
  if (Status ready = sqlite::prepare(file_, sqlite::spool_schema()); !ready) return ready;
  auto spool = sqlite::FileSessions::open(file_, turn_, false);
  if (!spool) return std::unexpected(spool.error());
  spool_ = std::move(*spool);
  if (Status migrated = server::migrate(url); !migrated) return migrated;
  auto sessions = std::make_unique<server::ServerSessions>(std::move(url), options.pool);
  carrier_ = std::make_unique<server::Carrier>(*sessions, *spool_);
  changes_ = std::make_unique<server::ServerChanges>(*sessions, *carrier_);
  if (sessions->dialect().server == Server::kMysql) {
    bool noted = true;
    const auto looked =
        sessions->try_read([&](soci::session& sql) { noted = server::has_triggers(sql); });
    if (!looked) return std::unexpected(looked.error().error);
    if (!noted) sessions->note_changes(carrier_->origin());
  }
  // What has been settled is seen.
  sessions->before_work([carrier = carrier_.get()] { carrier->wait(kArrival); });
  sessions_ = std::move(sessions);
  return {};
}

Status SqlDatabase::begin_ledger(const Options& options) {
  using Scope = sqlite::Settler::Scope;
  if (spool_) {
    if (Status own = server::claim_spool(file_, to_hex(key_secret_)); !own) return own;
  }
  const bool power = options.durability == Durability::kPower;
  Result<sqlite::Settler> settler =
      sqlite::Settler::open(file_, power, {}, carrier_ ? Scope::kSpool : Scope::kBooks);
  if (!settler) return std::unexpected(settler.error());
  settler_ = std::make_unique<sqlite::Settler>(std::move(*settler));
  Result<size_t> recovered = recover(*sessions_, spool_ ? *spool_ : *sessions_, *settler_);
  if (!recovered) return std::unexpected(recovered.error());
  recovered_ = *recovered;
  std::function<void(size_t)> committed;
  if (carrier_) {
    // Balances that are read next must be right.
    const Result<size_t> carried = carrier_->carry_all();
    if (!carried) return std::unexpected(carried.error());
    if (*carried > 0) log::info("spool_carried", {{"settlements", *carried}});
    carrier_->start();
    committed = [carrier = carrier_.get()](size_t count) { carrier->notify(count); };
  }
  ledger_ = std::make_unique<LedgerWriter>(*settler_, turn_, LedgerWriter::kStopPatience,
                                           std::move(committed));
  return {};
}

}  // namespace sluice::store
