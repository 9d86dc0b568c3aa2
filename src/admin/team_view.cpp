#include "admin/team_view.hpp"

#include <string>
#include <utility>

#include "admin/person.hpp"
#include "admin/wallet_view.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"

namespace sluice::admin {

int64_t team_id(const Call& call) {
  const auto id = parse_u64(call.argument());
  return id && *id <= static_cast<uint64_t>(INT64_MAX) ? static_cast<int64_t>(*id) : 0;
}

void write_team(json::Writer& json, const Running& running, const store::Team& team) {
  json.begin_object().member("id", team.id).member("name", team.name);
  if (!team.role.empty()) json.member("role", team.role);
  json.member("members", team.members)
      .member("created_at", rfc3339(team.created_at * 1'000'000))
      .key("wallet")
      .begin_object();
  write_figures(json, running, team.wallet);
  json.end_object().end_object();
}

void write_member(json::Writer& json, const store::Member& member) {
  json.begin_object()
      .member("user_id", member.user_id)
      .member("username", member.user)
      .member("role", member.role)
      .member("since", rfc3339(member.created_at * 1'000'000))
      .key("budgets")
      .begin_object();
  const std::pair<std::string_view, const std::optional<Money>*> budgets[] = {
      {"day", &member.budgets.day},
      {"week", &member.budgets.week},
      {"month", &member.budgets.month}};
  for (const auto& [name, budget] : budgets) {
    if (*budget) {
      json.member(name, to_string(**budget));
    } else {
      json.null_member(name);
    }
  }
  json.end_object();
  write_spent(json, member.spent);
  json.end_object();
}

Result<Answer> answer_members(const Call& call, const store::Team& team) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto after = call.query.number("cursor");
  if (!after) return std::unexpected(after.error());
  auto members = call.service.database().teams().members_of(team.id, *after, *limit + 1);
  if (!members) return std::unexpected(members.error());
  const bool more = members->size() > static_cast<size_t>(*limit);
  if (more) members->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Member& member : *members) write_member(json, member);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(members->back().id));
  } else {
    json.null();
  }
  json.end_object();
  answer.headers.emplace_back("etag", etag_of(team.version));
  return answer;
}

}  // namespace sluice::admin
