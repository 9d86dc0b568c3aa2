#include "net/task_group.hpp"

#include <cstdio>
#include <exception>

namespace sluice::net {

// Starts at once and frees itself at its end.
struct TaskGroup::Root {
  struct promise_type {
    Root get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

TaskGroup::Root TaskGroup::run(Task<void> task) {
  try {
    // Its frame, with all that it owns, is gone before the group calls itself empty.
    Task<void> owned = std::move(task);
    co_await owned;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "a task ended with an exception: %s\n", error.what());
  }
  if (--size_ == 0) empty_.set();
}

void TaskGroup::spawn(Task<void> task) {
  ++size_;
  empty_.reset();
  run(std::move(task));
}

}  // namespace sluice::net
