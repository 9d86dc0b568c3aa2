// Teams: users that nobody logs in as, whose wallet their members share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "store/records.hpp"

namespace sluice::store {

struct Team {
  int64_t id = 0;  // of users
  std::string name;
  std::string role;  // of who asks: "owner" or "member"; empty where an administrator does
  Wallet wallet;
  int64_t members = 0;
  int64_t version = 1;  // counts changes of the team and of its members
  int64_t created_at = 0;
};

/// None: no limit. Days, weeks from Monday and months are those of UTC.
struct Budgets {
  std::optional<Money> day, week, month;
};

struct Member {
  int64_t id = 0;  // of the membership
  int64_t team_id = 0;
  int64_t user_id = 0;
  std::string user;  // name
  std::string role = "member";
  Budgets budgets;
  Spent spent;  // of the team's wallet
  int64_t created_at = 0;
};

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now. `by` is the user who asks: what he is no member of is not there for him
/// (kNotFound), and what only owners may do is kPermissionDenied for other members.
class Teams {
 public:
  /// Of one user, and of one team; more are kConflict.
  static constexpr int64_t kMostTeams = 100;
  static constexpr int64_t kMostMembers = 1000;

  virtual ~Teams() = default;

  /// With a wallet of 0, and `by` as its owner. kConflict when the name is taken by a user or team.
  virtual Result<Team> add_team(std::string_view name, int64_t by) = 0;
  virtual Result<Team> team(int64_t id, int64_t by) = 0;
  /// All that a user is a member of, by name.
  virtual Result<std::vector<Team>> teams_of(int64_t by) = 0;
  /// kPreconditionFailed when the version is another than there, kConflict as above.
  virtual Result<Team> rename_team(int64_t id, int64_t version, std::string_view name,
                                   int64_t by) = 0;
  /// What has ended with a team, or with a membership: keys that it paid for are paid by nobody
  /// from the same transaction on, and say so.
  struct Ended {
    std::vector<int64_t> memberships;
    std::vector<Key> keys;
  };
  /// Members and name go, the books stay. kConflict while there is money in the wallet, or a debt.
  virtual Result<Ended> delete_team(int64_t id, int64_t by) = 0;

  /// In the order in which they came, behind membership `after`.
  virtual Result<std::vector<Member>> members(int64_t team_id, int64_t after, int limit,
                                              int64_t by) = 0;
  /// By user_id, role and budgets. kConflict when he is a member, kInvalidRequest when there is no
  /// such user.
  virtual Result<Member> add_member(int64_t team_id, const Member& member, int64_t by) = 0;
  /// Role and budgets become the given. kConflict where no owner would be left.
  virtual Result<Member> change_member(int64_t team_id, int64_t version, const Member& member,
                                       int64_t by) = 0;
  /// Members may go themselves. kConflict as above.
  virtual Result<Ended> remove_member(int64_t team_id, int64_t user_id, int64_t by) = 0;

  // For who asks for nobody.
  /// All teams in the order of their ids, behind `after`.
  virtual Result<std::vector<Team>> all(int64_t after, int limit) = 0;
  virtual Result<std::optional<Team>> find(int64_t id) = 0;
  /// As members().
  virtual Result<std::vector<Member>> members_of(int64_t team_id, int64_t after, int limit) = 0;
  /// None where he is no member, or there is no such team.
  virtual Result<std::optional<Member>> member(int64_t team_id, int64_t user_id) = 0;
  /// All members by whose keys a team's wallet is used.
  virtual Result<std::vector<Member>> paid_for() = 0;
};

}  // namespace sluice::store
