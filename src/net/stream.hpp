// Byte streams: TCP plain or under TLS behind one interface. Reads and writes are tried without
// blocking; only when the kernel has nothing does the coroutine wait.
#pragma once

#include <sys/uio.h>

#include <coroutine>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/descriptor.hpp"

namespace sluice::net {

/// What a read or write came to.
struct Io {
  enum Kind : uint8_t {
    kOk,         // `bytes` were moved, at least one
    kEnd,        // reads: the peer sent all it had to say
    kAgain,      // nothing now (never returned by awaiting)
    kError,      // the connection is broken
    kTimeout,    // the scope's deadline passed
    kCancelled,  // the scope is cancelled
  };
  Kind kind = kAgain;
  size_t bytes = 0;
  bool ok() const { return kind == kOk; }
};

/// One attempt on a connected socket, which remembers in `socket` what the kernel said: nothing is
/// asked that is known.
Io receive(Descriptor& socket, std::span<char> into);
Io transmit(Descriptor& socket, std::span<const iovec> parts);

/// Takes the first `bytes` off the front of `parts`.
void drop_front(std::span<iovec>& parts, size_t bytes);

class ByteStream {
 public:
  explicit ByteStream(std::unique_ptr<Descriptor> descriptor)
      : descriptor_(std::move(descriptor)) {}
  virtual ~ByteStream() = default;

  Descriptor& descriptor() { return *descriptor_; }
  /// Gives the socket away: the stream is done.
  std::unique_ptr<Descriptor> take_descriptor() { return std::move(descriptor_); }

  /// Never wait. try_write may move fewer bytes than given.
  virtual Io try_read(std::span<char> into) = 0;
  virtual Io try_write(std::span<const iovec> parts) = 0;
  /// Tells the peer orderly that nothing more will come; best effort, never waits.
  virtual void shut_down() = 0;
  virtual bool secure() const { return false; }

  class ReadAwaiter;
  class WriteAwaiter;
  /// Awaits at least one byte, the end, or an error.
  ReadAwaiter read(Scope& scope, std::span<char> into);
  /// Awaits that all of `bytes` are handed to the kernel. The bytes must stay until then. A wait
  /// that ends early still says how many were.
  WriteAwaiter write(Scope& scope, std::string_view bytes);

  /// Registers who waits for input, or for output; TLS may need the other direction too.
  virtual void wait_for_read(IoWaiter* waiter) { descriptor_->wait_read(waiter); }
  virtual void wait_for_write(IoWaiter* waiter) { descriptor_->wait_write(waiter); }

 protected:
  std::unique_ptr<Descriptor> descriptor_;
};

class ByteStream::ReadAwaiter final : private IoWaiter {
 public:
  ReadAwaiter(ByteStream& stream, Scope& scope, std::span<char> into)
      : IoWaiter(scope), stream_(stream), into_(into) {}
  bool await_ready() { return try_in_turn(); }
  bool await_suspend(std::coroutine_handle<> handle);
  Io await_resume() const;

 private:
  bool attempt() override;
  void unhook() override { stream_.descriptor_->forget(this); }
  ByteStream& stream_;
  std::span<char> into_;
  Io io_;
};

class ByteStream::WriteAwaiter final : private IoWaiter {
 public:
  WriteAwaiter(ByteStream& stream, Scope& scope, std::string_view bytes)
      : IoWaiter(scope), stream_(stream), left_(bytes), total_(bytes.size()) {}
  bool await_ready() { return !scope_.cancelled() && attempt(); }
  bool await_suspend(std::coroutine_handle<> handle);
  Io await_resume() const;

 private:
  bool attempt() override;
  void unhook() override { stream_.descriptor_->forget(this); }
  ByteStream& stream_;
  std::string_view left_;
  size_t total_;
  Io io_;
};

inline ByteStream::ReadAwaiter ByteStream::read(Scope& scope, std::span<char> into) {
  return {*this, scope, into};
}
inline ByteStream::WriteAwaiter ByteStream::write(Scope& scope, std::string_view bytes) {
  return {*this, scope, bytes};
}

/// A stream over a connected socket.
std::unique_ptr<ByteStream> make_plain_stream(std::unique_ptr<Descriptor> socket);

}  // namespace sluice::net
