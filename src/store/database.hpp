// The database: opened, locked to this process, migrated. SQLite in a file, or a PostgreSQL or
// MySQL server with a SQLite file in front of it for what must be durable at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/time_zone.hpp"
#include "store/audit.hpp"
#include "store/catalog.hpp"
#include "store/changes.hpp"
#include "store/codes.hpp"
#include "store/identities.hpp"
#include "store/keys.hpp"
#include "store/ledger.hpp"
#include "store/prices.hpp"
#include "store/records.hpp"
#include "store/rollups.hpp"
#include "store/teams.hpp"

namespace sluice::store {

enum class Durability : uint8_t { kProcess, kPower };

struct Options {
  std::string url;       // "sqlite:PATH" or that of a server; {data_dir} already replaced
  std::string data_dir;  // made if it is not there, mode 0700
  Durability durability = Durability::kProcess;
  size_t pool = 8;      // connections to a server at most
  std::string spool{};  // the file in front of a server; empty: spool.db in data_dir
};

/// All functions block and belong on the blocking pool or a command's main thread; any thread may
/// call them. kLedgerUnavailable when the database cannot be read or written now.
class Database {
 public:
  /// Locks data_dir (kConfig, naming the process that holds it, when another has it), opens,
  /// migrates, settles the leases that a dead process left open, and starts the writer.
  static Result<std::unique_ptr<Database>> open(const Options& options);
  virtual ~Database() = default;

  /// The writer. Lives as long as this; the destructor writes what is queued.
  virtual Ledger& ledger() = 0;
  /// Settlements that are durable here and have not been carried to the server.
  virtual size_t uncarried() const { return 0; }
  /// How many open leases open() settled.
  virtual size_t recovered() const = 0;
  /// Under which keys are hashed; made once and kept in the database.
  virtual std::string key_secret() = 0;

  /// Users as they log in. Lives as long as this.
  virtual Identities& identities() = 0;
  /// Providers and routing that stand here. Lives as long as this.
  virtual Catalog& catalog() = 0;
  /// Who has changed what. Lives as long as this.
  virtual Audit& audit() = 0;
  /// Redemption codes. Lives as long as this.
  virtual Codes& codes() = 0;
  /// Teams with a wallet. Lives as long as this.
  virtual Teams& teams() = 0;
  /// What other gateways have changed. Lives as long as this; null where there can be none, since
  /// the database is embedded.
  virtual Changes* changes() { return nullptr; }
  /// API keys. Lives as long as this.
  virtual Keys& api_keys() = 0;

  // Users and wallets. A user that is not there is made together with a wallet of 0.
  virtual Result<Wallet> ensure_wallet(std::string_view user) = 0;
  /// The same, but makes none for a top-up that post() would refuse: kInvalidRequest where its
  /// idempotency key is taken.
  virtual Result<Wallet> ensure_wallet_for(std::string_view user,
                                           std::string_view idempotency_key) = 0;
  virtual Result<Wallet> wallet(std::string_view user) = 0;  // kNotFound
  /// Of a user or a team. kNotFound.
  virtual Result<Wallet> wallet_of(int64_t user_id) = 0;
  virtual Result<std::vector<Wallet>> wallets() = 0;
  /// An entry that was posted, or that the same idempotency key had posted before.
  struct Posted {
    Transaction entry;
    bool repeated = false;
  };
  /// Durable against power loss. The same idempotency key again returns the first entry as
  /// repeated and changes nothing; with another wallet or amount it is kInvalidRequest. Overflow
  /// is kInvalidRequest.
  virtual Result<Posted> post(std::string_view user, std::string_view kind, Money amount,
                              std::string_view reason, std::string_view idempotency_key,
                              std::string_view actor) = 0;
  /// What a list returns at most, whatever its limit: a page of 1000, and one more that tells
  /// whether there are others.
  static constexpr int kMostListed = 1001;
  virtual Result<std::vector<Transaction>> transactions(int64_t wallet_id, int64_t before_id,
                                                        int limit) = 0;
  /// Recomputes every balance and every key's used tokens from the entries.
  struct Difference {
    std::string what;  // "wallet of alice", "key demo"
    std::string kept;
    std::string recomputed;
  };
  virtual Result<std::vector<Difference>> verify() = 0;
  /// The same for the balance of one wallet.
  virtual Result<std::vector<Difference>> verify_wallet(int64_t wallet_id) = 0;

  // Keys.
  virtual Result<std::vector<Key>> keys() = 0;
  /// Of the configuration: found by digest or made; name, quota and limits become the given ones,
  /// used_tokens stay.
  virtual Result<Key> ensure_configured_key(const Key& key) = 0;
  virtual Result<Key> create_key(const Key& key) = 0;
  virtual Status delete_key(int64_t id) = 0;

  // Prices. A rate that differs from the model's latest becomes a new version, valid from now.
  virtual Result<Rate> ensure_rate(const Rate& rate) = 0;
  /// All of prices. Lives as long as this.
  virtual Prices& prices() = 0;

  // What upstreams' reports have taught (tokens::Calibration).
  struct Factor {
    std::string model;
    double factor = 1.0;
    int64_t samples = 0;
  };
  virtual Result<std::vector<Factor>> factors() = 0;
  virtual Status keep_factors(std::span<const Factor> factors) = 0;

  // Usage, newest first.
  struct UsageFilter {
    std::string key_name{}, user{}, model{}, provider{};  // empty: any; model: as it was asked for
    int64_t user_id = 0;                                  // 0: any
    int64_t from = 0;                                     // Unix ms, inclusive
    int64_t to = INT64_MAX;                               // exclusive
    std::string before_id{};                              // cursor: rows older than this one
    int limit = 50;
  };
  virtual Result<std::vector<Settlement>> usage(const UsageFilter& filter) = 0;
  virtual Result<std::optional<Settlement>> usage_row(std::string_view id) = 0;
  /// The ledger's entry of a row; nullopt where nothing was charged.
  virtual Result<std::optional<Transaction>> charge_of(std::string_view usage_id) = 0;
  enum class UsageBy : uint8_t { kDay, kModel, kKey, kUser, kProvider };
  struct UsageSum {
    std::vector<std::string> groups;  // as what they were asked by; a day is 2026-01-31
    int64_t requests = 0;
    int64_t failed = 0;  // that did not end as they should
    TokenCounts tokens;
    Money cost;
    Money upstream_cost{};
  };
  /// Sums in the order of their groups, from the roll-ups and from the rows that are not in them
  /// yet; rows that have been purged are in them, too, but for the parts of a quarter of an hour at
  /// the ends of the filter's time. Days are those of `zone`. kInvalidRequest when there are more
  /// than kMostGroups. The filter's limit and before_id mean nothing.
  static constexpr size_t kMostGroups = 10'000;
  virtual Result<std::vector<UsageSum>> usage_summary(std::span<const UsageBy> by,
                                                      const UsageFilter& filter,
                                                      const TimeZone& zone = {}) = 0;
  /// What keeps the sums. Lives as long as this.
  virtual Rollups& rollups() = 0;

  /// A consistent copy while everything runs, mode 0600: a file of the embedded database, whatever
  /// the database itself is. An existing file is replaced only when the copy is whole.
  virtual Status backup(const std::string& file) = 0;
  /// Into a data_dir that no process holds, and into a server only where its database is empty.
  /// Checks that FILE is a sound database of ours first.
  static Status restore(const Options& options, const std::string& file);
  /// Brings the schema up to date, which open() does as well; the version that it is then.
  static Result<int> migrate(const Options& options);
};

}  // namespace sluice::store
