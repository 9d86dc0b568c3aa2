// Users and invitations, by administrators.
#include <fmt/format.h>

#include <algorithm>

#include "admin/identity.hpp"
#include "admin/person.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

/// By id where the segment is a number, else by name.
Result<store::User> user_of(const Call& call) {
  if (Status good = check_text(call.argument(), "id", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  store::Identities& identities = call.service.database().identities();
  const auto id = parse_u64(call.argument());
  auto found = id ? identities.user(static_cast<int64_t>(*id)) : identities.user(call.argument());
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(ErrorCode::kNotFound, "There is no such user.");
  return std::move(**found);
}

Answer answer_user(int status, const store::User& user) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("user");
  write_person(json, user);
  json.end_object();
  answer.headers.emplace_back("etag", etag_of(user.version));
  return answer;
}

/// Empty when the field is absent.
Result<std::string> role_of(const Fields& fields) {
  auto role = fields.text("role", kMaxName);
  if (role && !role->empty() && *role != "user" && *role != "administrator") {
    return fail(ErrorCode::kInvalidRequest, "role must be user or administrator", "role");
  }
  return role;
}

Result<Answer> list_users(const Call& call) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto after = call.query.number("cursor");
  if (!after) return std::unexpected(after.error());
  const auto prefix = call.query.text("name");
  if (!prefix) return std::unexpected(prefix.error());
  auto users = call.service.database().identities().users(*after, *limit + 1, *prefix);
  if (!users) return std::unexpected(users.error());
  const bool more = users->size() > static_cast<size_t>(*limit);
  if (more) users->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::User& user : *users) write_person(json, user);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(users->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> show_user(const Call& call) {
  const auto user = user_of(call);
  if (!user) return std::unexpected(user.error());
  return answer_user(200, *user);
}

Result<Answer> add_user(const Call& call) {
  Identity::Registration wanted;
  auto name = call.fields.required_text("username", kMaxName);
  if (!name) return std::unexpected(name.error());
  wanted.name = std::move(*name);
  auto email = checked_email(call.fields);
  if (!email) return std::unexpected(email.error());
  wanted.email = std::move(*email);
  auto password = call.fields.secret("password", Identity::kLongestPassword);
  if (!password) return std::unexpected(password.error());
  wanted.password = std::move(*password);
  const auto role = role_of(call.fields);
  if (!role) return std::unexpected(role.error());
  const auto made = call.service.identity().add(wanted, role->empty() ? "user" : *role);
  if (!made) return std::unexpected(made.error());
  if (const auto& tell = call.service.running().user_changed) tell(made->id);
  log::info("a user was added",
            {{"user", made->name}, {"role", made->role}, {"by", call.request.who.actor()}});
  return answer_user(201, *made);
}

Result<Answer> change_user(const Call& call) {
  auto user = user_of(call);
  if (!user) return std::unexpected(user.error());
  call.before = answer_user(200, *user).body;
  // A shell has read nothing before that it could be mistaken about.
  const std::string_view match = call.request.header("if-match");
  if (!call.request.who.local() || !match.empty()) {
    if (Status same = check_match(match, user->version); !same) {
      return std::unexpected(same.error());
    }
  }
  auto email = checked_email(call.fields);
  if (!email) return std::unexpected(email.error());
  if (call.fields.given("email")) user->email = std::move(*email);
  const auto role = role_of(call.fields);
  if (!role) return std::unexpected(role.error());
  const auto disabled = call.fields.flag("disabled");
  if (!disabled) return std::unexpected(disabled.error());
  bool ends_logins = false;
  const bool loses = (!role->empty() && *role != "administrator") || disabled->value_or(false);
  if (loses && user->id == call.request.who.user_id) {
    return fail(ErrorCode::kInvalidRequest,
                "You cannot take administration from yourself: another administrator can.", "role");
  }
  if (!role->empty() && *role != user->role) {
    user->role = *role;
    ends_logins = true;
  }
  if (*disabled && **disabled != user->disabled) {
    user->disabled = **disabled;
    ends_logins = true;
  }
  if (call.fields.has("password")) {
    const auto password = call.fields.secret("password", Identity::kLongestPassword);
    if (!password) return std::unexpected(password.error());
    auto hash = call.service.identity().hash(user->name, *password);
    if (!hash) return std::unexpected(hash.error());
    user->password_hash = std::move(*hash);
    ends_logins = true;
  }
  const auto changed = ends_logins ? call.service.identity().change(*user)
                                   : call.service.database().identities().change_user(*user);
  if (!changed) return std::unexpected(changed.error());
  if (const auto& tell = call.service.running().user_changed) tell(changed->id);
  log::info("a user was changed", {{"user", changed->name},
                                   {"role", changed->role},
                                   {"disabled", changed->disabled},
                                   {"by", call.request.who.actor()}});
  return answer_user(200, *changed);
}

void write_invite(json::Writer& json, const store::Invite& invite) {
  const auto time = [&](std::string_view name, const std::optional<int64_t>& at) {
    if (at) {
      json.member(name, rfc3339(*at * 1'000'000));
    } else {
      json.null_member(name);
    }
  };
  json.member("id", invite.id)
      .member("prefix", invite.prefix)
      .member("role", invite.role)
      .member("created_by", invite.created_by)
      .member("created_at", rfc3339(invite.created_at * 1'000'000));
  time("expires_at", invite.expires_at);
  time("used_at", invite.used_at);
  if (invite.used_by) {
    json.member("used_by", *invite.used_by);
  } else {
    json.null_member("used_by");
  }
}

Result<Answer> list_invites(const Call& call) {
  const auto invites = call.service.database().identities().invites();
  if (!invites) return std::unexpected(invites.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Invite& invite : *invites) {
    json.begin_object();
    write_invite(json, invite);
    json.end_object();
  }
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> add_invite(const Call& call) {
  const auto role = role_of(call.fields);
  if (!role) return std::unexpected(role.error());
  const auto expires_at = call.fields.time("expires_at");
  if (!expires_at) return std::unexpected(expires_at.error());
  const auto code = call.service.identity().make_code("inv_");
  if (!code) return std::unexpected(code.error());
  store::Invite invite;
  invite.digest = code->second;
  invite.prefix = code->first.substr(0, 8);
  if (!role->empty()) invite.role = *role;
  invite.created_by = call.request.who.actor();
  if (*expires_at) invite.expires_at = **expires_at * 1000;
  const auto made = call.service.database().identities().add_invite(invite);
  if (!made) return std::unexpected(made.error());
  Answer answer{.status = 201, .body = {}};
  json::Writer json(answer.body);
  json.begin_object();
  write_invite(json, *made);
  json.member("code", code->first).end_object();
  return answer;
}

Result<Answer> delete_invite(const Call& call) {
  const auto id = parse_u64(call.argument());
  if (!id) return fail(ErrorCode::kNotFound, "There is no such invitation.");
  const auto invites = call.service.database().identities().invites();
  if (!invites) return std::unexpected(invites.error());
  const auto invite = std::ranges::find(*invites, static_cast<int64_t>(*id), &store::Invite::id);
  if (invite != invites->end()) {
    json::Writer json(call.before);
    json.begin_object();
    write_invite(json, *invite);
    json.end_object();
  }
  if (Status done = call.service.database().identities().delete_invite(static_cast<int64_t>(*id));
      !done) {
    return std::unexpected(done.error());
  }
  Answer answer;
  json::Writer(answer.body).begin_object().member("deleted", true).end_object();
  return answer;
}

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Users of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
    {"name", FieldKind::kText, "Beginning of the name."},
};

constexpr Field kNewUser[] = {
    {"username", FieldKind::kText, "2 to 64 letters, digits and any of . _ - @ +", true},
    {"email", FieldKind::kText, "Where the user is written to."},
    {"password", FieldKind::kSecret, "At least 8 characters.", true},
    {"role", FieldKind::kText, "user or administrator; user when absent."},
};

constexpr Field kChange[] = {
    {"email", FieldKind::kText, "Where the user is written to."},
    {"password", FieldKind::kSecret, "A new one; ends all logins."},
    {"role", FieldKind::kText, "user or administrator; a change ends all logins."},
    {"disabled", FieldKind::kFlag, "Whether the user is kept out."},
};

constexpr Field kInvite[] = {
    {"role", FieldKind::kText, "Of who comes with it: user or administrator; user when absent."},
    {"expires_at", FieldKind::kTime, "Absent: never."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/users",
     .handle = list_users,
     .summary = "Users, in the order of their ids; those of a name in that of their names.",
     .query = kPage,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/admin/users",
     .handle = add_user,
     .summary = "Adds a user.",
     .body = kNewUser,
     .logins = true},
    {.method = "GET",
     .pattern = "/api/admin/users/{id}",
     .handle = show_user,
     .summary = "A user, by id or name.",
     .logins = true},
    {.method = "PATCH",
     .pattern = "/api/admin/users/{id}",
     .handle = change_user,
     .summary = "Changes a user.",
     .body = kChange,
     .logins = true},
    {.method = "GET",
     .pattern = "/api/admin/invites",
     .handle = list_invites,
     .summary = "Invitations, newest first.",
     .logins = true,
     .short_list = true},
    {.method = "POST",
     .pattern = "/api/admin/invites",
     .handle = add_invite,
     .summary = "Makes an invitation, whose code is shown once.",
     .body = kInvite,
     .logins = true},
    {.method = "DELETE",
     .pattern = "/api/admin/invites/{id}",
     .handle = delete_invite,
     .summary = "Deletes an invitation.",
     .logins = true},
};

}  // namespace

std::span<const Route> user_routes() { return kRoutes; }

}  // namespace sluice::admin
