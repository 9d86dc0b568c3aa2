#include "quota/registry.hpp"

namespace sluice::quota {

namespace {

int64_t difference(int64_t a, int64_t b) {
  int64_t out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return a > b ? INT64_MAX : INT64_MIN;
}

}  // namespace

Account& Registry::account(const store::Key& key, const Limits& limits, Wallet* wallet) {
  const std::scoped_lock lock(mutex_);
  Known& known = accounts_[key.id];
  const int64_t granted = key.quota_tokens.value_or(0);
  if (!known.account) {
    known.account = std::make_unique<Account>(key.id);
    known.account->tokens().add(difference(granted, key.used_tokens));
  } else {
    known.account->tokens().add(difference(granted, known.granted));
  }
  known.granted = granted;
  known.account->set_has_quota(key.quota_tokens.has_value());
  known.account->set_limits(limits);
  known.account->set_wallet(wallet);
  const bool limited = key.quota_money || key.budget_day || key.budget_week || key.budget_month;
  if (known.spending) {
    known.spending->set_limits(key);
  } else if (limited) {
    known.spending = std::make_unique<Spending>(key);
    known.account->set_spending(known.spending.get());
  }
  return *known.account;
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
  std::unique_ptr<Wallet>& known = wallets_[stored.id];
  if (!known) {
    known.reset(new Wallet{
        .id = stored.id, .user_id = stored.user_id, .balance = Balance(stored.balance.nanos)});
  }
  return *known;
}

Wallet* Registry::find_wallet(int64_t id) {
  const std::scoped_lock lock(mutex_);
  const auto known = wallets_.find(id);
  return known == wallets_.end() ? nullptr : known->second.get();
}

}  // namespace sluice::quota
