// What users see and change of themselves.
#include "admin/identity.hpp"
#include "admin/person.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

Result<store::User> me_of(const Call& call) {
  auto found = call.service.database().identities().user(call.request.who.user_id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(ErrorCode::kUnauthenticated, "The account is gone.");
  return std::move(**found);
}

Answer answer_me(const store::User& user) {
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("user");
  write_person(json, user);
  json.key("permissions").begin_array();
  for (const std::string_view each : {"keys", "usage", "wallet"}) json.string(each);
  if (user.administrator()) json.string("admin");
  json.end_array().end_object();
  answer.headers.emplace_back("etag", etag_of(user.version));
  return answer;
}

Result<Answer> show_me(const Call& call) {
  const auto user = me_of(call);
  if (!user) return std::unexpected(user.error());
  return answer_me(*user);
}

Result<Answer> change_me(const Call& call) {
  auto user = me_of(call);
  if (!user) return std::unexpected(user.error());
  if (Status same = check_match(call.request.header("if-match"), user->version); !same) {
    return std::unexpected(same.error());
  }
  call.before = answer_me(*user).body;
  auto email = checked_email(call.fields);
  if (!email) return std::unexpected(email.error());
  if (call.fields.given("email")) user->email = std::move(*email);
  const auto changed = call.service.database().identities().change_user(*user);
  if (!changed) return std::unexpected(changed.error());
  return answer_me(*changed);
}

Result<Answer> change_password(const Call& call) {
  const auto old_password = call.fields.secret("old_password", 1024);
  if (!old_password) return std::unexpected(old_password.error());
  const auto new_password = call.fields.secret("new_password", Identity::kLongestPassword);
  if (!new_password) return std::unexpected(new_password.error());
  const Principal& who = call.request.who;
  if (Status done = call.service.identity().change_password(who.user_id, *old_password,
                                                            *new_password, who.session);
      !done) {
    Error error = done.error();
    if (error.code == ErrorCode::kInvalidCredentials) {
      error.message = "The old password is wrong.";
      error.param = "old_password";
    } else if (error.param == "password") {
      error.param = "new_password";
    }
    return std::unexpected(std::move(error));
  }
  Answer answer;
  json::Writer(answer.body).begin_object().member("changed", true).end_object();
  return answer;
}

Result<Answer> list_sessions(const Call& call) {
  const Principal& who = call.request.who;
  const auto logins =
      call.service.database().identities().logins(who.user_id, wall_nanos() / 1'000'000);
  if (!logins) return std::unexpected(logins.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Login& login : *logins) {
    json.begin_object()
        .member("id", login.id)
        .member("current", login.id == who.session)
        .member("console", login.console)
        .member("address", login.address)
        .member("user_agent", login.user_agent)
        .member("created_at", rfc3339(login.created_at * 1'000'000))
        .member("last_used_at", rfc3339(login.last_used_at * 1'000'000))
        .member("expires_at", rfc3339(login.expires_at * 1'000'000))
        .end_object();
  }
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> end_session(const Call& call) {
  if (Status good = check_text(call.argument(), "id", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  if (Status ended = call.service.identity().end_login(call.argument(), call.request.who.user_id);
      !ended) {
    return std::unexpected(ended.error());
  }
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", call.argument())
      .member("ended", true)
      .end_object();
  return answer;
}

Result<Answer> end_other_sessions(const Call& call) {
  const Principal& who = call.request.who;
  const auto ended = call.service.identity().end_others(who.user_id, who.session);
  if (!ended) return std::unexpected(ended.error());
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("ended", static_cast<int64_t>(*ended))
      .end_object();
  return answer;
}

constexpr Field kMe[] = {{"email", FieldKind::kText, "Where you are written to."}};

constexpr Field kPassword[] = {
    {"old_password", FieldKind::kSecret, "The present one.", true},
    {"new_password", FieldKind::kSecret, "At least 8 characters.", true},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/me",
     .access = Access::kUser,
     .handle = show_me,
     .summary = "Who has logged in, and what he may do.",
     .logins = true},
    {.method = "PATCH",
     .pattern = "/api/me",
     .access = Access::kUser,
     .handle = change_me,
     .summary = "Changes what is told of oneself.",
     .body = kMe,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/me/password",
     .access = Access::kUser,
     .handle = change_password,
     .summary = "Changes the password, and ends all other logins.",
     .body = kPassword,
     .logins = true},
    {.method = "GET",
     .pattern = "/api/sessions",
     .access = Access::kUser,
     .handle = list_sessions,
     .summary = "Logins that have not ended.",
     .logins = true,
     .short_list = true},
    {.method = "DELETE",
     .pattern = "/api/sessions",
     .access = Access::kUser,
     .handle = end_other_sessions,
     .summary = "Ends all logins but this one.",
     .logins = true},
    {.method = "DELETE",
     .pattern = "/api/sessions/{id}",
     .access = Access::kUser,
     .handle = end_session,
     .summary = "Ends a login.",
     .logins = true},
};

}  // namespace

std::span<const Route> me_routes() { return kRoutes; }

}  // namespace sluice::admin
