// Who asks the management API.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace sluice::admin {

/// What a route asks of its caller.
enum class Access : uint8_t {
  kPublic,         // nothing
  kUser,           // to be logged in; it deals with what is the caller's own
  kAdministrator,  // an administrator, the admin token, or this machine's shell
};

struct Principal {
  enum class Kind : uint8_t { kNobody, kUser, kToken, kShell };

  Kind kind = Kind::kNobody;
  int64_t user_id = 0;  // of kUser
  std::string name;     // of kUser; of kShell "shell:UID"
  bool administrator = false;
  std::string session;  // of kUser: the login that it comes from
  std::string address;  // of the client, as trusted proxies tell it; empty for kShell
  /// Certainly from this machine: its shell, or a connection that neither a proxy nor a page in a
  /// browser stands behind.
  bool here = false;
  /// The client speaks TLS, to the gateway or to a trusted proxy.
  bool encrypted = false;
  std::string behind;  // the shell that asks as a user; empty: nobody

  bool may(Access access) const {
    switch (access) {
      case Access::kPublic:
        return true;
      case Access::kUser:
        return kind == Kind::kUser;
      case Access::kAdministrator:
        break;
    }
    return administrator;
  }
  /// As the ledger and the audit log name him.
  std::string actor() const {
    if (!behind.empty()) return behind + " for " + name;
    if (kind == Kind::kUser || kind == Kind::kShell) return name;
    return (kind == Kind::kToken ? "admin@" : "nobody@") + address;
  }
  /// Not over the network: may name files.
  bool local() const { return kind == Kind::kShell; }

  static Principal token(std::string address) {
    return {.kind = Kind::kToken,
            .user_id = 0,
            .name = {},
            .administrator = true,
            .session = {},
            .address = std::move(address),
            .here = false,
            .behind = {}};
  }
  static Principal shell(std::string name) {
    return {.kind = Kind::kShell,
            .user_id = 0,
            .name = std::move(name),
            .administrator = true,
            .session = {},
            .address = {},
            .here = true,
            .behind = {}};
  }
  /// A user, for whom the shell `behind` does what is his own.
  static Principal acting(int64_t user_id, std::string name, std::string behind) {
    return {.kind = Kind::kUser,
            .user_id = user_id,
            .name = std::move(name),
            .administrator = false,
            .session = {},
            .address = {},
            .here = true,
            .behind = std::move(behind)};
  }
};

/// Tells who a bearer token of a login is. Any thread; never blocks.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// `address` as in Principal. kUnauthenticated.
  virtual Result<Principal> authenticate(std::string_view token, std::string address) = 0;
};

}  // namespace sluice::admin
