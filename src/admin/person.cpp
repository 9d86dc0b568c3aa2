#include "admin/person.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"

namespace sluice::admin {

namespace {
constexpr size_t kMaxEmail = 254;
}

void write_person(json::Writer& json, const store::User& user) {
  json.begin_object()
      .member("id", user.id)
      .member("username", user.name)
      .member("email", user.email)
      .member("role", user.role)
      .member("disabled", user.disabled)
      .member("can_log_in", !user.password_hash.empty() && !user.disabled)
      .member("created_at", rfc3339(user.created_at * 1'000'000));
  if (user.last_login_at) {
    json.member("last_login_at", rfc3339(*user.last_login_at * 1'000'000));
  } else {
    json.null_member("last_login_at");
  }
  json.end_object();
}

Result<std::string> checked_email(const Fields& fields) {
  auto email = fields.text("email", kMaxEmail);
  if (!email || email->empty()) return email;
  const size_t at = email->find('@');
  if (at == 0 || at == std::string::npos || at + 1 == email->size() || email->contains(' ')) {
    return fail(ErrorCode::kInvalidRequest, "email is no address", "email");
  }
  return email;
}

std::string etag_of(int64_t version) { return fmt::format("\"{}\"", version); }

Status check_match(std::string_view if_match, int64_t version) {
  if (if_match.empty()) {
    return fail(
        ErrorCode::kPreconditionFailed,
        "send If-Match with the ETag of what you have read, so that nobody's change is lost");
  }
  if (if_match != etag_of(version) && if_match != "*") {
    return fail(ErrorCode::kPreconditionFailed, "it has changed since it was read");
  }
  return {};
}

}  // namespace sluice::admin
