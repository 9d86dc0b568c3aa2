// How fast a queue goes on: the rate at which places become free while somebody waits for them.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sluice::workers {

/// Only the time counts in which somebody waits: at other times places are given away as fast as
/// requests come, which says nothing of how fast they could be. What lies kMemory of such time back
/// weighs 1/e, but never less than the last few grants do.
///
/// Plain state: one thread at a time.
class DrainRate {
 public:
  static constexpr Duration kMemory = std::chrono::seconds(10);
  static constexpr double kFewest = 8;  // grants that weigh, however far apart they are
  /// After so long without anybody waiting it is worth the patience of one to look again.
  static constexpr Duration kStale = std::chrono::seconds(30);

  /// Somebody waits now; again and again is the same as once.
  void waited_for(TimePoint now);
  /// One who waited got a place. Whoever still waits is told of anew.
  void granted(TimePoint now);
  /// Nobody waits any more, and nothing became free.
  void given_up(TimePoint now);

  /// Until `places` have become free; nullopt before anything has been seen.
  std::optional<Duration> time_for(int64_t places, TimePoint now) const;
  /// Nobody has waited for long: what is known may be wrong by now.
  bool stale(TimePoint now) const;

 private:
  void pass(TimePoint now);

  double grants_ = 0;   // weighted
  double seconds_ = 0;  // in which they were waited for, weighted
  bool watching_ = false;
  TimePoint since_{};  // while watching: of the last grant; else the end of the last watch
};

}  // namespace sluice::workers
