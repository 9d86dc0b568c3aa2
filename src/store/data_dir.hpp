// The folder that a process has for itself.
#pragma once

#include <string>

#include "base/error.hpp"

namespace sluice::store {

/// Makes the folder if it is not there, mode 0700; its parents as well. kConfig when it cannot.
Status make_data_dir(const std::string& dir);

/// The right to a folder, held until it is destroyed or the process dies: a lock on
/// DIR/sluice.lock, in which the holder's process id stands.
class DirLock {
 public:
  /// kConfig, naming the process that holds it, when another one has it.
  static Result<DirLock> take(const std::string& dir);
  DirLock() = default;
  DirLock(DirLock&& other) noexcept;
  DirLock& operator=(DirLock&& other) noexcept;
  ~DirLock();

 private:
  int fd_ = -1;
};

}  // namespace sluice::store
