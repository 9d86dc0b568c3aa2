// The GPU workers: who they are, what they have free, and who gets the next request.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "workers/heartbeat.hpp"
#include "workers/score.hpp"

namespace sluice::workers {

class Fleet;
struct Reservation;  // of one request on one worker

/// Another worker that could have been picked, in short.
struct Rival {
  static constexpr size_t kLongestName = 40;  // bytes; what is longer is cut

  std::array<char, kLongestName> name{};
  uint8_t name_size = 0;
  float score = 0;
  float memory = 0;       // Score::memory
  float concurrency = 0;  // Score::concurrency
  float active = 0;
  float predicted_ttft = 0;

  std::string_view worker() const { return {name.data(), name_size}; }
};

/// Why a worker was picked, as things stood then.
struct PickTerms {
  static constexpr size_t kRivals = 3;
  static constexpr size_t kReasons = 16;

  Score score;
  double active = 0;                  // effective, before this request
  double predicted_ttft = 0;          // seconds; 0: the pick did not go by it
  size_t candidates = 0;              // that could have been picked
  std::array<Rival, kRivals> rivals;  // the best of them, without the one that was
  size_t rivals_size = 0;
  /// How many that serve the model could not be picked, by reason.
  std::array<uint16_t, kReasons> passed_over{};
  /// For people; static.
  static std::string_view reason(size_t index);
};

/// A place for one request on one worker. Letting go of it gives the place back; what is told
/// before decides what the fleet learns. One thread at a time; the fleet outlives it.
class Slot {
 public:
  static constexpr Duration kMaxRest = std::chrono::minutes(5);

  Slot();  // none
  explicit Slot(std::unique_ptr<Reservation> reservation);
  ~Slot();
  Slot(Slot&&) noexcept;
  Slot& operator=(Slot&&) noexcept;

  explicit operator bool() const { return reservation_ != nullptr; }
  std::string_view worker() const;    // id
  std::string_view endpoint() const;  // base URL
  bool fallback() const;
  const PickTerms& terms() const;

  /// The first content has come.
  void first_token(TimePoint at);
  /// Tokens generated so far; cheap enough for every event.
  void generated(int64_t tokens);

  // The request's end; each gives the place back.
  void succeeded(TimePoint at);
  /// `refused`: nothing listens there.
  void failed(TimePoint at, bool refused);
  /// It is well, but the model or the route is not there.
  void not_served(TimePoint at);
  /// It is well, but refuses the request. True: it has refused so many in a row that somebody else
  /// should be asked, and Fleet::judge() told what came of that.
  bool refused(TimePoint at);
  /// 429, or 503 with Retry-After: nothing goes there for so long, kMaxRest at most.
  void pushed_back(TimePoint at, Duration rest);
  /// Nothing was learned: the client left, or something else was at fault. As the destructor.
  void abandoned(TimePoint at);

 private:
  std::unique_ptr<Reservation> reservation_;
};

/// What a request needs. The views live as long as the call.
struct Demand {
  std::string_view model;              // as the worker calls it
  int64_t prompt_tokens = 0;           // about
  int64_t output_tokens = 0;           // most that may be generated; 0: unknown
  std::span<const uint64_t> prefix;    // prefix_blocks() of the prompt
  std::span<const std::string> tried;  // ids of workers that have failed this request
  config::Strategy strategy = config::Strategy::kVram;
  uint8_t route = 0;       // what is asked for, below Declines::kRoutes; of chats 0
  bool fallback = false;   // the workers that say is_fallback, else the others
  bool desperate = false;  // there is nobody else: ask also who has failed lately
  /// It fits nobody, by the gateway's estimate: an engine shall say so, which knows exactly.
  bool any_length = false;
};

enum class NoSlot : uint8_t {
  kUnserved,     // no routable worker has the model
  kFull,         // one that has it will be free again
  kUnavailable,  // those that have it have failed, drain, were tried, or take no such length
};

/// A worker in the light of one demand: what explains a pick.
struct Candidate {
  std::string worker;
  std::string_view out;  // why it is no candidate; static text; empty: it is one
  bool fallback = false;
  Standing standing;
  Score score;
  bool picked = false;
};

/// A worker for people.
struct WorkerView {
  Heartbeat last;
  std::string_view state;         // starting, ready, draining, stale, expired, unhealthy
  std::string_view reason;        // why it is not routable; static text; empty: it is
  Duration age{0};                // since its last heartbeat
  bool discovered = false;        // found, not announced by itself
  double active = 0;              // effective
  int64_t in_flight = 0;          // this gateway's own
  std::optional<double> kv_free;  // effective, tokens or bytes as it tells; where it tells any
  double vram_free = 0;
  double score = 0;                   // of the seed's formula, for a request of nothing
  std::string_view breaker;           // closed, open, half_open
  double drift = 0;                   // of the own ledger from the last heartbeat, requests
  double prefill_tps = 0;             // learned
  double decode_step = 0;             // learned, seconds
  double ttft_error = 0;              // mean relative error of predictions
  std::vector<std::string> declines;  // models for which it has declined requests lately
};

/// Who sends a heartbeat. What a stranger announces is shown and gets no requests; it takes no
/// worker's place that somebody else has announced, and gives its own up to whoever does.
enum class Sender : uint8_t { kTrusted, kStranger };

/// Thread-safe: one short lock around each call, never held across I/O or a callback.
class Fleet {
 public:
  static constexpr size_t kMaxWorkers = 4096;
  static constexpr size_t kMaxStrangers = 64;                     // of these
  static constexpr Duration kInterval = std::chrono::seconds(5);  // asked of workers

  struct Options {
    Duration ttl = std::chrono::seconds(15);
    config::ScoreWeights weights = {};
    int gateways = 1;           // k: that send requests to the same workers
    double exploration = 0.01;  // share of picks that go to any candidate
  };
  static Options options_of(const config::Config& config);

  explicit Fleet(Options options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void use(Options options);

  /// A worker tells of itself. `gw_time` is the clock of HeartbeatReply now. A seq that is not
  /// above the last of the same boot changes nothing. kRateLimitExceeded when the fleet is full;
  /// kPermissionDenied for a stranger who tells an endpoint or has another one's id.
  Result<HeartbeatReply> heartbeat(Heartbeat heartbeat, TimePoint now, double gw_time,
                                   Sender sender = Sender::kTrusted);
  /// A worker that was found (discovery): it does not expire. As a heartbeat without a sample.
  void discovered(Heartbeat found, bool healthy, TimePoint now);
  /// It is not there any more; what runs on it goes on. Also for what has been discovered.
  void forget(std::string_view worker, TimePoint now);
  /// No new requests; false: unknown. It comes back with a new boot_id.
  bool drain(std::string_view worker, TimePoint now);
  /// Forgets workers that have been silent beyond the TTL.
  void sweep(TimePoint now);

  /// Of a request that was refused in doubt (Slot::refused): `guilty` when somebody else has
  /// answered it, not when he has refused it too.
  void judge(std::string_view worker, std::string_view model, uint8_t route, bool guilty,
             TimePoint now);

  /// Filters, scores, picks and reserves in one step. `random`: any 64 bits.
  std::expected<Slot, NoSlot> pick(const Demand& demand, TimePoint now, uint64_t random);
  /// The same without reserving.
  std::vector<Candidate> explain(const Demand& demand, TimePoint now) const;

  /// A routable worker serves it.
  bool serves(std::string_view model) const;
  /// Of all routable workers, sorted.
  std::vector<std::string> models() const;
  std::vector<WorkerView> list(TimePoint now) const;

  /// Of the workers that serve a model, those that are no fallback.
  struct Load {
    int workers = 0;
    double slots = 0;   // of all; 0: unknown
    double active = 0;  // effective
    /// Capacity-weighted mean of max(active/max, waiting/5, kv/0.8).
    double saturation = 0;
  };
  Load load(std::string_view model, TimePoint now) const;

  /// Called, without the lock, when a place may have become free: for whom requests wait. Set
  /// before the first use.
  void tell_free(std::function<void(TimePoint)> free);

  /// Ledger entries and requests in flight of all workers: zero once nothing runs.
  int64_t outstanding() const;
  /// That have come since the start, late ones and strangers' too.
  uint64_t heartbeats() const;

 private:
  friend class Slot;
  friend struct Reservation;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::workers
