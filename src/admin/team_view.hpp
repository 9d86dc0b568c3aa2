// What routes show of teams, whoever asks.
#pragma once

#include <cstdint>

#include "admin/routes.hpp"
#include "json/writer.hpp"
#include "store/teams.hpp"

namespace sluice::admin {

/// Of the path; 0, which is nobody's id, where the segment is no number.
int64_t team_id(const Call& call);

void write_team(json::Writer& json, const Running& running, const store::Team& team);
void write_member(json::Writer& json, const store::Member& member);

/// A page of a team's members by the query's `limit` and `cursor`, with the team's ETag.
Result<Answer> answer_members(const Call& call, const store::Team& team);

/// Of a route that answer_members() answers.
inline constexpr Field kMemberPage[] = {
    {"limit", FieldKind::kCount, "Members of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

}  // namespace sluice::admin
