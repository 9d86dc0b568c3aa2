#include "admin/person.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/cidr.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"

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

Status check_name(std::string_view name, std::string_view field) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto allowed = [&](char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("._-@+").contains(c);
  };
  if (name.size() < 2 || name.size() > 64 || !std::ranges::all_of(name, allowed)) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("A {} has 2 to 64 letters, digits and any of . _ - @ +", field),
                std::string(field));
  }
  // As the ledger and the audit log name the gateway, and who has not logged in.
  const size_t at = name.find('@');
  const std::string_view who = name.substr(0, at);
  const bool address = at != std::string_view::npos && IpAddress::parse(name.substr(at + 1));
  if (name == "gateway" || (address && (who == "admin" || who == "nobody"))) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("This {} is the gateway's own.", field),
                std::string(field));
  }
  // Else it could be taken for an id.
  if (std::ranges::all_of(name, digit)) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("A {} must not be a number.", field),
                std::string(field));
  }
  return {};
}

Result<std::string> checked_email(const Fields& fields) {
  auto email = fields.text("email", kMaxEmail);
  if (!email || email->empty()) return email;
  const size_t at = email->find('@');
  if (at == 0 || at == std::string::npos || at + 1 == email->size() || email->contains(' ') ||
      (!email->starts_with('"') && email->find('@', at + 1) != std::string::npos)) {
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
  const std::string etag = etag_of(version);
  for (std::string_view rest = if_match; !rest.empty();) {
    const size_t end = std::min(rest.find(','), rest.size());
    const std::string_view each = trim(rest.substr(0, end));
    if (each == etag || each == "*") return {};
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(ErrorCode::kPreconditionFailed, "it has changed since it was read");
}

}  // namespace sluice::admin
