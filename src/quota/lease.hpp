// A part of a key's tokens and of a wallet's money that belongs to one request.
#pragma once

#include <cstdint>
#include <limits>

#include "accounts/price.hpp"
#include "base/money.hpp"
#include "quota/account.hpp"
#include "quota/purse.hpp"

namespace sluice::quota {

/// First output tokens of a stream, and what a lease that runs low grows by.
inline constexpr int64_t kLeaseStep = 256;
/// A lease grows when it covers less than this beyond what has been used.
inline constexpr int64_t kLeaseLow = 64;

/// Used on one loop; the account and its wallet outlive it, and it stays with the wallet that the
/// account had when it began. What was not settled is given back by the destructor. An account
/// without quota and wallet makes leases that cover everything, and so does no account.
class Lease {
 public:
  enum class Held : uint8_t {
    kAll,
    kPart,
    kNoTokens,
    kNoMoney,
    kNoTeamMoney,  // a team's wallet is empty
    kNoBudget,     // of the key
    kNoMemberDay,  // a member's budget in the team
    kNoMemberWeek,
    kNoMemberMonth,
    kNoPayer,  // who paid does so no more
  };
  static bool refused(Held held) { return held >= Held::kNoTokens; }
  /// The present day.
  static constexpr int64_t kToday = INT64_MIN;

  Lease() = default;
  /// Holds nothing yet. It never grows ahead of need beyond `output_limit`. All that it takes
  /// counts in the budgets of `day`, counted from 1970-01-01 (UTC).
  Lease(Account& account, const accounts::Price& price, int64_t output_limit, int64_t day = kToday);
  Lease(Lease&& other) noexcept { swap(other); }
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { settle(0, {}); }

  /// Phase one: takes what the prompt and `wanted` output tokens may cost, or what is there if it
  /// is enough for `least` of them. Tokens and money or neither.
  Held take(int64_t prompt_tokens, int64_t wanted, int64_t least);
  /// Whether take() would refuse now, without touching anything: kAll or why.
  Held look(int64_t prompt_tokens, int64_t least) const;
  /// Output tokens that are covered beside the prompt of the last take() or cover().
  int64_t output() const { return output_; }

  /// Before tokens are relayed: true when the lease holds this much in all, after growing if it
  /// has to; grows ahead of need when it runs low. False: it cannot, and nothing may be relayed.
  bool cover(int64_t prompt_tokens, int64_t output_tokens) {
    if (output_tokens <= easy_output_ && prompt_tokens <= easy_prompt_) return true;
    return grow(prompt_tokens, output_tokens);
  }

  /// Phase two, Consume: takes the actual tokens and cost, whatever the lease holds, and gives
  /// the rest back. Once; later calls do nothing. Nothing is covered afterwards.
  void settle(int64_t tokens, Money cost);

  bool bounded() const { return takes_tokens_ || takes_money_; }
  /// What it holds, or held when it was settled.
  int64_t tokens() const { return tokens_; }
  Money money() const { return money_; }
  /// Whose money it takes; null: nobody's. What it costs counts for the key all the same.
  const Wallet* wallet() const { return purse_.wallet(); }
  /// Times that it grew.
  int grown() const { return grown_; }

 private:
  friend class LeasePeer;  // of the tests

  void swap(Lease& other) noexcept;
  /// take() after its look: what it saw may be gone. kAll also when it got a part.
  Held take_now(int64_t prompt, int64_t wanted, int64_t least);
  bool grow(int64_t prompt_tokens, int64_t output_tokens);
  /// Why there is less money than this.
  Held short_of(int64_t nanos) const;
  void set_easy(int64_t prompt_tokens, int64_t output_tokens);
  int64_t held_output(int64_t prompt_tokens) const;

  // cover() up to here needs neither arithmetic nor a look at the balances.
  int64_t easy_output_ = std::numeric_limits<int64_t>::max();
  int64_t easy_prompt_ = std::numeric_limits<int64_t>::max();
  Account* account_ = nullptr;
  Purse purse_;
  accounts::Price price_;
  int64_t output_limit_ = 0;
  int64_t tokens_ = 0;
  Money money_;
  int64_t output_ = 0;
  int grown_ = 0;
  bool takes_tokens_ = false;
  bool takes_money_ = false;
  bool settled_ = false;
};

}  // namespace sluice::quota
