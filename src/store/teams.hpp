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
  std::string role;  // of who asks: "owner" or "member"
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
  int64_t user_id = 0;
  std::string user;  // name
  std::string role = "member";
  Budgets budgets;
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
  /// Members and name go, the books stay. kConflict while there is money in the wallet, or a debt.
  virtual Status delete_team(int64_t id, int64_t by) = 0;

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
  virtual Status remove_member(int64_t team_id, int64_t user_id, int64_t by) = 0;
};

}  // namespace sluice::store
