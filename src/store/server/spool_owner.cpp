#include "store/server/spool_owner.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "store/sqlite/connection.hpp"
#include "store/sqlite/file.hpp"

namespace sluice::store::server {
namespace {

/// FNV-1a: tells databases apart, and nothing of the secret.
std::string mark_of(std::string_view secret) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : secret) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

}  // namespace

Status claim_spool(const std::string& file, std::string_view secret) {
  using sqlite::Connection;
  Result<Connection> spool = Connection::open(file, Connection::Mode::kReadWrite, sqlite::kBusyMs);
  if (!spool) return std::unexpected(spool.error());
  const std::string mark = mark_of(secret);
  const Result<std::string> owner = spool->text("SELECT value FROM settings WHERE name = 'books'");
  if (!owner) return std::unexpected(owner.error());
  if (*owner == mark) return {};
  const Result<int64_t> held = spool->integer(
      "SELECT (SELECT COUNT(*) FROM usage_logs) + (SELECT COUNT(*) FROM open_leases)");
  if (!held) return std::unexpected(held.error());
  if (!owner->empty() && *held > 0) {
    return fail(ErrorCode::kConfig,
                fmt::format("{} holds {} settlements that belong to another database; start once "
                            "with that one in database.url, or move the file away to give them up",
                            file, *held));
  }
  return spool->run(
      fmt::format("INSERT OR REPLACE INTO settings (name, value) VALUES ('books', '{}')", mark)
          .c_str());
}

}  // namespace sluice::store::server
