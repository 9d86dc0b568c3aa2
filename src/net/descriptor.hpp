// A non-blocking file descriptor on a loop, with the memory that edge-triggered readiness needs.
#pragma once

#include <cstdint>

#include "net/loop.hpp"
#include "net/scope.hpp"

namespace sluice::net {

/// Waits for one direction of a descriptor by trying the operation again whenever the kernel
/// says that it may succeed.
class IoWaiter : public Waiter {
 protected:
  using Waiter::Waiter;
  friend class Descriptor;
  /// Tries. True when done, with or without success; then the coroutine is resumed.
  virtual bool attempt() = 0;
  /// For await_ready of reads: false too when this chain has had its turn; then await_suspend
  /// calls revisit_if_out_of_turn.
  bool try_in_turn() { return !scope_.cancelled() && scope_.loop().take_turn() && attempt(); }
  static void revisit_if_out_of_turn(Descriptor& descriptor);
};

/// Told about events of a descriptor that no reader asked for.
class DescriptorWatch {
 public:
  virtual void on_hangup() = 0;  // the peer closed or reset its side
  virtual void on_readable() {}  // bytes (or an end) that nobody waits for

 protected:
  virtual ~DescriptorWatch() = default;
};

class Descriptor {
 public:
  /// Takes ownership of `fd`, which must be non-blocking.
  Descriptor(Loop& loop, int fd);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int fd() const { return fd_; }
  Loop& loop() const { return loop_; }

  /// What was last known. Cleared by whoever gets EAGAIN.
  bool readable = true;
  bool writable = true;
  /// The peer has closed its side: reads go on to the end, and then see it.
  bool hung_up() const { return hung_up_; }

  /// At most one waiter a direction. A TLS stream may wait for both with one waiter.
  void wait_read(IoWaiter* waiter) { reader_ = waiter; }
  void wait_write(IoWaiter* waiter) { writer_ = waiter; }
  void forget(const IoWaiter* waiter);

  /// Watches for the peer's departure. If it has left already, on_hangup is called at once.
  void watch(DescriptorWatch* watch);
  void unwatch() { watch_ = nullptr; }

  /// Closes with a reset instead of an orderly end, so that the peer knows at once and no
  /// TIME_WAIT stays behind.
  void reset_on_close();

 private:
  friend class Loop;
  void on_events(uint32_t events);
  /// Asks the processor for what on_events will touch: the waiter and the frame around it.
  void prefetch_waiter() const {
    const auto* frame = reinterpret_cast<const char*>(reader_);
    for (int line = 0; frame != nullptr && line < 4; ++line) __builtin_prefetch(frame + line * 64);
  }

  Loop& loop_;
  int fd_;
  bool hung_up_ = false;
  IoWaiter* reader_ = nullptr;
  IoWaiter* writer_ = nullptr;
  DescriptorWatch* watch_ = nullptr;
};

}  // namespace sluice::net
