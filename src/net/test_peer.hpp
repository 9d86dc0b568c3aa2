// What the tests of this room share: a loop that runs one coroutine to its end, and raw peers on
// the same loop, so that what happens first is decided by the test and not by a scheduler.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_call.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"
#include "net/tls.hpp"

namespace sluice::net {

/// A loop that runs a test's coroutine until it ends. One that hangs ends the process.
class TestLoop {
 public:
  Loop loop;

  void run(Task<void> task) {
    Watchdog watchdog(loop);
    watchdog.arm(sluice::now() + std::chrono::seconds(60));
    const auto to_the_end = [this](Task<void> inner) -> Task<void> {
      co_await inner;
      loop.stop();
    };
    TaskGroup group;
    group.spawn(to_the_end(std::move(task)));
    loop.run();
    EXPECT_EQ(group.size(), 0U);
  }

 private:
  class Watchdog final : public Timer {
   public:
    using Timer::Timer;

   private:
    void fire() override {
      std::fprintf(stderr, "the test hangs\n");
      std::abort();
    }
  };
};

/// One end of a TCP connection that does what the test says.
class Peer {
 public:
  explicit Peer(Loop& loop) : scope(loop) {}

  Task<void> connect(uint16_t port) {
    const std::vector<Address> addresses{*parse_address("127.0.0.1", port)};
    auto socket = co_await connect_to(addresses, scope);
    EXPECT_TRUE(socket.has_value());
    if (socket) stream = make_plain_stream(std::move(*socket));
  }

  /// Goes on under TLS, as the client of "localhost".
  Task<void> secure(TlsContextPtr context) {
    auto secured = co_await tls_connect(stream->take_descriptor(), std::move(context), "localhost",
                                        nullptr, scope);
    EXPECT_TRUE(secured.has_value());
    if (secured) stream = std::move(*secured);
  }

  Task<void> send(std::string bytes) {
    const Io io = co_await stream->write(scope, bytes);
    EXPECT_TRUE(io.ok());
  }
  /// Each byte in a write, and so mostly in a segment, of its own.
  Task<void> send_bytewise(std::string bytes) {
    for (const char byte : bytes) co_await stream->write(scope, {&byte, 1});
  }

  /// Everything up to and with `mark`; what lies behind it stays for the next call.
  Task<std::string> read_through(std::string mark) {
    for (;;) {
      if (const size_t at = arrived_.find(mark); at != std::string::npos) {
        std::string found = arrived_.substr(0, at + mark.size());
        arrived_.erase(0, found.size());
        co_return found;
      }
      if (!co_await read_more()) {
        ADD_FAILURE() << "no \"" << mark << "\" in \"" << arrived_ << "\"";
        co_return std::string();
      }
    }
  }
  Task<std::string> read_bytes(size_t count) {
    while (arrived_.size() < count && co_await read_more()) {
    }
    std::string found = arrived_.substr(0, count);
    arrived_.erase(0, found.size());
    co_return found;
  }
  /// All that comes until the connection ends; how, says ended.
  Task<std::string> read_to_end() {
    while (co_await read_more()) {
    }
    co_return std::exchange(arrived_, {});
  }

  void half_close() { shutdown(stream->descriptor().fd(), SHUT_WR); }
  void close() { stream.reset(); }
  void reset() {
    stream->descriptor().reset_on_close();
    stream.reset();
  }

  Scope scope;
  std::unique_ptr<ByteStream> stream;
  Io::Kind ended = Io::kAgain;

 private:
  Task<bool> read_more() {
    const Io io = co_await stream->read(scope, scope.loop().input());
    if (io.ok()) {
      arrived_.append(scope.loop().input().data(), io.bytes);
    } else {
      ended = io.kind;
    }
    co_return io.ok();
  }

  std::string arrived_;
};

/// A listening socket of which the test accepts connections one by one.
class TestListener {
 public:
  explicit TestListener(Loop& loop, const std::string& host = "127.0.0.1", uint16_t port = 0)
      : scope_(loop) {
    auto fd = listen_on(host, port);
    EXPECT_TRUE(fd.has_value());
    port_ = local_port(*fd);
    descriptor_ = std::make_unique<Descriptor>(loop, *fd);
  }
  uint16_t port() const { return port_; }
  void close() { descriptor_.reset(); }

  Task<std::unique_ptr<Descriptor>> accept_socket() {
    const int fd = co_await Accept(*descriptor_, scope_);
    EXPECT_GE(fd, 0);
    co_return std::make_unique<Descriptor>(scope_.loop(), fd);
  }
  /// Nobody has connected who is not accepted yet.
  bool deserted() const {
    pollfd poll_for{.fd = descriptor_->fd(), .events = POLLIN, .revents = 0};
    return poll(&poll_for, 1, 0) == 0;
  }
  Task<void> accept(Peer& peer) { peer.stream = make_plain_stream(co_await accept_socket()); }

 private:
  class Accept final : private IoWaiter {
   public:
    Accept(Descriptor& descriptor, Scope& scope) : IoWaiter(scope), descriptor_(descriptor) {}
    bool await_ready() { return attempt(); }
    bool await_suspend(std::coroutine_handle<> handle) {
      if (!begin(handle)) return false;
      descriptor_.wait_read(this);
      return true;
    }
    int await_resume() const { return fd_; }

   private:
    bool attempt() override {
      fd_ = accept4(descriptor_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return fd_ >= 0;
    }
    void unhook() override { descriptor_.forget(this); }
    Descriptor& descriptor_;
    int fd_ = -1;
  };

  Scope scope_;
  uint16_t port_ = 0;
  std::unique_ptr<Descriptor> descriptor_;
};

/// Two connected peers.
struct Pair {
  explicit Pair(Loop& loop) : left(loop), right(loop), listener(loop) {}
  Task<void> connect() {
    co_await left.connect(listener.port());
    co_await listener.accept(right);
  }
  Peer left;
  Peer right;
  TestListener listener;
};

}  // namespace sluice::net
