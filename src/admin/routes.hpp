// The routes of the management API: what each takes, who may call it, and what answers. From the
// same declarations come checking, `sluice`'s commands and the OpenAPI document.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/input.hpp"
#include "admin/principal.hpp"
#include "admin/service.hpp"

namespace sluice::admin {

/// A request whose route is known, whose caller may make it, and whose fields are known ones.
struct Call {
  Service& service;
  const Request& request;
  Fields fields;  // of the body
  Query query;
  std::vector<std::string> arguments;  // the path's variable segments, decoded
  /// JSON of what is about to change, for the audit log; a handler that knows it sets it.
  mutable std::string before = {};

  const std::string& argument() const { return arguments.front(); }
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/api/keys/{id}"
  Access access = Access::kAdministrator;
  Result<Answer> (*handle)(const Call& call);
  std::string_view summary;
  std::span<const Field> body = {};
  std::span<const Field> query = {};
  bool logins = false;         // deals with users who log in
  bool takes_long = false;     // grows with the database, and may take minutes
  bool configures = false;     // deals with the configuration of a gateway that runs
  bool asks_upstream = false;  // waits for somebody outside
  bool audited = true;         // unless it only reads
  bool short_list = false;     // answers its list whole; pages of it are made behind it
};

/// All of them.
std::span<const Route> all_routes();

// By what they are about; each beside its handlers.
std::span<const Route> all_team_routes();
std::span<const Route> audit_routes();
std::span<const Route> auth_routes();
std::span<const Route> backup_routes();
std::span<const Route> code_routes();
std::span<const Route> key_routes();
std::span<const Route> me_routes();
std::span<const Route> own_wallet_routes();
std::span<const Route> openapi_routes();
std::span<const Route> own_key_routes();
std::span<const Route> price_routes();
std::span<const Route> provider_key_routes();
std::span<const Route> provider_probe_routes();
std::span<const Route> provider_routes();
std::span<const Route> routing_routes();
std::span<const Route> setting_routes();
std::span<const Route> team_routes();
std::span<const Route> usage_routes();
std::span<const Route> usage_sum_routes();
std::span<const Route> user_routes();
std::span<const Route> wallet_routes();

}  // namespace sluice::admin
