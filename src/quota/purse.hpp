// Where a request's money comes from: a wallet, within what its key may spend, and what of a team's
// wallet one of its members may.
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
  /// What leaves less than is wanted.
  enum class Bound : uint8_t { kWallet, kKey, kMember };

  Purse() = default;
  /// `day` as Spending counts them.
  Purse(const Payer& payer, Spending& key, int64_t day)
      : payer_(&payer), key_(&key), key_periods_(key.enter(day)) {
    if (payer.member != nullptr) member_periods_ = payer.member->enter(day);
  }

  const Wallet* wallet() const { return payer_->wallet; }
  /// Nobody pays any more, not even what costs nothing.
  bool gone() const { return payer_->gone; }
  /// Without a bound everything is paid for.
  bool bounded() const {
    return payer_->wallet != nullptr || payer_->member != nullptr || payer_->gone ||
           (key_ != nullptr && key_->limited());
  }
  /// Never negative.
  int64_t available() const {
    return std::max<int64_t>(0, std::min({in_wallet(), for_key(), for_member()}));
  }
  Bound short_of(int64_t wanted) const {
    if (for_key() < wanted) return Bound::kKey;
    return for_member() < wanted ? Bound::kMember : Bound::kWallet;
  }
  /// Of kMember: which of its budgets.
  Spending::Cap members_cap(int64_t wanted) const {
    return payer_->member->short_of(member_periods_, wanted);
  }
  bool of_team() const { return payer_->member != nullptr; }

  /// As Balance::take(), from all or from none.
  int64_t take(int64_t wanted, int64_t least) {
    const int64_t paid = payer_->wallet ? payer_->wallet->balance.take(wanted, least) : wanted;
    if (paid == 0) return 0;
    int64_t taken = key_->take(key_periods_, paid, least);
    if (taken > 0 && payer_->member != nullptr) {
      const int64_t shared = payer_->member->take(member_periods_, taken, least);
      key_->add(key_periods_, taken - shared);
      taken = shared;
    }
    if (payer_->wallet != nullptr) payer_->wallet->balance.add(paid - taken);
    return taken;
  }
  /// Gives back, or (negative) takes whatever is there.
  void add(int64_t amount) {
    if (payer_->wallet != nullptr) payer_->wallet->balance.add(amount);
    if (key_ != nullptr) key_->add(key_periods_, amount);
    if (payer_->member != nullptr) payer_->member->add(member_periods_, amount);
  }

 private:
  static constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

  int64_t in_wallet() const {
    return payer_->wallet != nullptr ? payer_->wallet->balance.available() : kMost;
  }
  int64_t for_key() const { return key_ != nullptr ? key_->available(key_periods_) : kMost; }
  int64_t for_member() const {
    return payer_->member != nullptr ? payer_->member->available(member_periods_) : kMost;
  }

  const Payer* payer_ = &Payer::kNobody;
  Spending* key_ = nullptr;
  Spending::Periods key_periods_{};
  Spending::Periods member_periods_{};
};

}  // namespace sluice::quota
