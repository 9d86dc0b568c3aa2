// How often somebody may guess a password or a code.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace sluice::admin {

/// Counts failures of one name, such as an account or an address: after `free` of them each further
/// try has to wait, twice as long each time, up to kLongest. They are forgotten after kMemory
/// without one. Bounded: of too many names the ones longest unused are forgotten first.
/// Thread-safe.
class Throttle {
 public:
  static constexpr Duration kFirst = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::minutes(5);
  static constexpr Duration kMemory = std::chrono::minutes(15);
  static constexpr size_t kMost = 10'000;

  explicit Throttle(int free) : free_(free) {}

  /// How long the name has to wait; nullopt: it may try. One that may is counted as failed at once,
  /// so that guesses made together are not cheaper.
  std::optional<Duration> enter(std::string_view name, TimePoint now);
  /// The try was right: nothing is held against the name.
  void forgive(std::string_view name);

 private:
  struct Failures {
    int count = 0;
    TimePoint last;
    TimePoint free_at;
  };
  void make_room(TimePoint now);

  const int free_;
  std::mutex mutex_;
  std::unordered_map<std::string, Failures> failures_;
};

/// Who tries redemption codes.
struct Redeeming {
  Throttle users{5};
  Throttle addresses{20};
};

}  // namespace sluice::admin
