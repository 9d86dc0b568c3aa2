// Whose settlements a spool holds. Carried to another database they would be charged to whoever has
// the same ids there.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sluice::store::server {

/// Notes in the spool that it belongs to the database with this key_secret, as 64 digits. kConfig
/// when it holds something of another one.
Status claim_spool(const std::string& file, std::string_view secret);

}  // namespace sluice::store::server
