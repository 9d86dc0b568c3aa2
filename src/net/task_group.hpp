// Owns coroutines that nobody awaits: every coroutine has an owner, and this one can be waited
// for until the last of them has ended.
#pragma once

#include <cstddef>

#include "net/scope.hpp"
#include "net/task.hpp"

namespace sluice::net {

/// Loop thread only. Must outlive its tasks: await empty() before destroying it.
class TaskGroup {
 public:
  /// Starts `task` at once, on the caller's stack until its first wait. An exception that leaves
  /// it is logged; the others go on.
  void spawn(Task<void> task);

  size_t size() const { return size_; }

  /// Waits until no task is left.
  Event::Awaiter empty(Scope& scope) { return empty_.wait(scope); }

  TaskGroup() { empty_.set(); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

 private:
  struct Root;
  Root run(Task<void> task);

  size_t size_ = 0;
  Event empty_;
};

}  // namespace sluice::net
