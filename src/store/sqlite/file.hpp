// The database as a file: where it lies, that it is ours, that its schema is this binary's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "store/migrations.hpp"
#include "store/sqlite/connection.hpp"

namespace sluice::store::sqlite {

/// What a file is: a number in its header, and the scripts that make its tables.
struct Schema {
  int64_t application_id;
  std::span<const Migration> scripts;

  /// The newest version that this binary knows.
  int latest() const { return scripts.back().version; }
};

/// Of a whole database: "Slce".
Schema books_schema();
/// Of a spool in front of a database server: "Slcs".
Schema spool_schema();

/// How long a connection waits for another one's lock.
inline constexpr int kBusyMs = 100;

/// The path of "sqlite:PATH". kConfig for anything else.
Result<std::string> path_of(std::string_view url);

/// Makes the file, mode 0600, if it is not there; takes away what others may do with it.
Status make_private(const std::string& file);

/// Which file a path names. A connection goes on writing into a file that was renamed or deleted
/// as if nothing were the matter.
class FileIdentity {
 public:
  FileIdentity() = default;
  /// The file that is there now.
  explicit FileIdentity(std::string file);
  /// Asks the system, which takes less than a microsecond.
  bool is_there() const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

/// Applies what is missing, all in one transaction. kConfig when the database is newer than this
/// binary, or is none of ours.
Status migrate(Connection& connection, const std::string& file,
               const Schema& schema = books_schema());

/// A private file of this schema in WAL mode; made, or brought up to date.
Status prepare(const std::string& file, const Schema& schema);

/// Which version of the schema a database of ours has.
Result<int64_t> version_of(Connection& connection);

/// What is looked at: every page and row, or also whether each index has all rows, which takes many
/// times as long.
enum class Depth : uint8_t { kPages, kIndexes };

/// kConfig unless the file is a sound and whole database of ours that this binary can use.
Status check(Connection& connection, const std::string& file, Depth depth = Depth::kIndexes);

/// What every connection is set to. Not durable against power loss unless `full`.
std::string settings(bool full);

}  // namespace sluice::store::sqlite
