// Sections under the names that they have in configuration files written for other gateways:
//
//   http:  { addr: ":8081", readTimeout: 30s, writeTimeout: 120s }
//   mysql: { host, port, user, password, database, charset, maxIdle, maxOpen }
//   auth:  { jwtSecret }
#pragma once

#include "config/document.hpp"
#include "config/value.hpp"

namespace sluice::config {

/// Says the same in the names of options(), which go over these where both stand there. An empty
/// mysql.password is DB_PASSWORD. Each name is warned of. To be called before the environment and
/// the command line are put in.
void apply_older_names(Node& root, const Lookup& environment, Problems& problems);

}  // namespace sluice::config
