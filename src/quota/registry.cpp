#include "quota/registry.hpp"

#include <algorithm>

#include "store/spent_sums.hpp"

namespace sluice::quota {

namespace {

int64_t difference(int64_t a, int64_t b) {
  int64_t out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return a > b ? INT64_MAX : INT64_MIN;
}

}  // namespace

Account& Registry::account(const store::Key& key, const Limits& limits, const Payer& payer) {
  const std::scoped_lock lock(mutex_);
  Known& known = accounts_[key.id];
  const int64_t granted = key.quota_tokens.value_or(0);
  if (!known.account) {
    known.account = std::make_unique<Account>(key.id);
    known.account->tokens().add(difference(granted, key.used_tokens));
    known.account->spending().start(key.used_money, key.spent);
    known.booked_tokens = key.used_tokens;
    known.booked_nanos = key.used_money.nanos;
    known.booked_spent = key.spent;
  } else {
    known.account->tokens().add(difference(granted, known.granted));
  }
  known.granted = granted;
  known.account->set_has_quota(key.quota_tokens.has_value());
  known.account->set_limits(limits);
  known.account->spending().set_limits(key);
  known.account->set_payer(payer);
  return *known.account;
}

void Registry::observe(const store::Figures& figures) {
  const std::scoped_lock lock(mutex_);
  for (const store::WalletFigure& each : figures.wallets) {
    const auto known = wallets_.find(each.id);
    if (known == wallets_.end()) continue;
    known->second.wallet->balance.add(difference(each.balance.nanos, known->second.booked));
    known->second.booked = each.balance.nanos;
  }
  for (const store::KeyFigure& each : figures.keys) {
    const auto found = accounts_.find(each.id);
    if (found == accounts_.end()) continue;
    Known& known = found->second;
    known.account->tokens().add(difference(known.booked_tokens, each.used_tokens));
    known.account->spending().correct(known.booked_spent, each.spent,
                                      difference(each.used_money.nanos, known.booked_nanos));
    known.booked_tokens = each.used_tokens;
    known.booked_nanos = each.used_money.nanos;
    known.booked_spent = each.spent;
  }
  for (const store::MemberFigure& each : figures.members) {
    const auto found = shares_.find(each.id);
    if (found == shares_.end()) continue;
    Share& share = *found->second;
    share.spending.correct(share.booked, each.spent, 0);
    share.booked = each.spent;
  }
  for (const int64_t id : figures.left) close(id);
}

void Registry::booked(const store::Carried& carried) {
  const std::scoped_lock lock(mutex_);
  for (const store::Carried::Charge& each : carried.charges) {
    if (const auto known = wallets_.find(each.paid.wallet_id); known != wallets_.end()) {
      known->second.booked = difference(known->second.booked, each.cost.nanos);
    }
    if (const auto found = accounts_.find(each.key_id); found != accounts_.end()) {
      Known& known = found->second;
      known.booked_tokens = difference(known.booked_tokens, -each.tokens);
      known.booked_nanos = difference(known.booked_nanos, -each.cost.nanos);
      // As the books do: what has used nothing begins no day.
      if (each.tokens != 0 || !each.cost.is_zero()) {
        store::add_spent(known.booked_spent, each.day, each.cost.nanos);
      }
    }
    if (const auto share = members_.find(each.paid);
        share != members_.end() && !each.cost.is_zero()) {
      store::add_spent(share->second->booked, each.day, each.cost.nanos);
    }
  }
}

std::vector<int64_t> Registry::wallets() {
  const std::scoped_lock lock(mutex_);
  std::vector<int64_t> ids;
  for (const auto& [id, known] : wallets_) ids.push_back(id);
  return ids;
}

std::vector<int64_t> Registry::accounts() {
  const std::scoped_lock lock(mutex_);
  std::vector<int64_t> ids;
  for (const auto& [id, known] : accounts_) ids.push_back(id);
  return ids;
}

template <typename Wanted>
std::vector<int64_t> Registry::open_memberships(Wanted wanted) {
  const std::scoped_lock lock(mutex_);
  std::vector<int64_t> ids;
  for (const auto& [id, share] : shares_) {
    if (!share->closed && wanted(*share)) ids.push_back(id);
  }
  return ids;
}

std::vector<int64_t> Registry::memberships() {
  return open_memberships([](const Share&) { return true; });
}

std::vector<int64_t> Registry::memberships_in(std::span<const int64_t> teams) {
  return open_memberships([&](const Share& share) {
    return std::ranges::find(teams, share.payer.wallet->user_id) != teams.end();
  });
}

std::vector<int64_t> Registry::memberships_of(std::span<const store::PaidFor> members) {
  const std::scoped_lock lock(mutex_);
  std::vector<int64_t> ids;
  for (const store::PaidFor& each : members) {
    const auto found = members_.find(each);
    if (found == members_.end() || found->second->closed) continue;
    ids.push_back(found->second->payer.membership);
  }
  return ids;
}

std::vector<store::Keys::Used> Registry::take_used(TimePoint now, int64_t wall_ms) {
  const int64_t at = now.time_since_epoch().count();
  std::vector<store::Keys::Used> used;
  const std::scoped_lock lock(mutex_);
  for (auto& [id, known] : accounts_) {
    const int64_t last = known.account->used_at();
    if (last <= known.told_used) continue;
    known.told_used = last;
    used.push_back({id, wall_ms - (at - last) / 1'000'000});
  }
  return used;
}

Wallet& Registry::wallet(const store::Wallet& stored) {
  const std::scoped_lock lock(mutex_);
  KnownWallet& known = wallets_[stored.id];
  if (!known.wallet) {
    known.wallet.reset(new Wallet{
        .id = stored.id, .user_id = stored.user_id, .balance = Balance(stored.balance.nanos)});
    known.booked = stored.balance.nanos;
  }
  return *known.wallet;
}

const Payer& Registry::share(const store::Member& member, Wallet& wallet) {
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<Share>& known = shares_[member.id];
  if (known) {
    known->spending.set_limits(member.budgets);
  } else {
    known = std::make_unique<Share>(member, wallet);
    members_[{wallet.id, member.user_id}] = known.get();
  }
  return known->payer;
}

void Registry::set_budgets(const store::Member& member) {
  const std::scoped_lock lock(mutex_);
  const auto known = shares_.find(member.id);
  if (known != shares_.end()) known->second->spending.set_limits(member.budgets);
}

void Registry::close_share(int64_t membership) {
  const std::scoped_lock lock(mutex_);
  close(membership);
}

void Registry::close(int64_t membership) {
  const auto known = shares_.find(membership);
  if (known == shares_.end()) return;
  known->second->closed = true;
  known->second->spending.close();
}

Wallet* Registry::find_wallet(int64_t id) {
  const std::scoped_lock lock(mutex_);
  const auto known = wallets_.find(id);
  return known == wallets_.end() ? nullptr : known->second.wallet.get();
}

}  // namespace sluice::quota
