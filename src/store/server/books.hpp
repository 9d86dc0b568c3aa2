// What settlements change in the books of a database server.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/dialect.hpp"
#include "store/records.hpp"
#include "store/soci.hpp"

namespace sluice::store::server {

/// Settlements that can never be written: thrown, and nothing of theirs may be committed.
struct BadRow {
  std::string why;
};

/// In a transaction of the caller's, its last. Those that are there already change nothing. Other
/// gateways are told of them by `origin`. Throws BadRow, and what SOCI throws.
void settle(soci::session& sql, const Dialect& dialect, std::span<const Settlement> settlements,
            const std::string& origin);

/// Keeps a settlement that settle() alone refuses, once. Throws BadRow when there are too many
/// already.
void bury(soci::session& sql, const Settlement& settlement, std::string_view why);

}  // namespace sluice::store::server
