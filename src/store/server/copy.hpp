// The books of a database server as a file, and back: the file is one of the embedded database, so
// it is a backup and the way from one kind of database to another.
#pragma once

#include <string>

#include "base/error.hpp"
#include "http/database_url.hpp"

namespace sluice::store::server {

/// Writes a new file, mode 0600, with all that the server has, as it is at one moment, and the
/// requests that run now according to `spool`. kLedgerUnavailable when the server cannot be read,
/// kIo when the file cannot be written; then what is left of it is the caller's to remove.
Status save(const http::DatabaseUrl& url, const std::string& spool, const std::string& file);

/// Puts what is in a sound file of the newest schema into a server whose database is empty; with it
/// go the requests that were open, into `spool`. kConfig when it is not empty. All or nothing.
Status load(const std::string& file, const http::DatabaseUrl& url, const std::string& spool);

}  // namespace sluice::store::server
