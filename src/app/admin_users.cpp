// sluice user ...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/admin_ask.hpp"
#include "app/password.hpp"
#include "app/table.hpp"
#include "http/url.hpp"

namespace sluice::app {

namespace {

using Given = AdminCommands::Given;

constexpr std::string_view kUsers = "/api/admin/users";

std::string path_of(const Given& given) {
  return fmt::format("{}/{}", kUsers, http::percent_encode(given.user));
}

std::string users(const std::vector<json::Value>& rows) {
  return table({{.title = "ID", .field = "id", .number = true},
                {.title = "NAME", .field = "username"},
                {.title = "EMAIL", .field = "email"},
                {.title = "ROLE", .field = "role"},
                {.title = "DISABLED", .field = "disabled"},
                {.title = "CAN LOG IN", .field = "can_log_in"},
                {.title = "CREATED", .field = "created_at"},
                {.title = "LAST LOGIN", .field = "last_login_at"}},
               rows);
}

std::string one_user(json::Value answer) { return users({answer["user"]}); }

int change(const Given& given, const std::string& body) {
  return ask(
      given,
      {.method = "PATCH", .target = path_of(given), .body = body, .human = one_user, .status = {}});
}

int set_disabled(const Given& given, bool disabled) {
  std::string body;
  json::Writer(body).begin_object().member("disabled", disabled).end_object();
  return change(given, body);
}

int add_user(const Given& given) {
  const auto password = read_password(given.file);
  if (!password) return complain(password.error());
  std::string body;
  json::Writer json(body);
  json.begin_object().member("username", given.user);
  add_text(json, "email", given.email);
  json.member("password", *password)
      .member("role", given.administrator ? "administrator" : "user")
      .end_object();
  return ask(given, {.method = "POST",
                     .target = std::string(kUsers),
                     .body = body,
                     .human = one_user,
                     .when_unsure = "sluice user list tells whether the user was added"});
}

int set_password(const Given& given) {
  const auto password = read_password(given.file);
  if (!password) return complain(password.error());
  std::string body;
  json::Writer(body).begin_object().member("password", *password).end_object();
  return change(given, body);
}

int invite(const Given& given) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("role", given.administrator ? "administrator" : "user");
  add_text(json, "expires_at", given.expires_at);
  json.end_object();
  const auto human = [](json::Value answer) {
    // The code alone on stdout, so that it can be piped to where it belongs.
    std::fprintf(stderr, "invitation %s for a new %s, shown only now:\n",
                 shown(answer["id"]).c_str(), shown(answer["role"]).c_str());
    return shown(answer["code"]) + "\n";
  };
  return ask(given,
             {.method = "POST", .target = "/api/admin/invites", .body = body, .human = human});
}

void add_password_file(CLI::App& command, Given& given) {
  command.add_option("--password-file", given.file,
                     "Whose first line is the password, - for stdin (default: asks for it)");
}

}  // namespace

void AdminCommands::add_users(CLI::App& cli) {
  CLI::App& user = *cli.add_subcommand("user", "Users who log in");
  user.require_subcommand(1);
  Given& given = *given_;

  CLI::App& made = add(user, "add", "Adds a user", add_user);
  made.add_option("name", given.user, "By which the user logs in")->required();
  made.add_flag("--admin", given.administrator, "Makes an administrator");
  made.add_option("--email", given.email, "Where the user is written to");
  add_password_file(made, given);

  CLI::App& list = add(user, "list", "Users, in the order of their ids", [](const Given& g) {
    std::string query = fmt::format("?limit={}", g.limit);
    add_parameter(query, "name", g.name);
    return ask(g, {.method = "GET",
                   .target = std::string(kUsers) + query,
                   .human = [](json::Value answer) { return users(rows_in(answer["data"])); }});
  });
  list.add_option("--name", given.name, "Only those whose names begin with this");
  list.add_option("--limit", given.limit, "The first so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));

  CLI::App& show = add(user, "show", "One user", [](const Given& g) {
    return ask(g, {.method = "GET", .target = path_of(g), .human = one_user});
  });
  CLI::App& disable = add(user, "disable", "Keeps a user out, and ends all logins",
                          [](const Given& g) { return set_disabled(g, true); });
  CLI::App& enable = add(user, "enable", "Lets a user in again",
                         [](const Given& g) { return set_disabled(g, false); });
  CLI::App& role = add(user, "role", "Makes somebody administrator, or user", [](const Given& g) {
    std::string body;
    json::Writer(body).begin_object().member("role", g.role).end_object();
    return change(g, body);
  });
  CLI::App& password =
      add(user, "password", "Sets a new password, and ends all logins", set_password);
  for (CLI::App* command : {&show, &disable, &enable, &role, &password}) {
    command->add_option("user", given.user, "Name or id")->required();
  }
  role.add_option("role", given.role, "administrator or user")
      ->required()
      ->check(CLI::IsMember({"administrator", "user"}));
  add_password_file(password, given);

  CLI::App& invited =
      add(user, "invite", "Makes an invitation to register and shows its code, once", invite);
  invited.add_flag("--admin", given.administrator, "Who comes with it becomes administrator");
  invited.add_option("--expires-at", given.expires_at,
                     "When it stops working, such as 2027-01-31T00:00:00Z");
}

}  // namespace sluice::app
