// What the audit log remembers of a request.
#pragma once

#include <string>
#include <string_view>

#include "admin/routes.hpp"
#include "store/audit.hpp"

namespace sluice::admin {

/// JSON with "***" in place of what could be a secret, by the names of members at any depth. Empty
/// for what is no JSON.
std::string without_secrets(std::string_view json);

/// A change that has succeeded.
store::AuditEntry audit_entry(const Route& route, const Call& call, const Answer& answer);
/// A change that was made beside the services. `after` is JSON.
store::AuditEntry audit_entry(const Principal& who, std::string action, std::string_view subject,
                              std::string_view after);
/// A login that was refused.
store::AuditEntry failed_login(const Call& call);

}  // namespace sluice::admin
