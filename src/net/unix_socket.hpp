// Unix sockets for callers on this machine: the file's mode decides who may connect, and the
// kernel says who did.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.hpp"

namespace sluice::net {

/// The file of a listening Unix socket; removed with this object, unless another has taken its
/// place. Let it go before the socket is closed: until then nothing else has its inode.
class SocketFile {
 public:
  SocketFile() = default;
  SocketFile(std::string path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixListener {
  int fd = -1;  // non-blocking; belongs to whoever takes the listener
  SocketFile file;
};

/// Listens at `path` with a file of mode 0600 from its first moment on. A socket that nobody
/// answers is replaced. kIo when somebody does, when the path is taken by anything else, or when
/// it is longer than an address holds (107 bytes).
Result<UnixListener> listen_unix(const std::string& path);

/// A blocking connection for a command. kUpstreamUnreachable when nobody listens there, kIo for
/// everything else, such as a socket of another user.
Result<int> connect_unix(const std::string& path);

/// "unix:UID" of the process behind a connected Unix socket. kPermissionDenied for a user that is
/// neither this process's own nor root.
Result<std::string> unix_peer(int fd);

}  // namespace sluice::net
