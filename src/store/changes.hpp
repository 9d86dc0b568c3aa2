// What others have changed in a database that several gateways use.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/money.hpp"

namespace sluice::store {

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
  int64_t cursor = 0;  // what comes after these
  bool more = false;   // there already

  bool empty() const {
    return !all && !logins && !prices && !catalog && keys.empty() && users.empty() &&
           teams.empty() && wallets.empty() && used_keys.empty();
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
};
struct Figures {
  std::vector<WalletFigure> wallets;
  std::vector<KeyFigure> keys;
};

/// What settlements of this process have added to the books: charges, and what keys have used.
struct Carried {
  std::vector<WalletFigure> wallets;
  std::vector<KeyFigure> keys;
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
  /// What is not there is left out.
  virtual Status look(std::span<const int64_t> wallets, std::span<const int64_t> keys,
                      const std::function<void(const Figures&)>& take) = 0;
  /// Before settlements are made: `told` is called for those that have arrived in the books, each
  /// once, never during look().
  virtual void on_carried(std::function<void(const Carried&)> told) = 0;
};

}  // namespace sluice::store
