// Phase one, Allow: may this request run, and with how much. In memory, without a lock.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <utility>

#include "accounts/price.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "observe/metrics.hpp"
#include "quota/account.hpp"
#include "quota/lease.hpp"

namespace sluice::quota {

/// Why not. kRateLimitExceeded comes with a time, kInsufficientQuota never does.
struct Refusal {
  Error error;
  std::optional<Duration> retry_after;
  observe::LimitReason limit = observe::LimitReason::kQuota;
};

/// A place among the parallel calls of a key; given back by its destructor.
class Place {
 public:
  Place() = default;
  explicit Place(Account* account) : account_(account) {}
  Place(Place&& other) noexcept : account_(std::exchange(other.account_, nullptr)) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(account_, other.account_);
    return *this;
  }
  ~Place();

 private:
  Account* account_ = nullptr;
};

/// Requests per minute, tokens per minute (`prompt_tokens` are spent now, the rest when it is
/// settled: Account::token_rate().correct()), parallel calls. Spends nothing when it refuses.
std::expected<Place, Refusal> enter(Account& account, int64_t prompt_tokens, TimePoint now);

/// One request that takes neither tokens nor a place: only the requests per minute.
std::expected<void, Refusal> enter_for_nothing(Account& account, TimePoint now);

/// Whether anything at all limits the key: a rate, parallel calls, a quota, a wallet.
bool is_limited(const Account& account);

/// What the limits of a key stand at, for the x-ratelimit headers; absent where there is no limit.
struct LimitState {
  struct One {
    int64_t limit = 0;
    int64_t remaining = 0;
    Duration reset{};
  };
  std::optional<One> requests;
  std::optional<One> tokens;
};
LimitState limit_state(const Account& account, TimePoint now);

/// What a lease is asked for.
struct Ask {
  int64_t prompt_tokens = 0;
  bool prompt_exact = false;
  /// The most output tokens that the answer may have: choices times limit.
  int64_t output_limit = 0;
  /// Output can be debited event by event: the lease begins with a part and grows.
  bool by_event = false;
  accounts::Price price{};
  int64_t day = Lease::kToday;  // of its budgets, as Lease has it
};

/// kInsufficientQuota when not even the prompt and one token can be paid for. Where the prompt is
/// only bounded and that is what decides, or what makes the grant smaller than asked for,
/// `needs_exact_prompt` is set and nothing is taken: count exactly and ask again.
struct Granted {
  Lease lease;
  /// Output tokens that are covered; for by_event the whole limit unless the balance is short.
  int64_t output = 0;
  bool needs_exact_prompt = false;
};
std::expected<Granted, Refusal> lease(Account& account, const Ask& ask);

}  // namespace sluice::quota
