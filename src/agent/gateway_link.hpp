// Tells one gateway of the worker.
#pragma once

#include <cstdint>
#include <string>

#include "agent/engine_watch.hpp"
#include "agent/gateway_clock.hpp"
#include "agent/options.hpp"
#include "net/http_client.hpp"

namespace sluice::agent {

/// Loop thread only. The references outlive it. What one gateway does has no effect on others.
class GatewayLink {
 public:
  static constexpr Duration kCoalesce = std::chrono::milliseconds(100);

  /// `site` null: there is none, heartbeats are only printed.
  GatewayLink(const Plan& plan, const Site* site, net::HttpClient& client, const EngineWatch& watch)
      : plan_(plan), site_(site), client_(client), watch_(watch) {}

  /// Tells what changes, and that the worker lives, until the scope is cancelled or the last word
  /// of drain() has been said.
  net::Task<void> run(net::Scope& scope);
  /// Tells once. Logs why it cannot, and again only when the reason changes.
  net::Task<bool> push(net::Scope& scope);

  /// There was a new look at the engine.
  void looked();
  /// The worker takes nothing new: the gateway is told, once, and run() returns.
  void drain();

 private:
  TimePoint due() const;
  Duration interval() const;
  Duration backoff() const;
  Status take(const Answer& answer, TimePoint sent);
  void failed(const Error& error);

  const Plan& plan_;
  const Site* site_;
  net::HttpClient& client_;
  const EngineWatch& watch_;
  net::Event wake_;
  GatewayClock clock_;
  Duration asked_ = std::chrono::seconds(5);  // between heartbeats, by the gateway
  workers::Heartbeat told_;
  TimePoint told_at_{};
  int64_t seq_ = 0;
  int failures_ = 0;  // in a row
  bool told_ever_ = false;
  bool refused_ = false;   // by an answer, not by the network
  bool at_once_ = true;    // the next heartbeat does not wait
  bool repeated_ = false;  // at once, since the gateway did not know the worker
  bool changed_ = false;
  bool draining_ = false;
  std::string problem_;  // that was logged
};

}  // namespace sluice::agent
