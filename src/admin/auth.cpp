// Registering, logging in and out.
#include "admin/identity.hpp"
#include "admin/person.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "config/config.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

constexpr std::string_view kCookie = "sluice_refresh";

/// The refresh token that the browser keeps; empty when there is none.
std::string_view refresh_token(const Request& request) {
  std::string_view cookies = request.header("cookie");
  while (!cookies.empty()) {
    const size_t end = std::min(cookies.find(';'), cookies.size());
    const std::string_view pair = trim(cookies.substr(0, end));
    if (pair.starts_with(kCookie) && pair.substr(kCookie.size()).starts_with('=')) {
      return pair.substr(kCookie.size() + 1);
    }
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
  }
  return {};
}

void set_cookie(Answer& answer, const Principal& who, std::string_view token) {
  std::string cookie = std::string(kCookie) + '=' + std::string(token);
  cookie += "; Path=/api/auth; HttpOnly; SameSite=Strict; Max-Age=";
  cookie += token.empty() ? "0" : std::to_string(Identity::kLoginDays * 86'400);
  if (who.encrypted) cookie += "; Secure";
  answer.headers.emplace_back("set-cookie", std::move(cookie));
}

Answer answer_tokens(const Principal& who, const Identity::Tokens& tokens) {
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object()
      .member("token", tokens.access)
      .member("expires_at", rfc3339_of_seconds(tokens.expires_at))
      .key("user");
  write_person(json, tokens.user);
  json.end_object();
  set_cookie(answer, who, tokens.refresh);
  return answer;
}

Identity::Client client_of(const Request& request) {
  return {.address = request.who.address,
          .user_agent = std::string(request.header("user-agent")),
          .console = iequals(request.header("x-sluice-client"), "console")};
}

Answer told_to_wait(Duration wait, std::string message) {
  Answer answer;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  answer.headers.emplace_back("retry-after", std::to_string(seconds));
  answer.refused =
      Error{.code = ErrorCode::kRateLimitExceeded, .message = std::move(message), .param = {}};
  return answer;
}

Result<Answer> boot(const Call& call) {
  Identity& identity = call.service.identity();
  const auto first = identity.first_run();
  if (!first) return std::unexpected(first.error());
  const std::string_view modes[] = {"open", "invite", "closed"};
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("version", call.service.running().version)
      .member("registration", modes[static_cast<size_t>(identity.registration())])
      .member("first_run", *first)
      .member("setup_token_required", *first && !call.request.who.here)
      .member("secure", call.request.who.encrypted)
      .end_object();
  return answer;
}

Result<Answer> register_user(const Call& call) {
  Identity::Registration wanted;
  const std::pair<std::string_view, std::string*> texts[] = {
      {"username", &wanted.name}, {"invite", &wanted.invite}, {"setup_token", &wanted.setup_token}};
  for (const auto& [field, into] : texts) {
    auto text = call.fields.text(field, kMaxName);
    if (!text) return std::unexpected(text.error());
    *into = std::move(*text);
  }
  auto email = checked_email(call.fields);
  if (!email) return std::unexpected(email.error());
  wanted.email = std::move(*email);
  auto password = call.fields.secret("password", Identity::kLongestPassword);
  if (!password) return std::unexpected(password.error());
  wanted.password = std::move(*password);
  wanted.local = call.request.who.here;
  if (!wanted.local) {
    if (const auto wait = call.service.identity().delay_registration(call.request.who.address)) {
      return told_to_wait(*wait, "Too many accounts were registered from here: wait a little.");
    }
  }
  const auto made = call.service.identity().add(wanted);
  if (!made) return std::unexpected(made.error());
  if (const auto& tell = call.service.running().user_changed) tell(made->id);
  Answer answer{.status = 201, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("user");
  write_person(json, *made);
  json.end_object();
  return answer;
}

Result<Answer> log_in(const Call& call) {
  const auto name = call.fields.required_text("username", kMaxName);
  if (!name) return std::unexpected(name.error());
  const auto password = call.fields.secret("password", 1024);
  if (!password) return std::unexpected(password.error());
  Identity& identity = call.service.identity();
  Duration wait{0};
  const auto tokens = identity.login(*name, *password, client_of(call.request), wait);
  if (tokens) return answer_tokens(call.request.who, *tokens);
  if (tokens.error().code != ErrorCode::kRateLimitExceeded) return std::unexpected(tokens.error());
  return told_to_wait(wait, tokens.error().message);
}

Result<Answer> refresh(const Call& call) {
  Identity& identity = call.service.identity();
  const std::string_view token = refresh_token(call.request);
  if (token.empty()) return fail(ErrorCode::kUnauthenticated, "There is no login to go on with.");
  const auto tokens = identity.refresh_login(token, client_of(call.request));
  if (!tokens) return std::unexpected(tokens.error());
  return answer_tokens(call.request.who, *tokens);
}

Result<Answer> log_out(const Call& call) {
  Identity& identity = call.service.identity();
  const Principal& who = call.request.who;
  if (who.kind == Principal::Kind::kUser) {
    const Status ended = identity.end_login(who.session, who.user_id);
    if (!ended && ended.error().code != ErrorCode::kNotFound) {
      return std::unexpected(ended.error());
    }
  }
  if (const std::string_view token = refresh_token(call.request); !token.empty()) {
    if (Status ended = identity.logout(token); !ended) return std::unexpected(ended.error());
  }
  Answer answer;
  json::Writer(answer.body).begin_object().member("logged_out", true).end_object();
  set_cookie(answer, who, "");
  return answer;
}

constexpr Field kRegistration[] = {
    {"username", FieldKind::kText, "2 to 64 letters, digits and any of . _ - @ +", true},
    {"email", FieldKind::kText, "Where the user is written to.", true},
    {"password", FieldKind::kSecret, "At least 8 characters.", true},
    {"invite", FieldKind::kText, "Code of an invitation."},
    {"setup_token", FieldKind::kText, "For the first user, from the gateway's log."},
};

constexpr Field kLogin[] = {
    {"username", FieldKind::kText, "As registered.", true},
    {"password", FieldKind::kSecret, "As registered.", true},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/boot",
     .access = Access::kPublic,
     .handle = boot,
     .summary = "What a console needs to know before anybody has logged in.",
     .logins = true},
    {.method = "POST",
     .pattern = "/api/auth/register",
     .access = Access::kPublic,
     .handle = register_user,
     .summary = "Registers a user; the first becomes administrator.",
     .body = kRegistration,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/auth/login",
     .access = Access::kPublic,
     .handle = log_in,
     .summary = "Logs in: an access token, and a refresh token in a cookie.",
     .body = kLogin,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/auth/refresh",
     .access = Access::kPublic,
     .handle = refresh,
     .summary = "A new access token for the refresh token in the cookie, which is replaced.",
     .logins = true,
     .audited = false},
    {.method = "POST",
     .pattern = "/api/auth/logout",
     .access = Access::kPublic,
     .handle = log_out,
     .summary = "Ends the login.",
     .logins = true},
};

}  // namespace

std::span<const Route> auth_routes() { return kRoutes; }

}  // namespace sluice::admin
