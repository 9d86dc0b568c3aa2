#include "net/stream.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace sluice::net {

void drop_front(std::span<iovec>& parts, size_t bytes) {
  while (!parts.empty() && bytes >= parts.front().iov_len) {
    bytes -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (parts.empty()) return;
  parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + bytes;
  parts.front().iov_len -= bytes;
}

Io receive(Descriptor& socket, std::span<char> into) {
  if (!socket.readable) return {};
  for (;;) {
    const ssize_t got = recv(socket.fd(), into.data(), into.size(), 0);
    if (got > 0) {
      // A short read emptied the socket, and the next byte makes a new event: the usual second
      // read that only learns EAGAIN is saved. After a hang-up there will be no event.
      const auto bytes = static_cast<size_t>(got);
      if (bytes < into.size() && !socket.hung_up()) socket.readable = false;
      return {.kind = Io::kOk, .bytes = bytes};
    }
    if (got == 0) return {.kind = Io::kEnd};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      socket.readable = false;
      return {};
    }
    return {.kind = Io::kError};
  }
}

Io transmit(Descriptor& socket, std::span<const iovec> parts) {
  if (!socket.writable) return {};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  for (;;) {
    // One part is sent without the kernel having to copy a list of one.
    const ssize_t sent = parts.size() == 1 ? send(socket.fd(), parts.front().iov_base,
                                                  parts.front().iov_len, MSG_NOSIGNAL)
                                           : sendmsg(socket.fd(), &message, MSG_NOSIGNAL);
    if (sent >= 0) return {.kind = Io::kOk, .bytes = static_cast<size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      socket.writable = false;
      return {};
    }
    return {.kind = Io::kError};
  }
}

bool ByteStream::ReadAwaiter::attempt() {
  io_ = stream_.try_read(into_);
  return io_.kind != Io::kAgain;
}

bool ByteStream::ReadAwaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!begin(handle)) return false;
  stream_.wait_for_read(this);
  revisit_if_out_of_turn(stream_.descriptor());
  return true;
}

Io ByteStream::ReadAwaiter::await_resume() const {
  if (outcome() == Outcome::kTimeout) return {.kind = Io::kTimeout};
  if (outcome() == Outcome::kCancelled) return {.kind = Io::kCancelled};
  return io_;
}

bool ByteStream::WriteAwaiter::attempt() {
  while (!left_.empty()) {
    const iovec part{.iov_base = const_cast<char*>(left_.data()), .iov_len = left_.size()};
    io_ = stream_.try_write({&part, 1});
    if (io_.kind == Io::kAgain) return false;
    if (!io_.ok()) return true;
    left_.remove_prefix(io_.bytes);
  }
  io_.kind = Io::kOk;
  return true;
}

bool ByteStream::WriteAwaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!begin(handle)) return false;
  stream_.wait_for_write(this);
  return true;
}

Io ByteStream::WriteAwaiter::await_resume() const {
  Io io = io_;
  if (outcome() == Outcome::kTimeout) io.kind = Io::kTimeout;
  if (outcome() == Outcome::kCancelled) io.kind = Io::kCancelled;
  io.bytes = total_ - left_.size();
  return io;
}

namespace {

class PlainStream final : public ByteStream {
 public:
  using ByteStream::ByteStream;

  Io try_read(std::span<char> into) override { return receive(*descriptor_, into); }
  Io try_write(std::span<const iovec> parts) override { return transmit(*descriptor_, parts); }
  void shut_down() override { ::shutdown(descriptor_->fd(), SHUT_WR); }
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(std::unique_ptr<Descriptor> socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace sluice::net
