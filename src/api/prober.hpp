// Asks providers whether they work, for the administration.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "admin/provider_probe.hpp"
#include "net/blocking_pool.hpp"

namespace sluice::api {

/// Each probe runs on a loop of its own in the thread that asks for it: no event loop waits, no
/// connection of theirs is used, and names are looked up anew. Thread-safe.
class Prober {
 public:
  Prober() = default;
  ~Prober() { stop(); }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// See admin::Probe. At most 20 s, with a model 60 s. Its requests are those of the relay: with
  /// the provider's headers, ca_file, proxy and keys, one key after another.
  Result<admin::ProbeReport> probe(const config::Provider& provider, const std::string& model);

  /// Ends those that run, and lets none begin.
  void stop();

 private:
  class Run;

  std::mutex mutex_;
  std::unique_ptr<net::BlockingPool> lookups_;  // made by the first probe
  std::unordered_set<Run*> runs_;
  bool stopped_ = false;
};

}  // namespace sluice::api
