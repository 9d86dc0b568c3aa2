// Who may call, with what, at which price: the part of a snapshot that the database has a say in.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "accounts/key_ring.hpp"
#include "accounts/price.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "quota/registry.hpp"
#include "store/database.hpp"

namespace sluice::relay {

struct Clients {
  accounts::KeyRing keys;
  /// By key id; 0 is whoever calls without a key. They are the registry's.
  std::unordered_map<int64_t, quota::Account*> accounts;
  accounts::PriceList prices;

  quota::Account& account(int64_t key_id) const { return *accounts.at(key_id); }
};

/// Of the configuration and the database, side by side. Writes what is new in the configuration
/// (keys, users of theirs, prices) into the database. Blocks. kConfig, kLedgerUnavailable.
Result<Clients> load_clients(const config::Config& config, store::Database& database,
                             quota::Registry& registry);

/// Of the configuration alone, with full quotas: for `sluice check` and for tests.
Result<Clients> clients_of_config(const config::Config& config, quota::Registry& registry);

}  // namespace sluice::relay
