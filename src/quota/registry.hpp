// The accounts and wallets of the process, by id. They outlive every reload: what is running keeps
// its numbers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "quota/account.hpp"
#include "quota/spending.hpp"
#include "store/changes.hpp"
#include "store/keys.hpp"
#include "store/records.hpp"
#include "store/teams.hpp"

namespace sluice::quota {

/// Any thread; not for the request path, which holds pointers. Accounts and wallets live as long
/// as the registry.
class Registry {
 public:
  /// The account of a key as the database has it. A new one starts with quota - used, and with the
  /// budgets less what has been spent; of a known one the limits are replaced, and its tokens
  /// change by the difference of the granted quota. `payer` is the registry's or a constant.
  Account& account(const store::Key& key, const Limits& limits, const Payer& payer);
  /// `wallet` pays with all that it has; null: nobody pays.
  Account& account(const store::Key& key, const Limits& limits, Wallet* wallet) {
    return account(key, limits, wallet != nullptr ? wallet->owner : Payer::kNobody);
  }

  /// What a member of a team may spend of its wallet, as the database has it. A new one starts with
  /// the budgets less what has been spent; of a known one the budgets are replaced.
  const Payer& share(const store::Member& member, Wallet& wallet);
  /// New budgets of a share, where it is known.
  void set_budgets(const store::Member& member);
  /// The member has left: of what runs nothing more is paid than it holds.
  void close_share(int64_t membership);

  /// The wallet as the database has it. A known one keeps its own figure.
  Wallet& wallet(const store::Wallet& stored);
  /// nullptr when it is not known.
  Wallet* find_wallet(int64_t id);

  // Where several gateways use one database. What is kept here is what the books said last, less
  // what this gateway has done since; these two keep it so.
  /// What the books say now, and nothing of this process is on its way there: what others have
  /// posted or used since is added or taken here as well, and memberships that are there no more
  /// are closed. Ids that are not known mean nothing.
  void observe(const store::Figures& figures);
  /// Settlements of this process have arrived in the books.
  void booked(const store::Carried& carried);

  /// The ids of all that are known.
  std::vector<int64_t> wallets();
  std::vector<int64_t> accounts();
  /// Those that have not been closed: all, of these members, of these teams.
  std::vector<int64_t> memberships();
  std::vector<int64_t> memberships_of(std::span<const store::PaidFor> members);
  std::vector<int64_t> memberships_in(std::span<const int64_t> teams);

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
    int64_t booked_tokens = 0;  // used, as the books said last
    int64_t booked_nanos = 0;
    store::Spent booked_spent;
  };
  struct KnownWallet {
    std::unique_ptr<Wallet> wallet;
    int64_t booked = 0;  // the balance, as the books said last
  };
  struct Share {
    Share(const store::Member& member, Wallet& wallet)
        : spending(member),
          payer{.wallet = &wallet, .member = &spending, .membership = member.id},
          booked(member.spent) {}

    Spending spending;
    const Payer payer;
    store::Spent booked;  // as the books said last
    bool closed = false;
  };
  /// With the mutex held.
  void close(int64_t membership);
  /// `wanted` says of which shares.
  template <typename Wanted>
  std::vector<int64_t> open_memberships(Wanted wanted);

  std::mutex mutex_;
  std::unordered_map<int64_t, Known> accounts_;
  std::unordered_map<int64_t, KnownWallet> wallets_;
  std::unordered_map<int64_t, std::unique_ptr<Share>> shares_;  // by membership
  std::map<store::PaidFor, Share*> members_;                    // the newest membership of each
  Account anonymous_{0};
};

}  // namespace sluice::quota
