#include "quota/registry.hpp"

#include "base/calendar.hpp"
#include "base/clock.hpp"

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
  const int64_t today = day_of(wall_nanos() / 1'000'000);
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
    // Others spent it within the last second or so: in the present day, or close to its border.
    const int64_t back = difference(known.booked_nanos, each.used_money.nanos);
    Spending& spending = known.account->spending();
    spending.add(spending.enter(today), back);
    if (Spending* const member = known.account->payer().member) {
      member->add(member->enter(today), back);
    }
    known.booked_tokens = each.used_tokens;
    known.booked_nanos = each.used_money.nanos;
  }
}

void Registry::booked(const store::Carried& carried) {
  const std::scoped_lock lock(mutex_);
  for (const store::WalletFigure& each : carried.wallets) {
    const auto known = wallets_.find(each.id);
    if (known == wallets_.end()) continue;
    known->second.booked = difference(known->second.booked, each.balance.nanos);
  }
  for (const store::KeyFigure& each : carried.keys) {
    const auto known = accounts_.find(each.id);
    if (known == accounts_.end()) continue;
    known->second.booked_tokens = difference(known->second.booked_tokens, -each.used_tokens);
    known->second.booked_nanos = difference(known->second.booked_nanos, -each.used_money.nanos);
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
  const auto known = shares_.find(membership);
  if (known != shares_.end()) known->second->spending.close();
}

Wallet* Registry::find_wallet(int64_t id) {
  const std::scoped_lock lock(mutex_);
  const auto known = wallets_.find(id);
  return known == wallets_.end() ? nullptr : known->second.wallet.get();
}

}  // namespace sluice::quota
