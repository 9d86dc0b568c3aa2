// Who may call, with what, at which price: the part of a snapshot that the database has a say in.
#pragma once

#include <cstdint>

#include "accounts/key_ring.hpp"
#include "accounts/price.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "quota/registry.hpp"
#include "store/database.hpp"

namespace sluice::relay {

struct Clients {
  accounts::KeyRing keys;
  accounts::PriceList prices;

  /// Of a key that is there; 0 is whoever calls without one. It is the registry's.
  quota::Account& account(int64_t key_id) const { return *keys.find(key_id)->account; }
};

/// Of the configuration and the database, side by side. Writes what is new in the configuration
/// (keys, users of theirs, prices) into the database. Blocks. kConfig, kLedgerUnavailable.
Result<Clients> load_clients(const config::Config& config, store::Database& database,
                             quota::Registry& registry);

/// Takes in a key of the database that was made or changed, before anybody else reads `clients`.
/// Blocks. kConfig, kLedgerUnavailable.
Status put_key(Clients& clients, const store::Key& key, const config::Config& config,
               store::Database& database, quota::Registry& registry);

/// Puts a version of a price into a list.
void set_price(accounts::PriceList& prices, const store::Rate& rate);

/// Of the configuration alone, with full quotas: for `sluice check` and for tests.
Result<Clients> clients_of_config(const config::Config& config, quota::Registry& registry);

}  // namespace sluice::relay
