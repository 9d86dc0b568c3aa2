// One connection to a database server.
#pragma once

#include <memory>

#include "base/error.hpp"
#include "http/database_url.hpp"
#include "store/dialect.hpp"
#include "store/soci.hpp"

namespace sluice::store::server {

Server server_of(const http::DatabaseUrl& url);

/// What a connection is for: a statement of kQuick is cut off after kStatementSeconds, one of
/// kLong never.
enum class Patience : uint8_t { kQuick, kLong };
inline constexpr int kStatementSeconds = 60;

/// kLedgerUnavailable with what the server, or the way to it, said; kConfig when the server is
/// there and lets nobody in with this address; never the password. Blocks for some seconds at most
/// where nobody answers.
Result<std::unique_ptr<soci::session>> connect(const http::DatabaseUrl& url, Patience patience);

/// MariaDB and MySQL differ here and there.
bool is_mariadb(soci::session& mysql);

}  // namespace sluice::store::server
