#include "net/descriptor.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace sluice::net {

void IoWaiter::revisit_if_out_of_turn(Descriptor& descriptor) {
  Loop& loop = descriptor.loop();
  if (loop.out_of_turn()) loop.revisit(descriptor);
}

Descriptor::Descriptor(Loop& loop, int fd) : loop_(loop), fd_(fd) { loop.add(*this); }

Descriptor::~Descriptor() {
  loop_.remove(*this);
  close(fd_);
}

void Descriptor::forget(const IoWaiter* waiter) {
  if (reader_ == waiter) reader_ = nullptr;
  if (writer_ == waiter) writer_ = nullptr;
}

void Descriptor::watch(DescriptorWatch* watch) {
  watch_ = watch;
  if (hung_up_) watch->on_hangup();
}

void Descriptor::reset_on_close() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Descriptor::on_events(uint32_t events) {
  const bool input = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  const bool output = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  if (input) readable = true;
  if (output) writable = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    hung_up_ = true;
    // Cancels only: what it interrupts is resumed by the loop, so this object lives on.
    if (watch_ != nullptr) {
      watch_->on_hangup();
      return;
    }
  }
  // Each resumption may destroy this object, so at most one, and last. A second direction, if
  // any, waits under the same waiter (TLS): a chain has one wait at a time.
  if (input && reader_ != nullptr) {
    IoWaiter* waiter = reader_;
    if (!waiter->attempt()) return;
    forget(waiter);
    waiter->complete();
    return;
  }
  if (output && writer_ != nullptr) {
    IoWaiter* waiter = writer_;
    if (!waiter->attempt()) return;
    forget(waiter);
    waiter->complete();
    return;
  }
  if (input && watch_ != nullptr) watch_->on_readable();
}

}  // namespace sluice::net
