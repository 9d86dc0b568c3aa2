// Counters, gauges and histograms. Every event loop writes its own block; a scrape sums them.
// Nothing here locks or shares a written cache line between loops, so counting costs a few
// nanoseconds however many loops there are.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "observe/fleet_figures.hpp"
#include "observe/histogram.hpp"

namespace sluice::observe {

struct Totals;

/// Why the gateway closed an upstream call before its end.
enum class CancelReason : uint8_t {
  kClientGone,
  kFirstToken,  // silent past timeouts.first_token
  kStalled,     // silent past timeouts.between_tokens
  kTotal,       // past timeouts.total
  kDraining,
  kBudget,  // the key or wallet ran out
  kOther,
  kCount
};

/// Which limit of a key or a wallet refused a request.
enum class LimitReason : uint8_t { kRequests, kTokens, kParallel, kQuota, kCount };

/// Why something was tried again, on the same target or on the next one.
enum class RetryReason : uint8_t {
  kRateLimited,    // 429
  kServerError,    // 500, 502 and other 5xx
  kOverloaded,     // 503, 529
  kReset,          // the connection died before there was an answer
  kUnreachable,    // no connection
  kSilent,         // no first token in time
  kStalled,        // fell silent before content
  kContextLength,  // asked a target with a larger window
  kCredential,     // the next key, after 401 or 403
  kDeclined,       // a worker has not what it has announced
  kCount
};

std::string_view to_string(CancelReason reason);
std::string_view to_string(RetryReason reason);
std::string_view to_string(LimitReason reason);

/// The ledger's writer, as a scrape finds it; all but the first and the last since the start.
struct LedgerFigures {
  Duration lag{0};  // age of the oldest settlement that waits
  uint64_t settlements = 0;
  uint64_t groups = 0;
  uint64_t failures = 0;
  uint64_t dead_letters = 0;
  uint64_t waiting = 0;
};

/// The labels of a request. Each value must come from a bounded set: `model` is a configured
/// name or "other" (route::RoutingTable::model_label). Empty values are written as "none".
struct RequestLabels {
  std::string_view route;    // a route's pattern, "/v1/chat/completions"
  std::string_view dialect;  // "openai", "anthropic"
  std::string_view provider;
  std::string_view model;

  bool operator==(const RequestLabels&) const = default;
};

/// How many answers had which status. One writer.
class StatusCounts {
 public:
  void add(int status);

  bool empty() const { return slots_.front().count.value() + slots_.back().count.value() == 0; }

  /// Calls `each(status, count)`; status 0 stands for those that found no room in the table.
  template <typename Each>
  void for_each(Each each) const {
    for (const Slot& slot : slots_) {
      if (const uint64_t n = slot.count.value()) {
        each(int{slot.status.load(std::memory_order_relaxed)}, n);
      }
    }
  }

 private:
  struct Slot {
    std::atomic<uint16_t> status{0};
    Counter count;
  };
  std::array<Slot, 24> slots_;  // the last one takes what found no room
};

/// What is counted for one set of labels on one loop. Look it up once a request, keep the
/// pointer: it stays valid as long as the Metrics does.
struct RequestSeries {
  std::string route, dialect, provider, model;

  StatusCounts statuses;
  Histogram duration;
  Histogram first_token;     // from the request's arrival to the first content sent on
  Histogram between_tokens;  // between two content events
  Histogram overhead;        // the gateway's own share of the time to the first token or answer
  Counter tokens_in;
  Counter tokens_out;
};

/// One loop's block. All writing happens on that loop's thread.
class LoopMetrics {
 public:
  /// Series per loop; beyond it everything goes to one series whose labels are all "other".
  static constexpr size_t kMaxSeries = 512;

  LoopMetrics();
  LoopMetrics(const LoopMetrics&) = delete;
  LoopMetrics& operator=(const LoopMetrics&) = delete;
  ~LoopMetrics();

  /// One hash lookup; allocates only when the labels are new to this loop. Never null.
  RequestSeries* series(const RequestLabels& labels);

  /// Counts an answered request: status, duration, and the process-wide rates. 499 stands for
  /// a client that left before it had an answer.
  void finished(RequestSeries& series, int status, Duration took, TimePoint now);

  Gauge live_requests;
  Gauge active_streams;
  Gauge connections;  // clients' connections that are open
  Counter bytes_in;   // from clients
  Counter bytes_out;  // to clients
  Counter malformed_events;
  Counter budget_cutoffs;    // streams that ended because the money did
  Counter count_mismatches;  // counted and reported tokens were far apart
  std::array<Counter, static_cast<size_t>(CancelReason::kCount)> upstream_cancels;
  std::array<Counter, static_cast<size_t>(RetryReason::kCount)> retries;
  std::array<Counter, static_cast<size_t>(LimitReason::kCount)> limit_hits;

  void cancelled(CancelReason reason) { upstream_cancels[static_cast<size_t>(reason)].add(); }
  void retried(RetryReason reason) { retries[static_cast<size_t>(reason)].add(); }
  void limited(LimitReason reason) { limit_hits[static_cast<size_t>(reason)].add(); }

 private:
  friend class Metrics;

  struct Hash {
    size_t operator()(const RequestLabels& labels) const;
  };

  RequestSeries* add_series(const RequestLabels& labels);
  /// Requests that finished in the seconds [from, to) of the monotonic clock.
  uint64_t requests_between(uint32_t from, uint32_t to) const;

  // Written by the loop, read by a scrape: a slot is published before the count that covers it.
  std::array<std::atomic<RequestSeries*>, kMaxSeries> series_{};
  std::atomic<size_t> series_count_{0};
  const std::unique_ptr<RequestSeries> overflow_;
  std::unordered_map<RequestLabels, RequestSeries*, Hash> index_;  // the loop's alone

  // Requests in each of the last seconds: the second in the upper half, the count below it.
  static constexpr size_t kSeconds = 64;
  std::array<std::atomic<uint64_t>, kSeconds> per_second_{};
};

/// The process's metrics. Thread-safe.
class Metrics {
 public:
  explicit Metrics(std::string version, std::string build_type = {});

  /// A block for a loop that starts; it lives as long as this object. A loop that ends leaves
  /// its counts behind.
  LoopMetrics& add_loop();

  /// Prometheus text exposition format 0.0.4. May take milliseconds with thousands of open
  /// descriptors: not for a loop that has live streams to serve, where it can be avoided.
  std::string prometheus() const;

  /// Asked at every scrape. Set before the first one, and to nothing before what it asks is gone.
  void ask_ledger(std::function<LedgerFigures()> ledger);
  /// The same of the workers.
  void ask_workers(std::function<FleetFigures()> workers);

  /// The JSON object of `Accept: application/json`.
  std::string json() const;

  const std::string& version() const { return version_; }

 private:
  Totals totals() const;
  static void add(Totals& totals, const LoopMetrics& loop);
  double cpu_percent(double cpu_seconds, TimePoint at) const;

  const std::string version_;
  const std::string build_type_;
  const TimePoint started_ = now();

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<LoopMetrics>> loops_;
  mutable TimePoint cpu_sampled_ = started_;
  mutable double cpu_seconds_ = 0;
  mutable double cpu_percent_ = 0;
  std::function<LedgerFigures()> ledger_;
  std::function<FleetFigures()> workers_;
};

}  // namespace sluice::observe
