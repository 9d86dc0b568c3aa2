// What `sluice bench` is asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "load/arrivals.hpp"

namespace sluice::load {

enum class Dialect : uint8_t { kOpenAi, kAnthropic };

struct Options {
  std::string url = "http://127.0.0.1:8080";
  std::string key;
  std::string model = "mock-c20-i10";
  Dialect dialect = Dialect::kOpenAi;
  bool stream = true;
  std::vector<std::string> headers;  // "name: value", added to every request
  size_t prompt_bytes = 64;
  std::string ca_file;  // for https; empty: the system's trust store

  /// Requests in flight: exactly so many in a closed loop, at most so many in an open one.
  /// 0: 10 in a closed loop, as many as descriptors allow in an open one.
  uint32_t concurrency = 0;
  double rate = 0;  // arrivals a second; 0: closed loop
  Spacing spacing = Spacing::kPoisson;
  uint64_t seed = 1;

  uint64_t requests = 0;  // 0: no limit but the duration
  Duration duration{};    // of the measurement, after the warm-up; 0: no limit but the requests
  Duration warmup{};      // sent but not reported, apart from failures
  Duration ramp{};        // closed loop: the connections start spread over this time
  Duration timeout = std::chrono::seconds(60);  // of one request, from its start

  double abort = 0;            // share of requests to be reset
  uint32_t abort_within = 10;  // after a random one of so many first events
  Duration abort_at{};         // above 0: so long after sending instead, whatever has come by then

  bool stamps = false;          // ask a scripted upstream to write its clock into events
  std::vector<int32_t> cpu_of;  // processes whose CPU time is measured
  uint32_t threads = 1;
  bool json = false;
};

/// Puts in what is left open, and refuses what cannot be done.
Status complete(Options& options);

/// "1.5s", "250ms", "10m", "2h", "100us", "0": kInvalidRequest for anything else.
Result<Duration> parse_duration(std::string_view text);

}  // namespace sluice::load
