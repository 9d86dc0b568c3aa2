// Teams in SQL.
#pragma once

#include <vector>

#include "store/sessions.hpp"
#include "store/teams.hpp"

namespace sluice::store {

class SqlTeams final : public Teams {
 public:
  explicit SqlTeams(Sessions& sessions) : sessions_(sessions) {}

  Result<Team> add_team(std::string_view name, int64_t by) override;
  Result<Team> team(int64_t id, int64_t by) override;
  Result<std::vector<Team>> teams_of(int64_t by) override;
  Result<Team> rename_team(int64_t id, int64_t version, std::string_view name, int64_t by) override;
  Result<Ended> delete_team(int64_t id, int64_t by) override;

  Result<std::vector<Member>> members(int64_t team_id, int64_t after, int limit,
                                      int64_t by) override;
  Result<Member> add_member(int64_t team_id, const Member& member, int64_t by) override;
  Result<Member> change_member(int64_t team_id, int64_t version, const Member& member,
                               int64_t by) override;
  Result<Ended> remove_member(int64_t team_id, int64_t user_id, int64_t by) override;

  Result<std::vector<Team>> all(int64_t after, int limit) override;
  Result<std::optional<Team>> find(int64_t id) override;
  Result<std::vector<Member>> members_of(int64_t team_id, int64_t after, int limit) override;
  Result<std::optional<Member>> member(int64_t team_id, int64_t user_id) override;
  Result<std::vector<Member>> paid_for() override;

 private:
  Sessions& sessions_;
};

}  // namespace sluice::store
