// Where a request's money comes from: a wallet, within what its key may spend.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "quota/account.hpp"
#include "quota/spending.hpp"

namespace sluice::quota {

/// Points to what outlives it. What is taken counts in the periods in which it was made.
class Purse {
 public:
  Purse() = default;
  /// `day` as Spending counts them.
  Purse(Wallet* wallet, Spending* spending, int64_t day) : wallet_(wallet), spending_(spending) {
    if (spending_ != nullptr) periods_ = spending_->enter(day);
  }

  const Wallet* wallet() const { return wallet_; }
  /// Without either everything is paid for.
  bool bounded() const { return wallet_ != nullptr || spending_ != nullptr; }
  /// Never negative.
  int64_t available() const { return std::max<int64_t>(0, std::min(in_wallet(), allowed())); }
  /// It is the key's limits that leave less than `wanted`.
  bool held_back(int64_t wanted) const { return allowed() < wanted; }

  /// As Balance::take(), from all or from none.
  int64_t take(int64_t wanted, int64_t least) {
    const int64_t paid = wallet_ != nullptr ? wallet_->balance.take(wanted, least) : wanted;
    if (spending_ == nullptr || paid == 0) return paid;
    const int64_t taken = spending_->take(periods_, paid, least);
    if (wallet_ != nullptr) wallet_->balance.add(paid - taken);
    return taken;
  }
  /// Gives back, or (negative) takes whatever is there.
  void add(int64_t amount) {
    if (wallet_ != nullptr) wallet_->balance.add(amount);
    if (spending_ != nullptr) spending_->add(periods_, amount);
  }

 private:
  static constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

  int64_t in_wallet() const { return wallet_ != nullptr ? wallet_->balance.available() : kMost; }
  int64_t allowed() const { return spending_ != nullptr ? spending_->available(periods_) : kMost; }

  Wallet* wallet_ = nullptr;
  Spending* spending_ = nullptr;
  Spending::Periods periods_{};
};

}  // namespace sluice::quota
