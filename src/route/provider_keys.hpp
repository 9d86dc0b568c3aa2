// Which of a provider's API keys an attempt uses.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.hpp"

namespace sluice::route {

/// Spreads requests over a provider's keys, and lets a key rest that was refused. A conversation
/// keeps its key, since caches and thinking belong to the account behind it. Shared by all loops
/// without a lock: one short atomic operation a pick.
class KeyRotation {
 public:
  static constexpr Duration kDefaultRest = std::chrono::seconds(10);
  static constexpr Duration kMaxRest = std::chrono::minutes(5);

  explicit KeyRotation(size_t keys);

  size_t size() const { return size_; }

  struct Choice {
    size_t index = 0;
    /// When the key is free: not after the `now` of the pick unless all of them rest.
    TimePoint free_at;
    bool resting = false;
    /// It is where the conversation's earlier requests went, as long as no key rests.
    bool home = false;
  };

  /// Of the keys that do not rest and are not among `exclude` (those that this request has tried)
  /// the one that `session` likes best, or without a session the next in turn; when all such keys
  /// rest, the one that is free soonest. A session likes the keys in an order of its own, which
  /// another key at the end of the list hardly changes. nullopt when none is left, or the provider
  /// has no keys at all and is called without a credential.
  std::optional<Choice> pick(TimePoint now, std::span<const size_t> exclude = {},
                             std::optional<uint64_t> session = std::nullopt);

  /// True when a key outside `exclude` does not rest.
  bool has_free(TimePoint now, std::span<const size_t> exclude = {}) const;

  /// 429: the key rests as long as the upstream says, kMaxRest at most; kDefaultRest when it
  /// does not say.
  void rate_limited(size_t index, TimePoint now, std::optional<Duration> retry_after);

  /// 401 or 403: the key rests for kMaxRest.
  void refused(size_t index, TimePoint now);

 private:
  void rest(size_t index, TimePoint until);

  size_t size_;
  std::unique_ptr<std::atomic<int64_t>[]> free_at_;  // steady nanoseconds
  std::atomic<size_t> next_{0};
};

}  // namespace sluice::route
