// What a key and a wallet have left, shared by all loops.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/money.hpp"
#include "quota/spending.hpp"

namespace sluice::quota {

/// An amount that leases are taken from by compare-and-swap. Invariant: available = granted -
/// settled - leased. Leases never make it negative; settlements above their lease may.
class Balance {
 public:
  explicit Balance(int64_t available = 0) : available_(available) {}

  int64_t available() const { return available_.load(std::memory_order_relaxed); }
  /// Takes `wanted`, or what is there if that is at least `least`; returns what was taken, 0 if
  /// it was refused. `wanted` >= `least` >= 1.
  int64_t take(int64_t wanted, int64_t least);
  /// Gives back, tops up or (negative) lowers. Saturates instead of wrapping.
  void add(int64_t amount);

 private:
  std::atomic<int64_t> available_;
};

struct Wallet;

/// Who pays for a key. Immutable, and alive as long as what may point to it.
struct Payer {
  Wallet* wallet = nullptr;    // null: nobody's money is taken
  Spending* member = nullptr;  // what a team's member may spend of its wallet; null: all of it
  bool gone = false;           // who paid does so no more, and nothing is let in
  int64_t membership = 0;      // of the member

  static const Payer kNobody;
  static const Payer kGone;
};
inline constexpr Payer Payer::kNobody{};
inline constexpr Payer Payer::kGone{.gone = true};

/// A wallet's nano-USD. One object per wallet for the life of the process.
struct alignas(64) Wallet {
  int64_t id = 0;
  int64_t user_id = 0;
  Balance balance;
  const Payer owner{.wallet = this};  // who pays with all of it
};

/// 0 is no limit.
struct Limits {
  int64_t requests_per_minute = 0;
  int64_t burst = 0;  // requests at once; at least 1 where a rate is set
  int64_t tokens_per_minute = 0;
  int64_t max_parallel = 0;
  bool operator==(const Limits&) const = default;
};

/// A rate as the time at which a bucket that is drained at that rate would be empty (GCRA): one
/// atomic, no refilling. A rate of 0 is no limit.
class RateMeter {
 public:
  /// Spends `units` if the bucket has at least `least` free; else how long until it has. Units
  /// beyond the bucket make a debt that later callers wait for.
  std::optional<Duration> spend(int64_t units, int64_t least, int64_t per_minute, int64_t burst,
                                TimePoint now);
  /// How long until the bucket has `least` free; zero when it has.
  Duration wait(int64_t least, int64_t per_minute, int64_t burst, TimePoint now) const;
  /// Spends (or, negative, gives back) without asking.
  void correct(int64_t units, int64_t per_minute, TimePoint now);
  int64_t remaining(int64_t per_minute, int64_t burst, TimePoint now) const;
  /// Until the bucket is full again.
  Duration reset_after(TimePoint now) const;

 private:
  std::atomic<int64_t> empty_at_{0};  // nanoseconds of TimePoint
};

/// One object per key for the life of the process, whatever is reloaded. Aligned, like a wallet,
/// for no two to share a line of the cache.
class alignas(64) Account {
 public:
  explicit Account(int64_t key_id) : key_id_(key_id) {}

  int64_t key_id() const { return key_id_; }

  // Registry only: what a reload or the administration changes.
  void set_limits(const Limits& limits);
  Limits limits() const;

  /// Without a quota leases take no tokens.
  bool has_quota() const { return has_quota_.load(std::memory_order_relaxed); }
  void set_has_quota(bool has) { has_quota_.store(has, std::memory_order_relaxed); }
  /// Granted less settled less leased. Settlements count here with and without a quota, so that
  /// one that is granted later starts from what has been used.
  Balance& tokens() { return tokens_; }
  const Balance& tokens() const { return tokens_; }
  /// One pointer, so that a wallet is never taken for another's member.
  const Payer& payer() const { return *payer_.load(std::memory_order_acquire); }
  /// It must live as long as the account.
  void set_payer(const Payer& payer) { payer_.store(&payer, std::memory_order_release); }
  /// Null: nobody's wallet pays.
  Wallet* wallet() const { return payer().wallet; }
  void set_wallet(Wallet* wallet) { set_payer(wallet ? wallet->owner : Payer::kNobody); }

  /// What it has spent and may spend, whoever pays.
  Spending& spending() { return spending_; }
  const Spending& spending() const { return spending_; }

  /// When it was last let in; nanoseconds of TimePoint, 0: not yet.
  int64_t used_at() const { return used_at_.load(std::memory_order_relaxed); }
  void set_used(TimePoint now) {
    used_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  RateMeter& requests() { return requests_; }
  const RateMeter& requests() const { return requests_; }
  RateMeter& token_rate() { return token_rate_; }
  const RateMeter& token_rate() const { return token_rate_; }
  std::atomic<int64_t>& parallel() { return parallel_; }

 private:
  int64_t key_id_;
  std::atomic<bool> has_quota_{false};
  Balance tokens_;
  std::atomic<const Payer*> payer_{&Payer::kNobody};
  std::atomic<int64_t> used_at_{0};
  std::atomic<int64_t> rpm_{0}, burst_{0}, tpm_{0}, max_parallel_{0};
  RateMeter requests_;
  RateMeter token_rate_;
  std::atomic<int64_t> parallel_{0};
  Spending spending_;
};

}  // namespace sluice::quota
