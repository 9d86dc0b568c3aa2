#include "net/unix_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace sluice::net {

namespace {

std::unexpected<Error> refused(const char* what, const std::string& path, int error) {
  return fail(ErrorCode::kIo, fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::unexpected<Error> too_long(const std::string& path) {
  return fail(ErrorCode::kIo,
              fmt::format("{} is {} bytes long, and the address of a Unix socket holds {}", path,
                          path.size(), sizeof(sockaddr_un::sun_path) - 1));
}

/// errno of connecting; 0 when somebody answers, whom `out` leads to.
int try_connect(const sockaddr_un& address, int& out) {
  out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (out < 0) return errno;
  if (connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
  const int error = errno;
  close(std::exchange(out, -1));
  return error;
}

/// Takes away what a process that died has left at the path.
Status clear_stale(const sockaddr_un& address, const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return refused("look at", path, errno);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(ErrorCode::kIo, fmt::format("{} is there already and is no socket", path));
  }
  int other = -1;
  const int error = try_connect(address, other);
  if (other >= 0) close(other);
  if (error == 0) return fail(ErrorCode::kIo, fmt::format("another process listens on {}", path));
  if (error != ECONNREFUSED && error != ENOENT) return refused("replace", path, error);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return refused("replace", path, errno);
  return {};
}

}  // namespace

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

SocketFile::~SocketFile() {
  if (path_.empty()) return;
  struct stat now{};
  if (lstat(path_.c_str(), &now) != 0) return;
  if (now.st_dev == device_ && now.st_ino == inode_) unlink(path_.c_str());
}

Result<UnixListener> listen_unix(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return too_long(path);
  if (Status clear = clear_stale(*address, path); !clear) return std::unexpected(clear.error());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto give_up = [&](const char* what) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return refused(what, path, error);
  };
  if (fd < 0) return give_up("open a socket for");
  // Linux makes the file with the mode of the unbound socket, so that there is no moment in which
  // others may connect. The umask can only take bits away, and belongs to all threads.
  if (fchmod(fd, S_IRUSR | S_IWUSR) != 0) return give_up("protect");
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return give_up("listen on");
  }
  struct stat made{};
  if (lstat(path.c_str(), &made) != 0) return give_up("look at");
  SocketFile file(path, made.st_dev, made.st_ino);
  if ((made.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    errno = EPERM;
    return give_up("protect");
  }
  if (listen(fd, 128) != 0) return give_up("listen on");
  return UnixListener{.fd = fd, .file = std::move(file)};
}

Result<int> connect_unix(const std::string& path) {
  const auto address = address_of(path);
  // No gateway listens on what no gateway could listen on.
  if (!address) {
    return fail(ErrorCode::kUpstreamUnreachable, too_long(path).error().message);
  }
  int fd = -1;
  const int error = try_connect(*address, fd);
  if (error == 0) return fd;
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) {
    return fail(ErrorCode::kUpstreamUnreachable, fmt::format("nobody listens on {}", path));
  }
  return refused("connect to", path, error);
}

Result<std::string> unix_peer(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return fail(ErrorCode::kIo, std::strerror(errno));
  }
  if (peer.uid != 0 && peer.uid != geteuid()) {
    return fail(ErrorCode::kPermissionDenied, fmt::format("user {} may not connect", peer.uid));
  }
  return fmt::format("unix:{}", peer.uid);
}

}  // namespace sluice::net
