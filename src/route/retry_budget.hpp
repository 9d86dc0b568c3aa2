// How much may be tried again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::route {

/// Holds retries to a share of the requests of the last ten seconds, so that they do not turn an
/// upstream's bad moment into an outage. Shared by all loops without a lock;
/// threads that race for the last one may all be refused it.
class RetryBudget {
 public:
  /// Retries in ten seconds that are always granted, or a quiet gateway could never retry.
  static constexpr uint64_t kFloor = 10;

  /// `share` of 0.2 allows one retry to five requests; 0 allows none at all.
  explicit RetryBudget(double share) : share_(share) {}

  /// Counts a client's request.
  void on_request(TimePoint now);

  /// Takes one retry; false when there is none left.
  bool take(TimePoint now);

 private:
  static constexpr uint64_t kWindow = 10;
  static constexpr size_t kSlots = 16;  // more than the window, so that an old slot is cleared
  // The second in the upper half, the count below it.
  using Slots = std::array<std::atomic<uint64_t>, kSlots>;

  static void add(Slots& slots, uint64_t second, int64_t n);
  static uint64_t sum(const Slots& slots, uint64_t second);

  const double share_;
  alignas(64) Slots requests_{};
  alignas(64) Slots retries_{};
};

}  // namespace sluice::route
