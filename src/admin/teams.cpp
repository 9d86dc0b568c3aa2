// Teams, by their members.
#include "admin/identity.hpp"
#include "admin/person.hpp"
#include "admin/routes.hpp"
#include "admin/team_view.hpp"
#include "admin/wallet_view.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr Field kBudgets[] = {
    {"day", FieldKind::kMoney, "USD a day (UTC); null: no limit."},
    {"week", FieldKind::kMoney, "USD a week from Monday; null: no limit."},
    {"month", FieldKind::kMoney, "USD a month; null: no limit."},
};

Result<store::Team> team_of(const Call& call) {
  return call.service.database().teams().team(team_id(call), call.request.who.user_id);
}

/// By id where it is a number, else by name.
Result<int64_t> person(const Call& call, std::string_view text) {
  if (Status good = check_text(text, "user", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  store::Identities& identities = call.service.database().identities();
  const auto id = parse_u64(text);
  const auto found = id ? identities.user(static_cast<int64_t>(*id)) : identities.user(text);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(ErrorCode::kNotFound, "There is no such user.", "user");
  return (*found)->id;
}

Answer answer_team(const Call& call, int status, const store::Team& team) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("team");
  write_team(json, call.service.running(), team);
  json.end_object();
  answer.headers.emplace_back("etag", etag_of(team.version));
  return answer;
}

/// With the team's version as it is then, for the next change.
Answer answer_member(const Call& call, int status, const store::Member& member) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("member");
  write_member(json, member);
  json.end_object();
  if (const auto team = team_of(call)) {
    answer.headers.emplace_back("etag", etag_of(team->version));
  }
  return answer;
}

Result<std::string> name_of(const Fields& fields) {
  auto name = fields.required_text("name", kMaxName);
  if (!name) return name;
  if (Status good = check_name(*name, "name"); !good) return std::unexpected(good.error());
  return name;
}

/// Role and budgets, as far as the body tells them.
Status read_member(const Fields& fields, store::Member& member) {
  auto role = fields.text("role", kMaxName);
  if (!role) return std::unexpected(role.error());
  if (!role->empty() && *role != "owner" && *role != "member") {
    return fail(ErrorCode::kInvalidRequest, "role must be owner or member", "role");
  }
  if (!role->empty()) member.role = std::move(*role);
  if (!fields.given("budgets")) return {};
  if (!fields.has("budgets")) {
    member.budgets = {};
    return {};
  }
  const std::string_view text = fields.raw("budgets");
  const auto budgets = Fields::parse(text, kBudgets);
  if (!budgets) return std::unexpected(budgets.error());
  const std::pair<std::string_view, std::optional<Money>*> limits[] = {
      {"day", &member.budgets.day},
      {"week", &member.budgets.week},
      {"month", &member.budgets.month}};
  for (const auto& [name, limit] : limits) {
    if (!budgets->given(name)) continue;
    limit->reset();
    if (!budgets->has(name)) continue;
    const auto amount = budgets->money(name);
    if (!amount) return std::unexpected(amount.error());
    if (amount->nanos < 0) {
      return fail(ErrorCode::kInvalidRequest, "a budget must not be below 0", std::string(name));
    }
    *limit = *amount;
  }
  return {};
}

Result<Answer> list(const Call& call) {
  const auto teams = call.service.database().teams().teams_of(call.request.who.user_id);
  if (!teams) return std::unexpected(teams.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Team& team : *teams) write_team(json, call.service.running(), team);
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> add(const Call& call) {
  const auto name = name_of(call.fields);
  if (!name) return std::unexpected(name.error());
  const auto made = call.service.database().teams().add_team(*name, call.request.who.user_id);
  if (!made) return std::unexpected(made.error());
  log::info("a team was made", {{"team", made->name}, {"by", call.request.who.actor()}});
  return answer_team(call, 201, *made);
}

Result<Answer> show(const Call& call) {
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  return answer_team(call, 200, *team);
}

Result<Answer> rename(const Call& call) {
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  if (Status same = check_match(call.request.header("if-match"), team->version); !same) {
    return std::unexpected(same.error());
  }
  call.before = answer_team(call, 200, *team).body;
  const auto name = name_of(call.fields);
  if (!name) return std::unexpected(name.error());
  const auto renamed = call.service.database().teams().rename_team(team->id, team->version, *name,
                                                                   call.request.who.user_id);
  if (!renamed) return std::unexpected(renamed.error());
  log::info("a team was renamed",
            {{"team", renamed->name}, {"was", team->name}, {"by", call.request.who.actor()}});
  return answer_team(call, 200, *renamed);
}

/// Puts what has ended into force where a gateway runs.
void tell(const Call& call, const store::Teams::Ended& ended) {
  const Running& running = call.service.running();
  if (running.payer_gone) running.payer_gone(ended);
}

Result<Answer> remove(const Call& call) {
  const int64_t id = team_id(call);
  if (const auto team = team_of(call)) call.before = answer_team(call, 200, *team).body;
  const std::lock_guard lock(call.service.key_changes());
  const auto ended = call.service.database().teams().delete_team(id, call.request.who.user_id);
  if (!ended) return std::unexpected(ended.error());
  tell(call, *ended);
  // Keys of its own have no owner any more.
  if (const Running& running = call.service.running(); running.user_changed) {
    running.user_changed(id);
  }
  log::info("a team was deleted",
            {{"id", id}, {"keys", ended->keys.size()}, {"by", call.request.who.actor()}});
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", id)
      .member("deleted", true)
      .member("unpaid_keys", static_cast<int64_t>(ended->keys.size()))
      .end_object();
  return answer;
}

Result<Answer> list_transactions(const Call& call) {
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  return answer_transactions(call, team->wallet.id);
}

Result<Answer> list_members(const Call& call) {
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  return answer_members(call, *team);
}

Result<Answer> add_member(const Call& call) {
  // Before the name is looked up: who is no member learns nothing.
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  store::Member member;
  if (Status read = read_member(call.fields, member); !read) return std::unexpected(read.error());
  const auto name = call.fields.required_text("user", kMaxName);
  if (!name) return std::unexpected(name.error());
  const auto user_id = person(call, *name);
  if (!user_id) return std::unexpected(user_id.error());
  member.user_id = *user_id;
  const auto added =
      call.service.database().teams().add_member(team->id, member, call.request.who.user_id);
  if (!added) return std::unexpected(added.error());
  log::info("a member was added",
            {{"team", team->name}, {"user", added->user}, {"by", call.request.who.actor()}});
  return answer_member(call, 201, *added);
}

/// As it is now.
Result<store::Member> member_of(const Call& call, const store::Team& team) {
  const auto user_id = person(call, call.arguments[1]);
  if (!user_id) return std::unexpected(user_id.error());
  const auto members = call.service.database().teams().members(
      team.id, 0, store::Teams::kMostMembers, call.request.who.user_id);
  if (!members) return std::unexpected(members.error());
  for (const store::Member& member : *members) {
    if (member.user_id == *user_id) return member;
  }
  return fail(ErrorCode::kNotFound, "There is no such member.");
}

Result<Answer> change_member(const Call& call) {
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  auto member = member_of(call, *team);
  if (!member) return std::unexpected(member.error());
  if (Status same = check_match(call.request.header("if-match"), team->version); !same) {
    return std::unexpected(same.error());
  }
  call.before = answer_member(call, 200, *member).body;
  if (Status read = read_member(call.fields, *member); !read) return std::unexpected(read.error());
  const std::lock_guard lock(call.service.key_changes());
  const auto changed = call.service.database().teams().change_member(
      team->id, team->version, *member, call.request.who.user_id);
  if (!changed) return std::unexpected(changed.error());
  if (const Running& running = call.service.running(); running.member_changed) {
    running.member_changed(*changed);
  }
  log::info("a member was changed",
            {{"team", team->name}, {"user", changed->user}, {"by", call.request.who.actor()}});
  return answer_member(call, 200, *changed);
}

Result<Answer> remove_member(const Call& call) {
  const auto team = team_of(call);
  if (!team) return std::unexpected(team.error());
  const auto user_id = person(call, call.arguments[1]);
  if (!user_id) return std::unexpected(user_id.error());
  if (const auto member = member_of(call, *team)) {
    call.before = answer_member(call, 200, *member).body;
  }
  const std::lock_guard lock(call.service.key_changes());
  const auto ended =
      call.service.database().teams().remove_member(team->id, *user_id, call.request.who.user_id);
  if (!ended) return std::unexpected(ended.error());
  tell(call, *ended);
  log::info("a member was removed",
            {{"team", team->name}, {"user_id", *user_id}, {"by", call.request.who.actor()}});
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("user_id", *user_id)
      .member("removed", true)
      .member("unpaid_keys", static_cast<int64_t>(ended->keys.size()))
      .end_object();
  return answer;
}

constexpr Field kName[] = {
    {"name", FieldKind::kText, "2 to 64 letters, digits and any of . _ - @ +; nobody else's.",
     true},
};

constexpr Field kNewMember[] = {
    {"user", FieldKind::kText, "Id or name of the user.", true},
    {"role", FieldKind::kText, "owner or member; member when absent."},
    {"budgets", FieldKind::kObject, "{day?, week?, month?}: USD as strings; absent: no limit."},
};

constexpr Field kMemberChange[] = {
    {"role", FieldKind::kText, "owner or member."},
    {"budgets", FieldKind::kObject,
     "{day?, week?, month?}: USD as strings; null: no limit, absent: as it was."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/teams",
     .access = Access::kUser,
     .handle = list,
     .summary = "Teams that one is a member of.",
     .logins = true,
     .short_list = true},
    {.method = "POST",
     .pattern = "/api/teams",
     .access = Access::kUser,
     .handle = add,
     .summary = "Makes a team with a wallet, and its maker its owner.",
     .body = kName,
     .logins = true},
    {.method = "GET",
     .pattern = "/api/teams/{id}",
     .access = Access::kUser,
     .handle = show,
     .summary = "A team and its wallet, for its members.",
     .logins = true},
    {.method = "PATCH",
     .pattern = "/api/teams/{id}",
     .access = Access::kUser,
     .handle = rename,
     .summary = "Renames a team, by its owners.",
     .body = kName,
     .logins = true},
    {.method = "DELETE",
     .pattern = "/api/teams/{id}",
     .access = Access::kUser,
     .handle = remove,
     .summary =
         "Deletes a team whose wallet is empty, by its owners; keys that it paid for are then "
         "paid by nobody.",
     .logins = true},
    {.method = "GET",
     .pattern = "/api/teams/{id}/transactions",
     .access = Access::kUser,
     .handle = list_transactions,
     .summary = "Entries of a team's wallet, newest first, for its members.",
     .query = kTransactionPage,
     .logins = true},
    {.method = "GET",
     .pattern = "/api/teams/{id}/members",
     .access = Access::kUser,
     .handle = list_members,
     .summary = "A team's members, their budgets and what they have spent of its wallet.",
     .query = kMemberPage,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/teams/{id}/members",
     .access = Access::kUser,
     .handle = add_member,
     .summary = "Takes a user into a team, by its owners.",
     .body = kNewMember,
     .logins = true},
    {.method = "PATCH",
     .pattern = "/api/teams/{id}/members/{user}",
     .access = Access::kUser,
     .handle = change_member,
     .summary = "Changes a member's role and budgets, by owners; If-Match is the team's ETag. New "
                "budgets hold at once, for calls that run too.",
     .body = kMemberChange,
     .logins = true},
    {.method = "DELETE",
     .pattern = "/api/teams/{id}/members/{user}",
     .access = Access::kUser,
     .handle = remove_member,
     .summary =
         "Takes a member out of a team: owners anybody, others themselves. Keys that it paid "
         "for are then paid by nobody.",
     .logins = true},
};

}  // namespace

std::span<const Route> team_routes() { return kRoutes; }

}  // namespace sluice::admin
