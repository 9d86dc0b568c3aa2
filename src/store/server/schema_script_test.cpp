// scripts/migrations/001_init.sql, the whole schema for the shell of a MySQL server, is what the
// numbered scripts make.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "store/migrations.hpp"

namespace sluice::store::server {
namespace {

constexpr const char* kScript = SLUICE_SOURCE_DIR "/scripts/migrations/001_init.sql";

constexpr std::string_view kHead =
    "-- The whole schema for MySQL or MariaDB, into a new, empty database:\n"
    "--\n"
    "--   CREATE DATABASE ai_gateway CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n"
    "--   mysql -u root -p ai_gateway < scripts/migrations/001_init.sql\n"
    "--\n"
    "-- Nobody has to: the gateway makes its tables itself, and brings these up to date. Rows may "
    "be\n"
    "-- inserted before its first start. Made from mysql/*.sql by store_test with "
    "SLUICE_UPDATE=1.\n"
    "\n"
    "CREATE TABLE IF NOT EXISTS schema_migrations (\n"
    "  version BIGINT NOT NULL PRIMARY KEY,\n"
    "  name VARCHAR(255) NOT NULL,\n"
    "  applied_at BIGINT NOT NULL\n"
    ");\n";

/// As each server calls it; each reads the other's as a comment.
constexpr std::string_view kCollation = "/*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */";

/// The shell ends a statement at any semicolon.
std::string for_the_shell(std::string statement) {
  constexpr std::string_view kPlace = "{collation}";
  if (const size_t at = statement.find(kPlace); at != std::string::npos) {
    statement.replace(at, kPlace.size(), kCollation);
  }
  const std::string_view inner = std::string_view(statement).substr(0, statement.size() - 2);
  if (!inner.contains(';')) return statement;
  return fmt::format("DELIMITER $$\n{}\n$$\nDELIMITER ;\n", inner);
}

/// Statements end with a semicolon at the end of a line.
std::string for_the_shell(const Migration& migration) {
  std::string out = fmt::format("\n-- {}.sql\n\n", migration.name);
  std::string statement;
  std::string_view script = migration.sql;
  while (!script.empty()) {
    const size_t end = std::min(script.find('\n'), script.size() - 1);
    const std::string_view line = script.substr(0, end + 1);
    script.remove_prefix(end + 1);
    const bool between = statement.empty() && (line.starts_with("--") || line == "\n");
    (between ? out : statement) += line;
    if (between || !line.ends_with(";\n")) continue;
    out += for_the_shell(std::move(statement));
    statement.clear();
  }
  EXPECT_EQ(statement, "") << migration.name;
  return out + fmt::format(
                   "\nINSERT INTO schema_migrations (version, name, applied_at)\n"
                   "  VALUES ({}, '{}', UNIX_TIMESTAMP() * 1000);\n",
                   migration.version, migration.name);
}

TEST(SchemaScript, IsMadeOfTheNumberedScripts) {
  std::string made(kHead);
  for (const Migration& migration : mysql_migrations()) made += for_the_shell(migration);
  if (std::getenv("SLUICE_UPDATE") != nullptr) std::ofstream(kScript, std::ios::binary) << made;
  std::ifstream in(kScript, std::ios::binary);
  const std::string kept{std::istreambuf_iterator<char>(in), {}};
  EXPECT_TRUE(kept == made) << "is out of date: run store_test with SLUICE_UPDATE=1";
}

}  // namespace
}  // namespace sluice::store::server
