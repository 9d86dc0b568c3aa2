// The accounts and wallets of the process, by id. They outlive every reload: what is running keeps
// its numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "quota/account.hpp"
#include "store/records.hpp"

namespace sluice::quota {

/// Any thread; not for the request path, which holds pointers. Accounts and wallets live as long
/// as the registry.
class Registry {
 public:
  /// The account of a key as the database has it. A new one starts with quota - used; of a known
  /// one the limits are replaced, and its tokens change by the difference of the granted quota.
  Account& account(const store::Key& key, const Limits& limits, Wallet* wallet);

  /// The wallet as the database has it. A known one keeps its own figure.
  Wallet& wallet(const store::Wallet& stored);
  /// nullptr when it is not known.
  Wallet* find_wallet(int64_t id);

  /// For calls without a key (auth.enabled: false): no limits, no quota.
  Account& anonymous() { return anonymous_; }

 private:
  struct Known {
    std::unique_ptr<Account> account;
    int64_t granted = 0;
  };
  std::mutex mutex_;
  std::unordered_map<int64_t, Known> accounts_;
  std::unordered_map<int64_t, std::unique_ptr<Wallet>> wallets_;
  Account anonymous_{0};
};

}  // namespace sluice::quota
