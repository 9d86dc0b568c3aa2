// Who gets a worker when there are not enough: admission and the queues (docs/routing.md).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "workers/fleet.hpp"

namespace sluice::workers {

/// What waits. Owns what Demand views.
struct Ask {
  std::string model;  // as the workers call it
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  std::vector<uint64_t> prefix = {};
  std::vector<std::string> tried = {};
  config::Strategy strategy = config::Strategy::kVram;
  uint8_t route = 0;  // Demand::route
  config::Class urgency = config::Class::kDefault;
  int64_t key = 0;  // whose request it is: queues are fair across keys
  /// It does not wait longer than to this; its class may allow less.
  TimePoint deadline = TimePoint::max();
  /// The request can go elsewhere when there is no worker: to a provider, as policy allows.
  bool elsewhere = false;

  Demand demand() const;
};

/// A place in a queue. Dropping it is leaving, and lets go of a slot that was not taken.
class Ticket;
using TicketPtr = std::shared_ptr<Ticket>;

/// What becomes of a request for workers.
struct Verdict {
  enum Kind : uint8_t {
    kGranted,    // `slot`
    kQueued,     // `ticket`; wait for the grant until `until`, then Dispatcher::leave()
    kElsewhere,  // to the next tier: workers have no room in time, or none is there
    kRefused,    // no room, and nowhere else to go: come again after `retry_after`
    kUnserved,   // no routable worker has the model
  };
  Kind kind = kUnserved;
  Slot slot;
  TicketPtr ticket;
  TimePoint until{};
  Duration retry_after{0};
};

/// What a scrape and a webhook tell of one model.
struct QueueFigures {
  std::string model;
  std::array<int64_t, static_cast<size_t>(config::Class::kCount)> depth{};  // waiting, by class
  Duration oldest{0};
  double saturation = 0;
  bool saturated = false;
  int workers = 0;
  int desired_workers = 0;  // that the demand of now would need
};

/// Thread-safe; locks are short, and callbacks run without any. Outlives all tickets' owners.
class Dispatcher {
 public:
  struct Options {
    config::Cloud cloud = {};
    config::Queue queue = {};
  };
  static Options options_of(const config::Config& config);

  /// Takes Fleet::tell_free() for itself.
  Dispatcher(Fleet& fleet, Options options);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  Fleet& fleet() { return fleet_; }
  void use(Options options);

  /// A slot at once where one is free and nobody waits for it before; else what Verdict says.
  /// `granted` is called once, on any thread and perhaps before ask() returns: when the ticket has
  /// got its slot, or when nobody is left to wait for while the request can go elsewhere. It may
  /// come while the ticket is left or dropped, so it owns what it touches.
  Verdict ask(Ask ask, TimePoint now, std::move_only_function<void()> granted);
  /// After `granted`: the slot. Empty: there is none, and leave() says where to.
  static Slot take(Ticket& ticket);
  /// Gives the place up, because the client left or the patience is at its end. Where the grant
  /// came just now it is the slot (kGranted); else kElsewhere or kRefused, as ask() would have
  /// said.
  Verdict leave(Ticket& ticket, TimePoint now);

  /// Now and then, a few times a second while something waits: grants what a silent change has
  /// made free, and follows the saturation.
  void tick(TimePoint now);
  /// Requests that wait.
  int64_t waiting() const;

  /// Of every model that workers serve or somebody waits for.
  std::vector<QueueFigures> figures(TimePoint now);

 private:
  friend class Ticket;
  struct State;
  Fleet& fleet_;
  std::shared_ptr<State> state_;  // also of the tickets and of the fleet's call
};

}  // namespace sluice::workers
