#include "relay/keep_alive.hpp"

#include "dialect/stream.hpp"

namespace sluice::relay {

KeepAlive::KeepAlive(net::HttpCall& call, Opener& opener, dialect::Dialect client)
    : Timer(call.loop()), call_(call), opener_(opener), client_(client) {}

void KeepAlive::start(Duration interval) {
  interval_ = interval;
  if (interval > Duration::zero()) arm(loop_.now() + interval);
}

void KeepAlive::fire() {
  if (call_.finished()) return;
  const TimePoint now = loop_.now();
  const TimePoint due = call_.last_sent() + interval_;
  if (call_.begun() && due > now) return arm(due);
  beat();
  arm(now + interval_);
}

void KeepAlive::beat() {
  // A client that does not read what it has been sent is not waiting.
  if (!call_.flushed() || call_.client_left()) return;
  if (!call_.begun()) {
    auto head = opener_.early_head();
    if (!head) return;
    if (!dropped_.empty()) head->emplace_back("x-sluice-dropped", dropped_);
    call_.begin_stream(200, *head);
    opened_ = true;
  }
  call_.push(dialect::keep_alive(client_));
}

}  // namespace sluice::relay
