// One worker as the fleet keeps it. Private to the fleet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "route/breaker.hpp"
#include "workers/declines.hpp"
#include "workers/heartbeat.hpp"
#include "workers/ledger.hpp"
#include "workers/ttft_model.hpp"

namespace sluice::workers {

struct Worker;

/// Why a worker gets no request.
enum class Out : uint8_t {
  kNo,  // it may get one
  // Whatever is asked.
  kNoEndpoint,
  kExpired,
  kStarting,
  kDraining,
  kTakesNone,
  kUnhealthy,
  // A request for this model, of these tokens, with those failures behind it.
  kNotServed,
  kOtherTier,
  kTooLong,
  kTried,
  kFailed,
  kDeclines,
  kFull,
  kCount
};
/// For people; static. Empty for kNo.
std::string_view reason_of(Out out);

/// A model on a worker.
struct Serving : std::enable_shared_from_this<Serving> {
  Serving(Worker& of, std::string name, int64_t longest, const Speed& prior)
      : worker(&of), id(std::move(name)), max_len(longest), speed(prior) {}

  Worker* worker;
  std::string id;
  int64_t max_len;  // tokens; 0: unknown
  TtftModel speed;
  std::unique_ptr<Declines> declines;  // null: it has declined nothing
};

/// From its registration to its next boot. Those that have requests on it keep it beyond that.
/// The fleet's lock guards all of it but the ledger's count of tokens.
struct Worker : std::enable_shared_from_this<Worker> {
  /// Bytes of KV cache that a token takes, where the worker does not tell: of a model with 8
  /// billion weights (32 layers, 8 KV heads of 128, 16 bits).
  static constexpr double kBytesOfToken = 131'072;
  static constexpr Duration kRampUp = route::Breaker::kSlowStart;

  Worker(std::string name, uint32_t index, TimePoint now)
      : id(std::move(name)), number(index), joined(now) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // What every pick looks at.
  const std::string id;
  uint32_t number;         // in the index of prefixes
  Out blocked = Out::kNo;  // by what it has told, or an operator
  bool discovered = false;
  bool stranger = false;  // announced by somebody whom nobody knows
  bool has_told = false;  // of itself, by a heartbeat
  bool fallback = false;
  bool limited = false;  // it has said max_tasks
  bool drained = false;
  bool healthy = true;
  double max_tasks = 0;
  double kv_total = 0;    // tokens; 0: unknown
  double vram_total = 0;  // bytes; 0: unknown
  double vram_free = 0;
  TimePoint seen{};  // when it told of itself last
  TimePoint joined;
  Duration interval{};  // between its heartbeats
  Ledger ledger;
  route::Breaker breaker;

  double kv_unit = 1;               // what it calls one token: 1, or bytes
  size_t prefixes = 0;              // blocks that its cache holds; 0: unknown
  std::string boot_id;              // empty: it has told none
  std::vector<std::string> before;  // its boots before, the last ones; what they say comes late
  std::optional<int64_t> seq;       // of its last heartbeat
  std::optional<double> sample_at;  // as it said
  std::optional<TimePoint> sampled;
  std::shared_ptr<const std::string> endpoint;
  std::shared_ptr<const Heartbeat> last;
  std::shared_ptr<const Heartbeat> found;  // by discovery
  std::vector<std::shared_ptr<Serving>> servings;

  /// Takes over what a heartbeat says, but for the models. `at`: when its gauges were read.
  void tell(std::shared_ptr<const Heartbeat> heartbeat, TimePoint at, TimePoint now, double k);
  /// Brings `blocked` up to date.
  void judge(TimePoint now);

  /// It has not told of itself for more than the TTL.
  bool silent(TimePoint now, Duration ttl) const { return now - seen > ttl; }
  bool expired(TimePoint now, Duration ttl) const { return !discovered && silent(now, ttl); }
  Out routable(TimePoint now, Duration ttl) const {
    if (blocked != Out::kNo) return blocked;
    return expired(now, ttl) ? Out::kExpired : Out::kNo;
  }
  double missed_beats(TimePoint now) const;
  /// Of the requests that it would get otherwise.
  double share(TimePoint now) const;
  /// What is known of its speed before it has answered.
  Speed prior() const;
};

/// A model and how many tokens it takes; 0: unknown.
struct Served {
  std::string_view id;
  int64_t max_len = 0;
};
/// Each once. Views into the heartbeat.
std::vector<Served> served_by(const Heartbeat& heartbeat);

}  // namespace sluice::workers
