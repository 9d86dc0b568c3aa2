// Asking a provider whether it works: what is told of it, and what does it. The management API may
// not know how upstreams are asked, so whoever starts it hands that in.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "config/config.hpp"

namespace sluice::admin {

/// How one request to a provider ended.
struct ProbeVerdict {
  int status = 0;       // of its answer; 0: there was none
  std::string problem;  // a word for programs, such as "unauthorized"; empty: it works
  std::string message;  // for people; empty as above
  std::string said;     // the provider's own words: one bounded line without secrets

  bool ok() const { return problem.empty(); }
};

/// What each step of the first request took; absent: it was not come to, or there is no such step.
struct ProbeTimes {
  std::optional<Duration> resolve;
  std::optional<Duration> connect;  // to the proxy, where there is one
  std::optional<Duration> proxy;    // until it let TLS through
  std::optional<Duration> tls;
  std::optional<Duration> first_byte;  // after the request was sent
  Duration total{};
};

struct ProbeReport {
  std::string asked;  // method and address
  ProbeTimes times;
  ProbeVerdict verdict;          // of the first key, or of a request without one
  std::optional<size_t> models;  // how many it lists
  struct Key {
    std::optional<ProbeVerdict> verdict;  // absent: it was not asked with
    Duration total{};
  };
  std::vector<Key> keys;  // as Provider::api_keys
};

/// Asks for the list of models, or with `model` for one token of it; as requests do, but over new
/// connections. Blocks for a bounded time; any thread. kConfig for what no request could use,
/// kServerDraining when the process ends. An upstream that fails is no error: the report says so.
using Probe =
    std::function<Result<ProbeReport>(const config::Provider& provider, const std::string& model)>;

}  // namespace sluice::admin
