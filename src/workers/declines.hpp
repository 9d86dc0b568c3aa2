// What a worker declines to do for a model that it has announced.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "route/breaker.hpp"

namespace sluice::workers {

/// One model on one worker, by the route that it is asked on: a model that takes no embeddings may
/// chat well. Who declines at once always looks free and would draw the requests of all.
///
/// An answer that says that the model or the route is not there counts as it stands. A refusal of
/// the request counts only when somebody else has answered that very request: until then it may be
/// the client's fault. What has been declined often enough is left to others for 1, 2, 4 .. 30 s,
/// and tried with one probe each time, as with a breaker.
///
/// Plain state: one thread at a time.
class Declines {
 public:
  static constexpr size_t kRoutes = 8;
  /// Refusals in a row from which on somebody else is asked, too.
  static constexpr uint8_t kDoubtful = 5;

  bool lets_through(size_t route, TimePoint now) const;
  /// A request is sent. True: it is the probe, which its end should say.
  bool enter(size_t route, TimePoint now);

  // How it has ended.
  void answered(size_t route, TimePoint now, bool probe);
  /// The model, or the route, is not there. `random`: any 64 bits.
  void not_served(size_t route, TimePoint now, uint64_t random, bool probe);
  /// The request is refused. True: it is doubtful whether that is the request's fault.
  bool refused(size_t route, TimePoint now, bool probe);
  void gone(size_t route, bool probe);

  /// Somebody else has answered a request that was refused in doubt, or has refused it too.
  void judged(size_t route, bool guilty, TimePoint now, uint64_t random);

  /// Something is left to others now.
  bool any(TimePoint now) const;
  /// As far as is known it does nothing at all: something is left to others, and no route has
  /// answered since the first refusal.
  bool all(TimePoint now) const { return !answered_ && any(now); }

 private:
  struct Route {
    route::Breaker breaker;
    uint8_t refused = 0;  // in a row
  };

  std::array<Route, kRoutes> routes_;
  bool answered_ = false;  // some route
};

}  // namespace sluice::workers
