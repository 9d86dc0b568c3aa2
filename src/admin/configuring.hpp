// What the routes that change the configuration share.
#pragma once

#include "admin/effective_config.hpp"
#include "admin/person.hpp"
#include "admin/routes.hpp"

namespace sluice::admin {

/// Of a route that `configures`, which is not reached without it.
inline EffectiveConfig& effective(const Call& call) { return *call.service.running().effective; }

/// kPreconditionFailed; a shell has read nothing before that it could be mistaken about.
inline Status check_match(const Call& call, int64_t version) {
  const std::string_view match = call.request.header("if-match");
  if (call.request.who.local() && match.empty()) return {};
  return check_match(match, version);
}

}  // namespace sluice::admin
