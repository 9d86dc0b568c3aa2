// Where recorded requests would go now, and where with a draft of other rules.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "relay/snapshot.hpp"
#include "store/database.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::api {

struct Tables {
  const relay::Snapshot& live;
  const relay::Snapshot* draft = nullptr;  // null: there is none
};

/// Rows of the usage log, newest first, told by dialect and model: how many, who answered them,
/// who is asked first by each table, and whether the draft changes that. `body` is
/// `{from?, to?, limit?}`; limit counts requests, 1000 when absent, 10000 at most. Blocks on the
/// database. kInvalidRequest, kLedgerUnavailable.
Result<std::string> explain_traffic(store::Database& database, workers::Dispatcher& dispatcher,
                                    const Tables& tables, std::string_view body);

}  // namespace sluice::api
