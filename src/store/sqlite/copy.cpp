#include "store/sqlite/copy.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/sqlite/file.hpp"

namespace sluice::store::sqlite {

Status copy(Connection& source, const std::string& file) {
  if (Status made = make_private(file); !made) {
    return fail(ErrorCode::kIo, made.error().message);
  }
  Result<Connection> target = Connection::open(file, Connection::Mode::kReadWrite, kBusyMs);
  if (!target) return fail(ErrorCode::kIo, target.error().message);
  const auto cannot_write = [&] {
    return fail(ErrorCode::kIo, fmt::format("{}: {}", file, target->error().message));
  };
  sqlite3_backup* backup = sqlite3_backup_init(target->native(), "main", source.native(), "main");
  if (!backup) return cannot_write();
  // All in one step: a copy in steps begins anew whenever somebody has written meanwhile.
  sqlite3_backup_step(backup, -1);
  if (sqlite3_backup_finish(backup) != SQLITE_OK) return cannot_write();
  // Out of WAL mode: the copy is one file, without company.
  Result<std::string> mode = target->text("PRAGMA journal_mode = DELETE");
  if (!mode || *mode != "delete") return cannot_write();
  return check(*target, file);
}

}  // namespace sluice::store::sqlite
