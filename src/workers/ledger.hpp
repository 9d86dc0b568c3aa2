// What lies on one worker: what it said last, and what this gateway has done to it since.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace sluice::workers {

/// What a worker tells of its load. Absent: unknown.
struct Gauges {
  std::optional<double> active;   // requests, those that wait in it too
  std::optional<double> waiting;  // requests
  std::optional<double> waiting_tokens;
  std::optional<double> kv_used;  // tokens
};

/// Effective values: a gauge of the worker, and `k` times what this gateway has begun and ended
/// there since the gauge was read; `k` gateways are taken to do the same. Own requests alone where
/// the worker tells nothing.
///
/// Plain state: one thread at a time, but for generated().
class Ledger {
 public:
  /// Changes that are kept one by one; older ones are taken together two by two, and count until
  /// the later of them is known to the worker.
  static constexpr size_t kMostChanges = 1024;

  struct Request {
    int64_t prompt = 0;     // tokens that are in no cache
    int64_t generated = 0;  // tokens
    bool reading = true;    // its prompt: no token has come
  };

  /// The worker's gauges as they were at `at`: what was done before is in them.
  void sample(const Gauges& gauges, TimePoint at, TimePoint now, double k);
  /// Nothing of what it said counts any more.
  void forget_sample();

  void begun(const Request& request, TimePoint at);
  void read(Request& request, TimePoint at);
  void ended(const Request& request, TimePoint at);
  /// So many more tokens have come, of whatever request. Any thread.
  void generated(int64_t tokens) { generated_.fetch_add(tokens, std::memory_order_relaxed); }

  /// Requests: never below those of this gateway, which do not end because a worker keeps silent.
  double active(double k) const;
  double waiting(double k) const;
  /// Tokens of prompts that are yet to be read.
  double unread(double k) const;
  /// Requests whose answers are being generated.
  double decoding(double k) const;
  /// Tokens.
  double kv_used(double k) const;

  int64_t in_flight() const { return in_flight_; }
  /// By how many requests the own figures were off when the worker told of itself last.
  double drift() const { return drift_; }
  /// Zero once nothing of this gateway's runs there.
  int64_t remains() const;

 private:
  struct Change {
    TimePoint at;
    int64_t active = 0;
    int64_t unread = 0;
    int64_t kv = 0;
  };
  void change(const Change& change);

  Gauges gauges_;
  // Since the gauges were read.
  std::vector<Change> changes_;
  Change sum_{};
  int64_t generated_then_ = 0;

  // Of this gateway's requests that run.
  int64_t in_flight_ = 0;
  int64_t reading_ = 0;
  int64_t unread_ = 0;
  int64_t prompts_ = 0;
  int64_t generated_gone_ = 0;  // by requests that have ended
  std::atomic<int64_t> generated_{0};

  int64_t generated_seen_ = 0;  // at `seen_`
  TimePoint seen_{};
  double drift_ = 0;
};

}  // namespace sluice::workers
