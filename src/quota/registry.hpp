// The accounts and wallets of the process, by id. They outlive every reload: what is running keeps
// its numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "quota/account.hpp"
#include "quota/spending.hpp"
#include "store/keys.hpp"
#include "store/records.hpp"

namespace sluice::quota {

/// Any thread; not for the request path, which holds pointers. Accounts and wallets live as long
/// as the registry.
class Registry {
 public:
  /// The account of a key as the database has it. A new one starts with quota - used, and with the
  /// budgets less what has been spent; of a known one the limits are replaced, and its tokens
  /// change by the difference of the granted quota.
  Account& account(const store::Key& key, const Limits& limits, Wallet* wallet);

  /// The wallet as the database has it. A known one keeps its own figure.
  Wallet& wallet(const store::Wallet& stored);
  /// nullptr when it is not known.
  Wallet* find_wallet(int64_t id);

  /// The keys that were let in since it was last asked, with their times. `wall_ms` is the Unix
  /// time of `now`.
  std::vector<store::Keys::Used> take_used(TimePoint now, int64_t wall_ms);

  /// For calls without a key (auth.enabled: false): no limits, no quota.
  Account& anonymous() { return anonymous_; }

 private:
  struct Known {
    std::unique_ptr<Account> account;
    int64_t granted = 0;
    int64_t told_used = 0;
    std::unique_ptr<Spending> spending;  // once it has a limit in money
  };
  std::mutex mutex_;
  std::unordered_map<int64_t, Known> accounts_;
  std::unordered_map<int64_t, std::unique_ptr<Wallet>> wallets_;
  Account anonymous_{0};
};

}  // namespace sluice::quota
