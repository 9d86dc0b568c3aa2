// The configuration that holds: the file with what stands in the database beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "admin/provider_secrets.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "config/load.hpp"
#include "config/settings.hpp"
#include "crypto/sealer.hpp"
#include "store/catalog.hpp"

namespace sluice::admin {

/// Thread-safe; everything blocks on the database.
///
/// A row that cannot hold, such as one that somebody has written by hand, is left out and said to
/// be so; a change through here that would make any row such a one is refused.
class EffectiveConfig {
 public:
  using Kind = config::Addition::Kind;
  using Rows = store::CatalogRows;

  struct Standing {
    bool shadowed = false;      // by one in the file
    bool default_lost = false;  // to one in the file
    std::string problem;        // why it is left out
    std::string field;          // the one at fault, if that is known
  };
  struct State {
    config::ConfigPtr file;    // without the database
    config::ConfigPtr config;  // with it
    Rows rows;
    std::map<std::pair<Kind, int64_t>, Standing> standings;
    std::vector<config::Addition> additions;  // that hold

    const Standing& standing(Kind kind, int64_t id) const;
  };
  using StatePtr = std::shared_ptr<const State>;
  /// Puts a configuration in force; `file_read`: more than what the database adds may be new.
  using Publish = std::function<Status(const config::ConfigPtr&, bool file_read)>;

  /// Reads both; what stands in the database as plain text is encrypted. `catalog` outlives it.
  static Result<std::unique_ptr<EffectiveConfig>> open(store::Catalog& catalog,
                                                       crypto::Sealer sealer,
                                                       config::LoadOptions options);
  /// That of a data_dir, or of database.secret_key.
  static Result<crypto::Sealer> sealer_of(const config::Config& config);

  /// From now on; before that nothing is told.
  void on_change(Publish publish);
  StatePtr state() const;
  /// Logs which rows are left out; on a change that is done without being asked for.
  void tell_problems() const;
  /// Reads the file and the database again. On an error what was in force stays.
  Status reload();
  /// Reads the database again, and puts what it adds in force if that has changed. On an error what
  /// was in force stays.
  Status reread_rows();
  Result<std::vector<config::Setting>> settings() const;

  /// What `edit` makes of the rows must hold; then `write` puts it into the database, and it is in
  /// force. What is new has the id kNew.
  static constexpr int64_t kNew = INT64_MAX;
  Status change(const std::function<Status(Rows&)>& edit, const std::function<Status()>& write);

  /// What `edit` makes of the rows as a configuration that nobody uses. It must hold, too.
  Result<config::ConfigPtr> try_out(const std::function<Status(Rows&)>& edit);

  const ProviderSecrets& secrets() const { return secrets_; }

 private:
  EffectiveConfig(store::Catalog& catalog, crypto::Sealer sealer, config::LoadOptions options)
      : catalog_(catalog), secrets_(std::move(sealer)), options_(std::move(options)) {}

  Result<Rows> read_rows();
  /// Under changes_.
  Result<StatePtr> edited(const std::function<Status(Rows&)>& edit);
  Result<StatePtr> evaluate(const config::Document& document, Rows rows) const;
  Result<config::Addition> addition_of(const store::ProviderRow& provider) const;
  Status use(StatePtr next, bool file_read);

  store::Catalog& catalog_;
  const ProviderSecrets secrets_;
  const config::LoadOptions options_;
  mutable std::mutex changes_;  // one after the other, from reading to publishing
  config::Document document_;
  Publish publish_;
  mutable std::mutex mutex_;  // of state_
  StatePtr state_;
};

}  // namespace sluice::admin
