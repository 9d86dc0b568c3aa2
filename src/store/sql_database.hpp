// The database of SQL, embedded or behind a server: what its parts in users.cpp, keys.cpp,
// rates.cpp, usage.cpp, verify.cpp and backup.cpp share.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/database_url.hpp"
#include "store/data_dir.hpp"
#include "store/database.hpp"
#include "store/server/carrier.hpp"
#include "store/sessions.hpp"
#include "store/sqlite/settler.hpp"
#include "store/write_turn.hpp"
#include "store/writer.hpp"

namespace sluice::store {

class SqlDatabase final : public Database {
 public:
  static Result<std::unique_ptr<Database>> open(const Options& options);

  Ledger& ledger() override { return *ledger_; }
  size_t uncarried() const override { return carrier_ ? carrier_->waiting() : 0; }
  size_t recovered() const override { return recovered_; }
  std::string key_secret() override { return key_secret_; }
  Identities& identities() override { return *identities_; }
  Catalog& catalog() override { return *catalog_; }
  Audit& audit() override { return *audit_; }
  Codes& codes() override { return *codes_; }
  Teams& teams() override { return *teams_; }
  Changes* changes() override { return changes_.get(); }
  Keys& api_keys() override { return *keys_; }

  Result<Wallet> ensure_wallet(std::string_view user) override;
  Result<Wallet> ensure_wallet_for(std::string_view user,
                                   std::string_view idempotency_key) override;
  Result<Wallet> wallet(std::string_view user) override;
  Result<Wallet> wallet_of(int64_t user_id) override;
  Result<std::vector<Wallet>> wallets() override;
  Result<Posted> post(std::string_view user, std::string_view kind, Money amount,
                      std::string_view reason, std::string_view idempotency_key,
                      std::string_view actor) override;
  Result<std::vector<Transaction>> transactions(int64_t wallet_id, int64_t before_id,
                                                int limit) override;
  Result<std::vector<Difference>> verify() override;
  Result<std::vector<Difference>> verify_wallet(int64_t wallet_id) override;

  Result<std::vector<Key>> keys() override;
  Result<Key> ensure_configured_key(const Key& key) override;
  Result<Key> create_key(const Key& key) override;
  Status delete_key(int64_t id) override;

  Result<Rate> ensure_rate(const Rate& rate) override;
  Prices& prices() override { return *prices_; }
  Result<std::vector<Factor>> factors() override;
  Status keep_factors(std::span<const Factor> factors) override;

  Result<std::vector<Settlement>> usage(const UsageFilter& filter) override;
  Result<std::optional<Settlement>> usage_row(std::string_view id) override;
  Result<std::optional<Transaction>> charge_of(std::string_view usage_id) override;
  Result<std::vector<UsageSum>> usage_summary(std::span<const UsageBy> by,
                                              const UsageFilter& filter,
                                              const TimeZone& zone) override;
  Rollups& rollups() override { return *rollups_; }

  Status backup(const std::string& file) override;

 private:
  SqlDatabase() = default;
  Status open_embedded();
  Status open_server(const Options& options, http::DatabaseUrl url);
  Status begin_ledger(const Options& options);

  // In this order: the writer goes first, then who carries what it has written, the locks last.
  std::vector<DirLock> locks_;
  std::string file_;  // the database, or the spool in front of a server
  std::string key_secret_;
  size_t recovered_ = 0;
  WriteTurn turn_;  // of file_
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<Identities> identities_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Audit> audit_;
  std::unique_ptr<Codes> codes_;
  std::unique_ptr<Teams> teams_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<Prices> prices_;
  std::unique_ptr<Rollups> rollups_;
  std::unique_ptr<Sessions> spool_;  // none where the database is embedded
  std::unique_ptr<sqlite::Settler> settler_;
  std::unique_ptr<server::Carrier> carrier_;  // the same
  std::unique_ptr<Changes> changes_;          // the same
  std::unique_ptr<LedgerWriter> ledger_;
};

/// Where a database is, as the options say.
struct Place {
  std::string file;  // the database, or the spool in front of a server
  std::optional<http::DatabaseUrl> server;

  /// kConfig when the URL is not sound.
  static Result<Place> of(const Options& options);
};

/// How long other work waits for what was settled before it to arrive at a server.
inline constexpr std::chrono::seconds kArrival{1};

/// The locks that make a database this process's own: on data_dir and, where it lies elsewhere,
/// on the database's folder.
Result<std::vector<DirLock>> lock_for(const Options& options, const std::string& file);

/// Settles what a dead process left open in a file, at its last marks; how many there were.
Result<size_t> recover(Sessions& books, Sessions& file, sqlite::Settler& settler);

inline int64_t unix_ms() { return wall_nanos() / 1'000'000; }

}  // namespace sluice::store
