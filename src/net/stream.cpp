#include "net/stream.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace sluice::net {

bool ByteStream::ReadAwaiter::attempt() {
  io_ = stream_.try_read(into_);
  return io_.kind != Io::kAgain;
}

bool ByteStream::ReadAwaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!begin(handle)) return false;
  stream_.wait_for_read(this);
  return true;
}

Io ByteStream::ReadAwaiter::await_resume() const {
  switch (outcome()) {
    case Outcome::kReady:
      return io_;
    case Outcome::kTimeout:
      return {.kind = Io::kTimeout};
    case Outcome::kCancelled:
      return {.kind = Io::kCancelled};
  }
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
  io_ = {.kind = Io::kOk, .bytes = total_};
  return true;
}

bool ByteStream::WriteAwaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!begin(handle)) return false;
  stream_.wait_for_write(this);
  return true;
}

Io ByteStream::WriteAwaiter::await_resume() const {
  switch (outcome()) {
    case Outcome::kReady:
      return io_;
    case Outcome::kTimeout:
      return {.kind = Io::kTimeout};
    case Outcome::kCancelled:
      return {.kind = Io::kCancelled};
  }
  return io_;
}

namespace {

class PlainStream final : public ByteStream {
 public:
  using ByteStream::ByteStream;

  Io try_read(std::span<char> into) override {
    if (!descriptor_->readable) return {};
    for (;;) {
      const ssize_t got = recv(descriptor_->fd(), into.data(), into.size(), 0);
      if (got > 0) {
        // A short read emptied the socket, and the next byte makes a new event: the usual second
        // read that only learns EAGAIN is saved. After a hang-up there will be no event.
        const auto bytes = static_cast<size_t>(got);
        if (bytes < into.size() && !descriptor_->hung_up()) descriptor_->readable = false;
        return {.kind = Io::kOk, .bytes = bytes};
      }
      if (got == 0) return {.kind = Io::kEnd};
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        descriptor_->readable = false;
        return {};
      }
      return {.kind = Io::kError};
    }
  }

  Io try_write(std::span<const iovec> parts) override {
    if (!descriptor_->writable) return {};
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    for (;;) {
      const ssize_t sent = sendmsg(descriptor_->fd(), &message, MSG_NOSIGNAL);
      if (sent >= 0) return {.kind = Io::kOk, .bytes = static_cast<size_t>(sent)};
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        descriptor_->writable = false;
        return {};
      }
      return {.kind = Io::kError};
    }
  }

  void shut_down() override { ::shutdown(descriptor_->fd(), SHUT_WR); }
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(std::unique_ptr<Descriptor> socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace sluice::net
