// Whether a target that has failed is asked again: a circuit breaker.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::route {

/// Opens on 3 failures in a row, on one refused connection, or when half of the last 20 requests
/// failed. Stays open 1, 2, 4 .. 30 s, with jitter; then exactly one probe decides. After that its
/// share of the requests grows to all of them in kSlowStart; who fails in that time goes on where
/// the rests had come to.
///
/// Plain state: whoever owns it makes sure that one thread at a time calls it.
class Breaker {
 public:
  enum class State : uint8_t { kClosed, kOpen, kHalfOpen };

  static constexpr int kFailuresInRow = 3;
  static constexpr int kWindow = 20;
  static constexpr Duration kFirstRest = std::chrono::seconds(1);
  static constexpr Duration kLongestRest = std::chrono::seconds(30);
  static constexpr Duration kSlowStart = std::chrono::seconds(10);
  static constexpr double kFirstShare = 0.1;

  /// A request may be sent now.
  bool lets_through(TimePoint now) const;
  /// A request is sent. True when it is the probe, which its end should say: whatever else ends
  /// while the breaker is open began before and decides nothing. Who sends one though nothing is
  /// let through (there is nobody else to ask) sends the probe before its time.
  bool enter(TimePoint now);

  // How a request that entered has ended. Back-pressure is no failure: it ends with gone(), and
  // the target rests.
  void succeeded(TimePoint now, bool probe = true);
  /// `refused`: nothing listens there. `random`: any 64 bits, for the jitter.
  void failed(TimePoint now, bool refused, uint64_t random, bool probe = true);
  /// Nothing was learned: the client left.
  void gone(bool probe = true);

  /// 429 or 503 with Retry-After: lets nothing through until then.
  void rest(TimePoint until);
  /// It is another one now (restarted, replaced): nothing is held against it.
  void reset() { *this = Breaker(); }

  State state(TimePoint now) const;
  /// When it lets something through at last; not after `now` where it does already. A guess while
  /// a probe runs.
  TimePoint free_at() const;
  /// Of the requests that it would get otherwise: below 1 in the slow start, never 0.
  double share(TimePoint now) const;
  /// It says no more than a new one would.
  bool spotless(TimePoint now) const;

 private:
  void note(bool failure);
  void forget();
  void open(TimePoint now, uint64_t random);

  std::array<bool, kWindow> failures_{};  // of the last requests, a ring
  uint8_t seen_ = 0;                      // of the ring
  uint8_t next_ = 0;
  uint8_t failed_ = 0;  // of the ring
  uint8_t in_row_ = 0;
  uint8_t openings_ = 0;  // since it was last well for a whole slow start
  bool open_ = false;
  bool probing_ = false;
  TimePoint open_until_{};
  TimePoint probe_since_{};
  TimePoint rest_until_{};
  TimePoint recovered_{};
};

}  // namespace sluice::route
