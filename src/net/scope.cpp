#include "net/scope.hpp"

#include <utility>

namespace sluice::net {

bool Waiter::begin(std::coroutine_handle<> handle) {
  if (scope_.cancelled()) {
    outcome_ = Outcome::kCancelled;
    return false;
  }
  if (scope_.deadline_ <= scope_.loop().now()) {
    outcome_ = Outcome::kTimeout;
    return false;
  }
  handle_ = handle;
  scope_.waiter_ = this;
  return true;
}

void Waiter::complete() {
  scope_.waiter_ = nullptr;
  handle_.resume();
}

void Scope::interrupt(Outcome outcome) {
  Waiter* waiter = std::exchange(waiter_, nullptr);
  if (waiter == nullptr) return;
  waiter->unhook();
  waiter->outcome_ = outcome;
  loop_.resume_soon(waiter->handle_);
}

void Scope::cancel(CancelReason reason) {
  if (cancelled()) return;
  reason_ = reason;
  interrupt(Outcome::kCancelled);
}

void Scope::set_deadline(TimePoint at) {
  deadline_ = at;
  if (at == TimePoint::max()) return;
  if (!armed() || at < this->at()) arm(at);
}

void Scope::fire() {
  if (deadline_ == TimePoint::max()) return;
  if (deadline_ > loop_.now()) {
    arm(deadline_);
    return;
  }
  interrupt(Outcome::kTimeout);
}

void Event::set() {
  set_ = true;
  if (waiter_ == nullptr) return;
  std::exchange(waiter_, nullptr)->complete();
}

bool Event::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!begin(handle)) return false;
  event_.waiter_ = this;
  return true;
}

}  // namespace sluice::net
