// Clients of the database that were changed, read anew: these and no others.
#pragma once

#include <cstdint>
#include <span>

#include "relay/clients.hpp"

namespace sluice::relay {

// Before anybody else reads `clients`. They block, and write nothing into the database. Ids of what
// is there no more are fine. kConfig, kLedgerUnavailable.

/// Keys with their accounts; those that are gone are unknown from then on.
Status reread_keys(Clients& clients, std::span<const int64_t> ids, const config::Config& config,
                   store::Database& database, quota::Registry& registry);

/// All keys of these users.
Status reread_keys_of(Clients& clients, std::span<const int64_t> users,
                      const config::Config& config, store::Database& database,
                      quota::Registry& registry);

/// Whether users are disabled, and whose prices they get.
Status reread_users(Clients& clients, std::span<const int64_t> ids, store::Database& database);

/// All prices as the database has them.
Status reread_prices(Clients& clients, store::Database& database);

/// The budgets of members whose team pays for their keys.
Status reread_budgets(store::Database& database, quota::Registry& registry);

}  // namespace sluice::relay
