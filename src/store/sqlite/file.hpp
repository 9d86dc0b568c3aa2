// The database as a file: where it lies, that it is ours, that its schema is this binary's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "store/sqlite/connection.hpp"

namespace sluice::store::sqlite {

/// In the header of every database of ours: "Slce".
inline constexpr int64_t kApplicationId = 0x536c6365;

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
Status migrate(Connection& connection, const std::string& file);

/// The newest version that this binary knows.
int latest_version();

/// kConfig unless the file is a sound database of ours that this binary can use.
Status check(Connection& connection, const std::string& file);

/// What every connection is set to. Not durable against power loss unless `full`.
std::string settings(bool full);

}  // namespace sluice::store::sqlite
