// The address of a database server: postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTIONS, and the
// same with mysql.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace sluice::http {

struct DatabaseUrl {
  enum class Kind : uint8_t { kPostgresql, kMysql };

  Kind kind = Kind::kPostgresql;
  std::string host;  // empty where the options name a Unix socket
  uint16_t port = 0;
  std::string user;  // may be empty for PostgreSQL: then the system's user
  Secret password;
  std::string name;
  std::vector<std::pair<std::string, std::string>> options;  // known ones only

  /// The value of an option; empty when it is not given.
  std::string_view option(std::string_view key) const;
  /// For logs and messages: without the password and the options.
  std::string shown() const;
};

/// True for a scheme of a database server, whatever follows it.
bool is_database_server(std::string_view text);

/// kConfig; since a badly written password can be anywhere in it, the message repeats nothing of
/// `text` but the names of options. postgres:// and mariadb:// are taken, too.
Result<DatabaseUrl> parse_database_url(std::string_view text);

/// The address of a MySQL server, with what is not plain percent-encoded.
std::string mysql_url(std::string_view host, std::string_view port, std::string_view user,
                      std::string_view password, std::string_view name);

}  // namespace sluice::http
