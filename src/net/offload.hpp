// Runs a blocking function on the pool and comes back to the loop with its value.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "net/blocking_pool.hpp"

namespace sluice::net {

/// `work` may outlive the wait (deadline, cancellation), so it owns all that it uses. Fails with
/// kInternal when the pool's queue is full, kTimeout, or kClientGone when cancelled.
template <typename T>
Task<Result<T>> offload(BlockingPool& pool, std::move_only_function<T()> work, Scope& scope) {
  struct Shared {
    Event done;
    std::optional<T> value;
  };
  auto shared = std::make_shared<Shared>();
  Loop& loop = scope.loop();
  const bool taken = pool.submit([shared, &loop, work = std::move(work)]() mutable {
    shared->value.emplace(work());
    loop.post([shared] { shared->done.set(); });
  });
  if (!taken) co_return fail(ErrorCode::kInternal, "too much blocking work is queued");
  const Outcome outcome = co_await shared->done.wait(scope);
  if (outcome == Outcome::kTimeout) co_return fail(ErrorCode::kTimeout, "timed out");
  if (outcome == Outcome::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
  co_return std::move(*shared->value);
}

}  // namespace sluice::net
