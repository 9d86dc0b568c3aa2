// A consistent copy of a database that is in use.
#pragma once

#include <string>

#include "base/error.hpp"
#include "store/sqlite/connection.hpp"

namespace sluice::store::sqlite {

/// Writes a new file, mode 0600, that is a whole database by itself and has been checked. Writers
/// go on meanwhile. kLedgerUnavailable when `source` cannot be read, kIo when the file cannot be
/// written; then what is left of it is the caller's to remove.
Status copy(Connection& source, const std::string& file);

}  // namespace sluice::store::sqlite
