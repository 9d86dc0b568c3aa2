// What the ledger's writer writes: one group, one transaction.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "store/records.hpp"
#include "store/spent_sums.hpp"
#include "store/sqlite/checkpointer.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/file.hpp"

namespace sluice::store::sqlite {

/// Used by one thread at a time.
class Settler {
 public:
  struct Entry {
    const Settlement* settlement = nullptr;
    bool has_lease = false;  // its open mark has been written
  };
  struct Mark {
    std::string_view id;
    const LeaseOpened* opened = nullptr;      // nullptr: is written already
    const LeaseProgress* progress = nullptr;  // nullptr: none yet
  };
  enum class Outcome : uint8_t {
    kWritten,
    kBadRow,       // something in the group can never be written
    kUnavailable,  // nothing can be written now
  };

  /// What a settlement changes: the books, or only the file from which it is carried to a server.
  enum class Scope : uint8_t { kBooks, kSpool };

  /// Takes a connection whose schema is current; `file` and `power` as in Options.
  static Result<Settler> open(const std::string& file, bool power, WalLimits limits = {},
                              Scope scope = Scope::kBooks);

  /// All or nothing. Entries that are in the database already change nothing.
  Outcome write(std::span<const Entry> entries, std::span<const Mark> marks);
  /// Keeps a settlement that write() alone calls a bad row, `why` it is one, and forgets its
  /// lease. kBadRow when there are too many already.
  Outcome bury(const Entry& entry, std::string_view why);
  /// Whether writing works, tried on a row that means nothing.
  Outcome probe();
  /// To be called after each commit, so that the WAL stays small: has it moved into the database
  /// by the checkpointer's thread, and moves here only the little that must be.
  void checkpoint();
  /// How often it was moved here, and on the other thread.
  struct Checkpoints {
    uint64_t here = 0;
    uint64_t beside = 0;
  };
  Checkpoints checkpoints() const { return {checkpointed_, checkpointer_->count()}; }

  /// Why the last of these did not write.
  const std::string& failure() const { return failure_; }
  Connection& connection() { return connection_; }

  /// Dead letters that are kept at most.
  static constexpr int64_t kMostBuried = 10'000;

 private:
  enum Sql : uint8_t {
    kBegin,
    kCommit,
    kInsertUsage,
    kSelectWallet,
    kUpdateWallet,
    kInsertTransaction,
    kUpdateKey,
    kUpdateMember,
    kInsertLease,
    kUpdateLease,
    kDeleteLease,
    kCountBuried,
    kBury,
    kProbe,
    kSqlCount,
  };
  struct WalletSum {
    int64_t amount = 0;   // of this group
    int64_t balance = 0;  // after the entries written so far
    int64_t owner = 0;    // a user or a team
  };

  /// Of tables that a spool does not have.
  static bool is_of_books(size_t sql);
  Outcome write_marks(std::span<const Mark> marks);
  Outcome write_usage(std::span<const Entry> entries);
  Outcome insert_usage(const Settlement& settlement, bool& added);
  Outcome write_balances();
  Outcome write_sums();
  Outcome write_transactions();
  Outcome delete_leases(std::span<const Entry> entries);
  Outcome begin();
  Outcome finish(Outcome outcome);
  Outcome outcome_of(int code);
  Outcome bad_row(std::string why);

  Scope scope_ = Scope::kBooks;
  FileIdentity file_;
  std::unique_ptr<Checkpointer> checkpointer_;  // the connection's hook tells it
  uint64_t checkpointed_ = 0;
  Connection connection_;  // before the statements, which must go first
  std::array<Statement, kSqlCount> sql_;
  std::vector<const Settlement*> charges_;  // of this group, in their order
  std::unordered_map<int64_t, WalletSum> wallets_;
  KeySums keys_;
  MemberSums members_;
  std::string failure_;
};

/// All of a settlement as one JSON object.
std::string to_json(const Settlement& settlement);

}  // namespace sluice::store::sqlite
