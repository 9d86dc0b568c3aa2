// Copies of the database, and the way back.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "store/server/copy.hpp"
#include "store/sql_database.hpp"
#include "store/sqlite/copy.hpp"
#include "store/sqlite/file.hpp"

namespace sluice::store {
namespace {

namespace fs = std::filesystem;

/// Of a file or a folder.
Status sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (done) return {};
  return fail(ErrorCode::kIo, fmt::format("cannot sync {}: {}", path, std::strerror(error)));
}

Status rename(const std::string& from, const std::string& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (!failed) return {};
  return fail(ErrorCode::kIo,
              fmt::format("cannot rename {} to {}: {}", from, to, failed.message()));
}

std::string folder_of(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  return folder.empty() ? "." : folder.string();
}

/// A file that is gone again unless it was put in its place.
class Draft {
 public:
  explicit Draft(const std::string& target) : target_(target), path_(target + make_id(".draft-")) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    fs::remove(path_ + "-journal", ignored);
  }

  const std::string& path() const { return path_; }
  Status put_in_place() {
    if (Status synced = sync(path_); !synced) return synced;
    if (Status renamed = rename(path_, target_); !renamed) return renamed;
    return sync(folder_of(target_));
  }

 private:
  const std::string target_;
  const std::string path_;
};

/// Puts a database and its write-ahead log aside, under names that still belong together.
Status set_aside(const std::string& file) {
  std::error_code failed;
  if (!fs::exists(file, failed)) return {};
  if (Result<sqlite::Connection> old =
          sqlite::Connection::open(file, sqlite::Connection::Mode::kReadWrite, sqlite::kBusyMs)) {
    // Then the log matters less; of a damaged database it fails, and the log goes along.
    [[maybe_unused]] const Status ignored = old->run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const std::string aside = fmt::format("{}.before-restore-{}", file, wall_nanos() / kNanosPerUsd);
  for (const char* part : {"-wal", "-shm", ""}) {
    if (!fs::exists(file + part, failed)) continue;
    if (Status renamed = rename(file + part, aside + part); !renamed) return renamed;
  }
  return {};
}

Status bring_up_to_date(const std::string& file) {
  Result<sqlite::Connection> connection =
      sqlite::Connection::open(file, sqlite::Connection::Mode::kReadWrite, sqlite::kBusyMs);
  if (!connection) return std::unexpected(connection.error());
  return sqlite::migrate(*connection, file);
}

}  // namespace

Status SqlDatabase::backup(const std::string& file) {
  std::error_code failed;
  if (fs::equivalent(file, file_, failed)) {
    return fail(ErrorCode::kInvalidRequest, "A database cannot be its own backup.");
  }
  Draft draft(file);
  if (carrier_) {
    carrier_->wait(kArrival);
    const auto& sessions = static_cast<const server::ServerSessions&>(*sessions_);
    if (Status saved = server::save(sessions.url(), file_, draft.path()); !saved) return saved;
    return draft.put_in_place();
  }
  Result<sqlite::Connection> source =
      sqlite::Connection::open(file_, sqlite::Connection::Mode::kReadOnly, sqlite::kBusyMs);
  if (!source) return std::unexpected(source.error());
  if (Status copied = sqlite::copy(*source, draft.path()); !copied) return copied;
  return draft.put_in_place();
}

Status Database::restore(const Options& options, const std::string& file) {
  Result<Place> place = Place::of(options);
  if (!place) return std::unexpected(place.error());
  Result<std::vector<DirLock>> locks = lock_for(options, place->file);
  if (!locks) return std::unexpected(locks.error());
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) {
    return fail(ErrorCode::kConfig, fmt::format("there is no file {}", file));
  }
  if (fs::equivalent(file, place->file, failed)) {
    return fail(ErrorCode::kInvalidRequest, "A database cannot be restored from itself.");
  }
  Result<sqlite::Connection> source =
      sqlite::Connection::open(file, sqlite::Connection::Mode::kReadOnly, sqlite::kBusyMs);
  if (!source) return std::unexpected(source.error());
  // Its indexes are looked at in the copy.
  if (Status sound = sqlite::check(*source, file, sqlite::Depth::kPages); !sound) return sound;
  Draft draft(place->file);
  if (Status copied = sqlite::copy(*source, draft.path()); !copied) return copied;
  if (place->server) {
    // The file may have been made by an older binary.
    if (Status current = bring_up_to_date(draft.path()); !current) return current;
    return server::load(draft.path(), *place->server, place->file);
  }
  if (Status aside = set_aside(place->file); !aside) return aside;
  return draft.put_in_place();
}

}  // namespace sluice::store
