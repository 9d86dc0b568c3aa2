// The schema of a database server, brought up to date.
#pragma once

#include "base/error.hpp"
#include "http/database_url.hpp"
#include "store/soci.hpp"

namespace sluice::store::server {

/// Applies what is missing; processes that do so at the same time wait for each other. With
/// PostgreSQL all of it or nothing; MySQL commits after each statement, and goes on from there the
/// next time. kConfig when the database is newer than this binary, or is none of ours;
/// kLedgerUnavailable when it cannot be reached.
Status migrate(const http::DatabaseUrl& url);

/// The newest version that this binary knows of, which is the same for both servers.
int latest_version();

}  // namespace sluice::store::server
