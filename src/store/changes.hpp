// What others have changed in a database that several gateways use.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/money.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// Somebody for whose requests another's wallet pays: a member of the team whose wallet it is.
struct PaidFor {
  int64_t wallet_id = 0;
  int64_t user_id = 0;
  auto operator<=>(const PaidFor&) const = default;
};

/// Ids of what was made, changed or deleted; each once, in ascending order.
struct News {
  bool all = false;  // anything may have changed, and nothing else here counts
  bool logins = false;
  bool prices = false;
  bool catalog = false;
  std::vector<int64_t> keys;
  std::vector<int64_t> users;
  std::vector<int64_t> teams;
  // Somebody has posted to, or another gateway has settled.
  std::vector<int64_t> wallets;
  std::vector<int64_t> used_keys;
  std::vector<PaidFor> members;
  int64_t cursor = 0;  // what comes after these
  bool more = false;   // there already

  bool empty() const {
    return !all && !logins && !prices && !catalog && keys.empty() && users.empty() &&
           teams.empty() && wallets.empty() && used_keys.empty() && members.empty();
  }
};

/// What the books have come to.
struct WalletFigure {
  int64_t id = 0;
  int64_t user_id = 0;
  Money balance;
};
struct KeyFigure {
  int64_t id = 0;
  int64_t used_tokens = 0;
  Money used_money;
  Spent spent{};
};
struct MemberFigure {
  int64_t id = 0;  // of the membership
  Spent spent;
};
struct Figures {
  std::vector<WalletFigure> wallets;
  std::vector<KeyFigure> keys;
  std::vector<MemberFigure> members{};
  std::vector<int64_t> left{};  // memberships that were looked for and are there no more
};

/// What settlements of this process have added to the books.
struct Carried {
  struct Charge {
    PaidFor paid;        // 0: no wallet, or nobody
    int64_t key_id = 0;  // 0: none
    int64_t tokens = 0;
    Money cost;
    int64_t day = 0;  // that it counts for, as Spent has it
  };
  std::vector<Charge> charges;
  /// Some of them may have been in the books before this is told: look at them again.
  bool uncertain = false;
};

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now. docs/decisions/0011-hearing-of-changes.md says why it is as it is.
class Changes {
 public:
  virtual ~Changes() = default;

  /// The cursor of what comes from now on: taken before what news are to be of is read.
  virtual Result<int64_t> now() = 0;
  /// What has been committed since, but for settlements of this process. One row is read where
  /// there is nothing.
  virtual Result<News> since(int64_t cursor) = 0;
  /// Forgets what is up to there: who has not read it has to read everything.
  virtual Status forget(int64_t cursor) = 0;

  /// `take` gets what the books say, while no settlement of this process is on its way into them.
  /// Wallets and keys that are not there are left out.
  virtual Status look(std::span<const int64_t> wallets, std::span<const int64_t> keys,
                      std::span<const int64_t> memberships,
                      const std::function<void(const Figures&)>& take) = 0;
  /// Before settlements are made: `told` is called for those that have arrived in the books, each
  /// once, never during look().
  virtual void on_carried(std::function<void(const Carried&)> told) = 0;
};

}  // namespace sluice::store
