// What the client libraries are told of a server's address, as SOCI passes it on.
#pragma once

#include <string>

#include "http/database_url.hpp"
#include "store/server/connect.hpp"

namespace sluice::store::server {

/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS. Holds the
/// password. `authorities` is the file with those that the system trusts, for sslmode=verify-full
/// without a file of its own; empty: there is none.
std::string postgresql_words(const http::DatabaseUrl& url, const std::string& authorities);

/// The same for MariaDB's library, which knows more options than SOCI does: they stand in "host".
std::string mysql_words(const http::DatabaseUrl& url, Patience patience);

/// Whether a MySQL connection that is not encrypted is none. MariaDB's library goes on in plain
/// text where the server has no TLS, unless it is to compare the server's name.
bool mysql_must_encrypt(const http::DatabaseUrl& url);

/// The file with the authorities that this system trusts; empty where none is found.
std::string system_authorities();

}  // namespace sluice::store::server
