// What the management API shows of a user.
#pragma once

#include <string>
#include <string_view>

#include "admin/input.hpp"
#include "json/writer.hpp"
#include "store/identities.hpp"

namespace sluice::admin {

/// Without anything secret.
void write_person(json::Writer& json, const store::User& user);

/// Of a user or a team, who share one list of names. kInvalidRequest, naming `field`.
Status check_name(std::string_view name, std::string_view field);

/// The field `email`: absent, or something that could be one. kInvalidRequest.
Result<std::string> checked_email(const Fields& fields);

/// A quoted version, as ETag and If-Match have it.
std::string etag_of(int64_t version);
/// kPreconditionFailed when `if_match` is absent or another version.
Status check_match(std::string_view if_match, int64_t version);

}  // namespace sluice::admin
