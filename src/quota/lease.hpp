// A part of a key's tokens and of a wallet's money that belongs to one request.
#pragma once

#include <cstdint>
#include <utility>

#include "accounts/price.hpp"
#include "base/money.hpp"
#include "quota/account.hpp"

namespace sluice::quota {

/// First output tokens of a stream, and what a lease that runs low grows by.
inline constexpr int64_t kLeaseStep = 256;
/// A lease grows when it covers less than this beyond what has been used.
inline constexpr int64_t kLeaseLow = 64;

/// Used on one loop. What was not settled is given back by the destructor. An account without
/// quota and wallet makes leases that cover everything.
class Lease {
 public:
  Lease() = default;
  Lease(Account& account, const accounts::Price& price, int64_t tokens, Money money);
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

  /// Before tokens are relayed: true when the lease holds this much in all, after growing if it
  /// has to; grows ahead of need when it runs low. False: it cannot, and nothing may be relayed.
  bool cover(int64_t prompt_tokens, int64_t output_tokens);

  /// Phase two, Consume: takes the actual tokens and cost, whatever the lease holds, and gives
  /// the rest back. Once; later calls do nothing.
  void settle(int64_t tokens, Money cost);

  bool bounded() const { return account_ != nullptr; }
  int64_t tokens() const { return tokens_; }
  Money money() const { return money_; }
  /// Times that it grew.
  int grown() const { return grown_; }

 private:
  bool grow(int64_t prompt_tokens, int64_t output_tokens);

  Account* account_ = nullptr;
  accounts::Price price_;
  int64_t tokens_ = 0;
  Money money_;
  /// cover() up to here needs no arithmetic of prices.
  int64_t covered_output_ = 0;
  int64_t covered_prompt_ = 0;
  int grown_ = 0;
};

}  // namespace sluice::quota
