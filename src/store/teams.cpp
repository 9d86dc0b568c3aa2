#include "store/teams.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/key_row.hpp"
#include "store/posting.hpp"
#include "store/sql_database.hpp"
#include "store/sql_teams.hpp"

namespace sluice::store {
namespace {

std::unexpected<Error> no_such_team() {
  return fail(ErrorCode::kNotFound, "There is no such team.");
}

std::unexpected<Error> no_such_member() {
  return fail(ErrorCode::kNotFound, "There is no such member.");
}

constexpr const char* kOfMember = "m.role";
constexpr const char* kOfAll = "''";

/// `role`: kOfMember where `from` has a membership as m, else kOfAll. `from` has the team as t.
template <typename Bind>
std::vector<Team> select_teams(soci::session& sql, const char* role, const std::string& from,
                               Bind bind) {
  std::vector<Team> all;
  Team row;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT t.id, t.name, " << role
                  << ", w.id, w.balance, t.version, t.created_at,"
                     " (SELECT COUNT(*) FROM team_members c WHERE c.team_id = t.id)"
                     " FROM users t JOIN wallets w ON w.user_id = t.id "
                  << from;
  bind(query);
  query, soci::into(row.id), soci::into(row.name), soci::into(row.role), soci::into(row.wallet.id),
      soci::into(row.wallet.balance.nanos), soci::into(row.version), soci::into(row.created_at),
      soci::into(row.members);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) {
    row.wallet.user_id = row.id;
    row.wallet.user = row.name;
    all.push_back(row);
  }
  return all;
}

Result<Team> find_team(soci::session& sql, int64_t id, int64_t by) {
  auto found = select_teams(
      sql, kOfMember,
      "JOIN team_members m ON m.team_id = t.id WHERE m.team_id = :team AND m.user_id = :user",
      [&](auto& query) { query, soci::use(id), soci::use(by); });
  if (found.empty()) return no_such_team();
  return std::move(found.front());
}

/// One budget among a member's columns; what runs fills it at each fetch.
struct BudgetColumn {
  int64_t nanos = 0;
  soci::indicator set = soci::i_null;

  BudgetColumn() = default;
  explicit BudgetColumn(const std::optional<Money>& budget)
      : nanos(budget.value_or(Money{}).nanos), set(budget ? soci::i_ok : soci::i_null) {}
  std::optional<Money> get() const {
    return set == soci::i_ok ? std::optional(Money{nanos}) : std::nullopt;
  }
};

template <typename Bind>
std::vector<Member> select_members(soci::session& sql, const std::string& where, Bind bind) {
  std::vector<Member> all;
  Member row;
  BudgetColumn day;
  BudgetColumn week;
  BudgetColumn month;
  soci::details::prepare_temp_type query =
      sql.prepare
      << "SELECT m.id, m.user_id, u.name, m.role, m.budget_day, m.budget_week,"
         " m.budget_month, m.created_at, m.team_id, m.spent_on, m.spent_day, m.spent_week,"
         " m.spent_month FROM team_members m"
         " JOIN users u ON u.id = m.user_id WHERE "
      << where;
  bind(query);
  query, soci::into(row.id), soci::into(row.user_id), soci::into(row.user), soci::into(row.role),
      soci::into(day.nanos, day.set), soci::into(week.nanos, week.set),
      soci::into(month.nanos, month.set), soci::into(row.created_at), soci::into(row.team_id),
      soci::into(row.spent.on), soci::into(row.spent.day.nanos), soci::into(row.spent.week.nanos),
      soci::into(row.spent.month.nanos);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) {
    row.budgets = {.day = day.get(), .week = week.get(), .month = month.get()};
    all.push_back(row);
  }
  return all;
}

std::optional<Member> find_member(soci::session& sql, int64_t team_id, int64_t user_id) {
  auto found = select_members(sql, "m.team_id = :team AND m.user_id = :user",
                              [&](auto& query) { query, soci::use(team_id), soci::use(user_id); });
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::vector<Member> page_of_members(soci::session& sql, int64_t team_id, int64_t after, int limit) {
  return select_members(
      sql, "m.team_id = :team AND m.id > :after ORDER BY m.id LIMIT :most",
      [&](auto& query) { query, soci::use(team_id), soci::use(after), soci::use(limit); });
}

/// The team, which nobody else changes until the transaction ends.
Result<Team> lock_team(soci::session& sql, int64_t id, int64_t by, const char* lock) {
  int64_t there = 0;
  sql << "SELECT id FROM users WHERE id = :id AND kind = 'team'" << lock, soci::use(id),
      soci::into(there);
  if (!sql.got_data()) return no_such_team();
  return find_team(sql, id, by);
}

Result<Team> lock_own_team(soci::session& sql, int64_t id, int64_t by, const char* lock) {
  auto team = lock_team(sql, id, by, lock);
  if (team && team->role != "owner") {
    return fail(ErrorCode::kPermissionDenied, "Only owners of the team may do that.");
  }
  return team;
}

Status check_version(const Team& team, int64_t version) {
  if (team.version == version) return {};
  return fail(ErrorCode::kPreconditionFailed, "The team has changed since.");
}

Status check_name_free(soci::session& sql, const std::string& name) {
  int64_t taken = 0;
  sql << "SELECT id FROM users WHERE name = :name", soci::use(name), soci::into(taken);
  if (!sql.got_data()) return {};
  return fail(ErrorCode::kConflict, "This name is taken.", "name");
}

void count_change(soci::session& sql, int64_t team_id) {
  const int64_t now = unix_ms();
  sql << "UPDATE users SET version = version + 1, updated_at = :now WHERE id = :id", soci::use(now),
      soci::use(team_id);
}

int64_t owners_but(soci::session& sql, int64_t team_id, int64_t user_id) {
  int64_t count = 0;
  sql << "SELECT COUNT(*) FROM team_members WHERE team_id = :team AND role = 'owner'"
         " AND user_id <> :user",
      soci::use(team_id), soci::use(user_id), soci::into(count);
  return count;
}

std::unexpected<Error> last_owner() {
  return fail(ErrorCode::kConflict, "A team needs an owner: make another member one first.");
}

void insert_member(soci::session& sql, int64_t team_id, const Member& member) {
  const int64_t now = unix_ms();
  BudgetColumn day(member.budgets.day);
  BudgetColumn week(member.budgets.week);
  BudgetColumn month(member.budgets.month);
  sql << "INSERT INTO team_members (team_id, user_id, role, budget_day, budget_week, budget_month,"
         " created_at) VALUES (:team, :user, :role, :day, :week, :month, :at)",
      soci::use(team_id), soci::use(member.user_id), soci::use(member.role),
      soci::use(day.nanos, day.set), soci::use(week.nanos, week.set),
      soci::use(month.nanos, month.set), soci::use(now);
}

/// A person who may be in one more team; his row is locked.
Status check_joins(soci::session& sql, int64_t user_id, const char* lock) {
  int64_t there = 0;
  sql << "SELECT id FROM users WHERE id = :id AND kind = 'person'" << lock, soci::use(user_id),
      soci::into(there);
  if (!sql.got_data()) {
    return fail(ErrorCode::kInvalidRequest, "There is no such user.", "user");
  }
  int64_t teams = 0;
  sql << "SELECT COUNT(*) FROM team_members WHERE user_id = :user", soci::use(user_id),
      soci::into(teams);
  if (teams < Teams::kMostTeams) return {};
  return fail(ErrorCode::kConflict,
              fmt::format("A user is in at most {} teams.", Teams::kMostTeams));
}

/// The keys that a team pays for, of one member or (0) of all, are paid by nobody from now on. Keys
/// before members, in the order in which settlements write.
std::vector<Key> stop_paying(soci::session& sql, int64_t team_id, int64_t user_id) {
  const int64_t now = unix_ms();
  const std::string whose =
      user_id != 0 ? "payer_id = :team AND user_id = :user" : "payer_id = :team";
  const auto bind = [&](auto& query) {
    query, soci::use(team_id);
    if (user_id != 0) query, soci::use(user_id);
  };
  soci::details::prepare_temp_type update =
      sql.prepare << "UPDATE api_keys SET payer_gone = 1, version = version + 1,"
                     " updated_at = :now WHERE payer_gone = 0 AND "
                  << whose;
  update, soci::use(now);
  bind(update);
  soci::statement(update).execute(true);
  std::vector<Key> keys;
  KeyRow row;
  soci::details::prepare_temp_type query = sql.prepare << "SELECT " << KeyRow::kColumns
                                                       << " FROM api_keys WHERE " << whose
                                                       << " ORDER BY id";
  bind(query);
  row.into(query);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) keys.push_back(row.fetched());
  return keys;
}

}  // namespace

Result<Team> SqlTeams::add_team(std::string_view name, int64_t by) {
  const std::string wanted(name);
  return sessions_.write([&](soci::session& sql) -> Result<Team> {
    if (Status may = check_joins(sql, by, sessions_.dialect().for_update); !may) {
      return std::unexpected(may.error());
    }
    if (Status is_free = check_name_free(sql, wanted); !is_free) {
      return std::unexpected(is_free.error());
    }
    const int64_t now = unix_ms();
    sql << "INSERT INTO users (name, kind, created_at, updated_at)"
           " VALUES (:name, 'team', :now, :now2)",
        soci::use(wanted), soci::use(now), soci::use(now);
    int64_t id = 0;
    sql << "SELECT id FROM users WHERE name = :name", soci::use(wanted), soci::into(id);
    sql << "INSERT INTO wallets (user_id, balance, created_at) VALUES (:user, 0, :now)",
        soci::use(id), soci::use(now);
    Member owner;
    owner.user_id = by;
    owner.role = "owner";
    insert_member(sql, id, owner);
    return find_team(sql, id, by);
  });
}

Result<Team> SqlTeams::team(int64_t id, int64_t by) {
  return sessions_.read([&](soci::session& sql) { return find_team(sql, id, by); });
}

Result<std::vector<Team>> SqlTeams::teams_of(int64_t by) {
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Team>> {
    return select_teams(
        sql, kOfMember,
        "JOIN team_members m ON m.team_id = t.id WHERE m.user_id = :user ORDER BY t.name",
        [&](auto& query) { query, soci::use(by); });
  });
}

Result<Team> SqlTeams::rename_team(int64_t id, int64_t version, std::string_view name, int64_t by) {
  const std::string wanted(name);
  return sessions_.write([&](soci::session& sql) -> Result<Team> {
    const auto team = lock_own_team(sql, id, by, sessions_.dialect().for_update);
    if (!team) return team;
    if (Status same = check_version(*team, version); !same) return std::unexpected(same.error());
    if (team->name == wanted) return team;
    if (Status is_free = check_name_free(sql, wanted); !is_free) {
      return std::unexpected(is_free.error());
    }
    sql << "UPDATE users SET name = :name WHERE id = :id", soci::use(wanted), soci::use(id);
    count_change(sql, id);
    return find_team(sql, id, by);
  });
}

Result<Teams::Ended> SqlTeams::delete_team(int64_t id, int64_t by) {
  return sessions_.write([&](soci::session& sql) -> Result<Ended> {
    const char* lock = sessions_.dialect().for_update;
    const auto team = lock_own_team(sql, id, by, lock);
    if (!team) return std::unexpected(team.error());
    const std::optional<Wallet> wallet = find_wallet(sql, id, lock);
    if (wallet && !wallet->balance.is_zero()) {
      return fail(ErrorCode::kConflict,
                  "The team's wallet is not empty: an administrator can move what is in it.");
    }
    Ended ended{.memberships = {}, .keys = stop_paying(sql, id, 0)};
    for (const Member& member :
         select_members(sql, "m.team_id = :team", [&](auto& query) { query, soci::use(id); })) {
      ended.memberships.push_back(member.id);
    }
    sql << "DELETE FROM team_members WHERE team_id = :team", soci::use(id);
    // Its entries stay for ever and need a user; the name is nobody's, as it has blanks.
    const std::string name = fmt::format("deleted team {}", id);
    sql << "UPDATE users SET name = :name, disabled = 1 WHERE id = :id", soci::use(name),
        soci::use(id);
    count_change(sql, id);
    return ended;
  });
}

Result<std::vector<Member>> SqlTeams::members(int64_t team_id, int64_t after, int limit,
                                              int64_t by) {
  limit = std::clamp(limit, 1, Database::kMostListed);
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Member>> {
    if (!find_member(sql, team_id, by)) return no_such_team();
    return page_of_members(sql, team_id, after, limit);
  });
}

Result<Member> SqlTeams::add_member(int64_t team_id, const Member& member, int64_t by) {
  return sessions_.write([&](soci::session& sql) -> Result<Member> {
    const char* lock = sessions_.dialect().for_update;
    const auto team = lock_own_team(sql, team_id, by, lock);
    if (!team) return std::unexpected(team.error());
    if (team->members >= kMostMembers) {
      return fail(ErrorCode::kConflict,
                  fmt::format("A team has at most {} members.", kMostMembers));
    }
    if (find_member(sql, team_id, member.user_id)) {
      return fail(ErrorCode::kConflict, "He is a member already.", "user");
    }
    if (Status may = check_joins(sql, member.user_id, lock); !may) {
      return std::unexpected(may.error());
    }
    insert_member(sql, team_id, member);
    count_change(sql, team_id);
    return *find_member(sql, team_id, member.user_id);
  });
}

Result<Member> SqlTeams::change_member(int64_t team_id, int64_t version, const Member& member,
                                       int64_t by) {
  return sessions_.write([&](soci::session& sql) -> Result<Member> {
    const auto team = lock_own_team(sql, team_id, by, sessions_.dialect().for_update);
    if (!team) return std::unexpected(team.error());
    if (!find_member(sql, team_id, member.user_id)) return no_such_member();
    if (Status same = check_version(*team, version); !same) return std::unexpected(same.error());
    if (member.role != "owner" && owners_but(sql, team_id, member.user_id) == 0) {
      return last_owner();
    }
    BudgetColumn day(member.budgets.day);
    BudgetColumn week(member.budgets.week);
    BudgetColumn month(member.budgets.month);
    sql << "UPDATE team_members SET role = :role, budget_day = :day, budget_week = :week,"
           " budget_month = :month WHERE team_id = :team AND user_id = :user",
        soci::use(member.role), soci::use(day.nanos, day.set), soci::use(week.nanos, week.set),
        soci::use(month.nanos, month.set), soci::use(team_id), soci::use(member.user_id);
    count_change(sql, team_id);
    return *find_member(sql, team_id, member.user_id);
  });
}

Result<Teams::Ended> SqlTeams::remove_member(int64_t team_id, int64_t user_id, int64_t by) {
  return sessions_.write([&](soci::session& sql) -> Result<Ended> {
    const char* lock = sessions_.dialect().for_update;
    const auto team =
        by == user_id ? lock_team(sql, team_id, by, lock) : lock_own_team(sql, team_id, by, lock);
    if (!team) return std::unexpected(team.error());
    const auto member = find_member(sql, team_id, user_id);
    if (!member) return no_such_member();
    if (owners_but(sql, team_id, user_id) == 0) return last_owner();
    Ended ended{.memberships = {member->id}, .keys = stop_paying(sql, team_id, user_id)};
    sql << "DELETE FROM team_members WHERE team_id = :team AND user_id = :user", soci::use(team_id),
        soci::use(user_id);
    count_change(sql, team_id);
    return ended;
  });
}

Result<std::vector<Team>> SqlTeams::all(int64_t after, int limit) {
  limit = std::clamp(limit, 1, Database::kMostListed);
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Team>> {
    return select_teams(
        sql, kOfAll,
        "WHERE t.kind = 'team' AND t.disabled = 0 AND t.id > :after ORDER BY t.id LIMIT :most",
        [&](auto& query) { query, soci::use(after), soci::use(limit); });
  });
}

Result<std::optional<Team>> SqlTeams::find(int64_t id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Team>> {
    auto found =
        select_teams(sql, kOfAll, "WHERE t.kind = 'team' AND t.disabled = 0 AND t.id = :team",
                     [&](auto& query) { query, soci::use(id); });
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
  });
}

Result<std::vector<Member>> SqlTeams::members_of(int64_t team_id, int64_t after, int limit) {
  limit = std::clamp(limit, 1, Database::kMostListed);
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Member>> {
    return page_of_members(sql, team_id, after, limit);
  });
}

Result<std::optional<Member>> SqlTeams::member(int64_t team_id, int64_t user_id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Member>> {
    return find_member(sql, team_id, user_id);
  });
}

Result<std::vector<Member>> SqlTeams::paid_for() {
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Member>> {
    return select_members(sql,
                          "EXISTS (SELECT 1 FROM api_keys k WHERE k.payer_id = m.team_id"
                          " AND k.user_id = m.user_id) ORDER BY m.id",
                          [](auto&) {});
  });
}

}  // namespace sluice::store
