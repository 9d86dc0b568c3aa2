// What the scripted upstream has seen, for tests to ask: how requests ended, when each abort was
// noticed, and what the last requests looked like.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace sluice::mock {

struct Abort {
  std::string id;  // the request's id, as its answer's headers told it
  std::string model;
  TimePoint at;  // when it was noticed
  int64_t wall_ns = 0;
  uint64_t events_sent = 0;
};

struct RecordedRequest {
  std::string id;
  int64_t wall_ns = 0;
  std::string method;
  std::string target;
  std::string model;
  std::vector<std::pair<std::string, std::string>> headers;  // as they came
  std::string body;                                          // the beginning of it
  uint64_t body_bytes = 0;                                   // all of it
};

/// How an answer ended, and what of it was sent.
struct Ended {
  std::string id;         // the request's id, as its answer's headers told it
  std::string caller_id;  // its x-request-id, as it came
  std::string model;
  uint64_t prompt_tokens = 0;
  uint64_t tokens_sent = 0;  // of output
  uint64_t events_sent = 0;
};

/// Any thread.
class Stats {
 public:
  static constexpr size_t kMostAborts = 1024;
  static constexpr size_t kMostRequests = 64;
  static constexpr size_t kMostBody = 64 * 1024;
  static constexpr size_t kMostModels = 4096;
  static constexpr size_t kMostEndings = 20'000;

  explicit Stats(size_t threads = 1) : connections_(threads) {}

  enum class Ending : uint8_t {
    kFinished,  // answered to the end, errors too
    kReset,     // by the script
    kDropped,   // the server stopped, or the peer stopped reading
  };

  /// A request came. Returns the current generation, which reset() ends: a request is counted at
  /// its end only in the generation that it began in.
  uint64_t begin();
  /// It names this model. Returns how many have since the last reset, this one among them.
  uint64_t name(std::string_view model);
  /// It ended. The model may be empty.
  void end(Ended ended, Ending ending, uint64_t generation);
  /// The peer ended it.
  void abort(Ended ended, TimePoint at, int64_t wall_ns, uint64_t generation);
  void record(RecordedRequest request);

  /// Every pause of answers that begin from now on takes so many times as long: a machine that has
  /// become slow.
  void set_pace(uint32_t times) { pace_ = times; }
  uint32_t pace() const { return pace_; }

  void set_connections(size_t thread, size_t count) { connections_[thread] = count; }

  void reset();
  std::string stats_json() const;
  std::string requests_json() const;
  /// The last kMostEndings that had a script, in the order in which they ended.
  std::string endings_json() const;

 private:
  struct Counts {
    uint64_t requests = 0;
    uint64_t finished = 0;
    uint64_t aborted = 0;
    uint64_t reset = 0;
    uint64_t dropped = 0;
  };
  Counts& of(std::string_view model);
  void count(std::string_view model, uint64_t Counts::* counter);
  void keep(Ended ended, std::string_view how);

  mutable std::mutex mutex_;
  uint64_t generation_ = 0;
  uint64_t active_ = 0;
  Counts total_;
  std::map<std::string, Counts, std::less<>> models_;
  std::deque<Abort> aborts_;
  std::deque<RecordedRequest> requests_;
  std::deque<std::pair<Ended, std::string_view>> endings_;
  std::vector<std::atomic<size_t>> connections_;
  std::atomic<uint32_t> pace_{1};
};

}  // namespace sluice::mock
