// Teams, by administrators. What is paid into them goes through the wallets' routes.
#include <string>

#include "admin/person.hpp"
#include "admin/routes.hpp"
#include "admin/team_view.hpp"
#include "admin/wallet_view.hpp"

namespace sluice::admin {

namespace {

Result<store::Team> any_team(const Call& call) {
  auto team = call.service.database().teams().find(team_id(call));
  if (!team) return std::unexpected(team.error());
  if (!*team) return fail(ErrorCode::kNotFound, "There is no such team.");
  return std::move(**team);
}

Result<Answer> list(const Call& call) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto after = call.query.number("cursor");
  if (!after) return std::unexpected(after.error());
  auto teams = call.service.database().teams().all(*after, *limit + 1);
  if (!teams) return std::unexpected(teams.error());
  const bool more = teams->size() > static_cast<size_t>(*limit);
  if (more) teams->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Team& team : *teams) write_team(json, call.service.running(), team);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(teams->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> show(const Call& call) {
  const auto team = any_team(call);
  if (!team) return std::unexpected(team.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("team");
  write_team(json, call.service.running(), *team);
  json.end_object();
  answer.headers.emplace_back("etag", etag_of(team->version));
  return answer;
}

Result<Answer> list_members(const Call& call) {
  const auto team = any_team(call);
  if (!team) return std::unexpected(team.error());
  return answer_members(call, *team);
}

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Teams of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/teams",
     .handle = list,
     .summary = "All teams and their wallets, in the order of their ids. Paid into and corrected "
                "they are as users' wallets are, by name or id.",
     .query = kPage},
    {.method = "GET",
     .pattern = "/api/admin/teams/{id}",
     .handle = show,
     .summary = "A team and its wallet."},
    {.method = "GET",
     .pattern = "/api/admin/teams/{id}/members",
     .handle = list_members,
     .summary = "A team's members, their budgets and what they have spent of its wallet.",
     .query = kMemberPage},
};

}  // namespace

std::span<const Route> all_team_routes() { return kRoutes; }

}  // namespace sluice::admin
