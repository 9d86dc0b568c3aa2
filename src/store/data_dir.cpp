#include "store/data_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace sluice::store {

Status make_data_dir(const std::string& dir) {
  std::error_code failed;
  const std::filesystem::path parent = std::filesystem::path(dir).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, failed);
  if (::mkdir(dir.c_str(), 0700) == 0) return {};
  const int error = errno;
  if (error == EEXIST && std::filesystem::is_directory(dir, failed)) return {};
  return fail(ErrorCode::kConfig,
              fmt::format("cannot make data_dir {}: {}", dir, std::strerror(error)));
}

Result<DirLock> DirLock::take(const std::string& dir) {
  const std::string file = dir + "/sluice.lock";
  DirLock lock;
  lock.fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.fd_ < 0) {
    return fail(ErrorCode::kConfig, fmt::format("cannot open {}: {}", file, std::strerror(errno)));
  }
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return fail(ErrorCode::kConfig,
                  fmt::format("cannot lock {}: {}", file, std::strerror(errno)));
    }
    char holder[32] = {};
    const ssize_t got = ::pread(lock.fd_, holder, sizeof holder, 0);
    std::string_view pid(holder, got > 0 ? static_cast<size_t>(got) : 0);
    pid = pid.substr(0, pid.find('\n'));
    return fail(ErrorCode::kConfig, fmt::format("data_dir {} is in use by process {}", dir,
                                                pid.empty() ? std::string_view("?") : pid));
  }
  // Only for people: what counts is the lock. So a full disk does not matter here.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.fd_, 0) == 0) {
    [[maybe_unused]] const ssize_t wrote = ::pwrite(lock.fd_, pid.data(), pid.size(), 0);
  }
  return lock;
}

DirLock::DirLock(DirLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirLock& DirLock::operator=(DirLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

DirLock::~DirLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace sluice::store
