// The scripts of scripts/migrations/, as the build put them into the binary.
#pragma once

#include <span>

namespace sluice::store {

/// Forward only: what has been released is never changed, the next change is the next number.
struct Migration {
  int version;       // 1, 2, ... without gaps
  const char* name;  // of the file, without its ending
  const char* sql;
};

std::span<const Migration> sqlite_migrations();
std::span<const Migration> postgresql_migrations();
std::span<const Migration> mysql_migrations();
/// Of the file in front of a database server.
std::span<const Migration> spool_migrations();

}  // namespace sluice::store
