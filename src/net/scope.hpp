// Cancellation and deadlines. A Scope belongs to one chain of coroutines, in which at most one
// awaits the outside at a time. The client's departure, a deadline, a draining server: all end
// that one wait, and the chain unwinds by ordinary returns.
#pragma once

#include <coroutine>
#include <cstdint>

#include "net/loop.hpp"

namespace sluice::net {

enum class Outcome : uint8_t {
  kReady,
  kTimeout,    // the scope's deadline passed; the scope goes on
  kCancelled,  // the scope is cancelled; every later wait ends at once
};

enum class CancelReason : uint8_t { kNone, kClientGone, kDraining, kRequested };

class Scope;

/// A suspended coroutine and how to let go of what it waits for. Lives in its frame.
class Waiter {
 public:
  Outcome outcome() const { return outcome_; }

 protected:
  explicit Waiter(Scope& scope) : scope_(scope) {}
  virtual ~Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// False when the scope is cancelled already: do not suspend.
  bool begin(std::coroutine_handle<> handle);
  /// What was waited for has happened: resumes inline. The waiter may be gone on return.
  void complete();
  /// Forgets the waiter wherever it is hooked. Called once, before an early end.
  virtual void unhook() = 0;

  Scope& scope_;

 private:
  friend class Scope;
  std::coroutine_handle<> handle_;
  Outcome outcome_ = Outcome::kReady;
};

/// Loop thread only.
class Scope final : private Timer {
 public:
  explicit Scope(Loop& loop) : Timer(loop) {}

  Loop& loop() const { return loop_; }

  /// Sticky. The first reason stays. The interrupted coroutine is resumed by the loop in this
  /// round, never from inside this call.
  void cancel(CancelReason reason);
  bool cancelled() const { return reason_ != CancelReason::kNone; }
  /// Lets the chain wait again, to write a proper end after a cancellation. Set a deadline.
  void forgive() { reason_ = CancelReason::kNone; }
  CancelReason reason() const { return reason_; }

  /// From now on a wait ends with kTimeout at `at`. Moving a deadline later costs nothing: the
  /// timer finds out when it fires.
  void set_deadline(TimePoint at);
  void clear_deadline() { deadline_ = TimePoint::max(); }
  TimePoint deadline() const { return deadline_; }

 private:
  friend class Waiter;
  void fire() override;
  void interrupt(Outcome outcome);

  TimePoint deadline_ = TimePoint::max();
  Waiter* waiter_ = nullptr;
  CancelReason reason_ = CancelReason::kNone;
};

/// co_await Sleep(scope, at): returns kTimeout at `at`, or what ended it earlier. The scope's
/// deadline is replaced.
class Sleep final : private Waiter {
 public:
  Sleep(Scope& scope, TimePoint at) : Waiter(scope) { scope.set_deadline(at); }
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) { return begin(handle); }
  Outcome await_resume() const { return outcome(); }

 private:
  void unhook() override {}
};

/// co_await RoundEnd(loop): goes on when everything that this wake-up brought has been looked at,
/// so that what many coroutines hand on goes together. Nothing interrupts it.
class RoundEnd {
 public:
  explicit RoundEnd(Loop& loop) : loop_(loop) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { loop_.resume_soon(handle); }
  void await_resume() const {}

 private:
  Loop& loop_;
};

/// A flag that coroutines on one loop wait for, one waiter at a time.
class Event {
 public:
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }

  class Awaiter final : private Waiter {
   public:
    Awaiter(Event& event, Scope& scope) : Waiter(scope), event_(event) {}
    bool await_ready() const { return event_.set_; }
    bool await_suspend(std::coroutine_handle<> handle);
    Outcome await_resume() const { return outcome(); }

   private:
    friend class Event;
    void unhook() override { event_.waiter_ = nullptr; }
    Event& event_;
  };
  Awaiter wait(Scope& scope) { return {*this, scope}; }

 private:
  bool set_ = false;
  Awaiter* waiter_ = nullptr;
};

}  // namespace sluice::net
