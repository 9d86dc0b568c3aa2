// What a run has seen, added up by the thread that saw it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "load/latency.hpp"

namespace sluice::load {

enum class Failure : uint8_t {
  kConnect,     // no connection
  kTimeout,     // not complete in time
  kLost,        // the connection broke before the answer was complete
  kStatus,      // an HTTP status other than 2xx
  kErrorEvent,  // an error event inside a stream
  kTruncated,   // a stream that ended orderly, without its terminal event
  kMalformed,   // not HTTP, or not an event stream
};
inline constexpr size_t kFailures = 7;
std::string_view to_string(Failure failure);

/// Times of resets that are kept, to be matched with what the upstream saw.
inline constexpr size_t kMaxResets = 200'000;

struct Tally {
  uint64_t started = 0;
  // Of the requests that were due after the warm-up:
  uint64_t ok = 0;
  uint64_t aborted = 0;    // reset by us, as asked for
  uint64_t warmed_up = 0;  // complete, but due before the end of the warm-up
  // Of all, the warm-up included: a failure is never left out.
  std::array<uint64_t, kFailures> failed{};
  std::map<int, uint64_t> statuses;  // of kStatus
  uint64_t connections = 0;          // opened
  uint64_t peak_in_flight = 0;
  // What arrived within the measured window:
  uint64_t events = 0;  // with data
  uint64_t content_events = 0;
  uint64_t bytes = 0;  // of bodies

  Latency first_token;  // from the start (open loop: from when it was due) to the first content
  Latency gap;          // between two content events of one stream
  Latency relay;        // from the upstream's stamp to here
  Latency total;        // of complete answers
  std::vector<int64_t> resets;  // monotonic nanoseconds

  uint64_t all_failed() const;
  void add(const Tally& other);
};

}  // namespace sluice::load
