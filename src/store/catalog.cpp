#include "store/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "store/sql_catalog.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

constexpr const char* kProviders = "providers";
constexpr const char* kGroups = "load_balance_groups";
constexpr const char* kRules = "routing_rules";

template <typename Row>
std::vector<Row> fetch_all(soci::details::prepare_temp_type& query, Row& row, int64_t* flag_one,
                           bool Row::* one, int64_t* flag_two, bool Row::* two) {
  std::vector<Row> all;
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) {
    row.*one = *flag_one != 0;
    if (flag_two != nullptr) row.*two = *flag_two != 0;
    all.push_back(row);
  }
  return all;
}

std::vector<ProviderRow> select_providers(soci::session& sql, int64_t id) {
  ProviderRow row;
  int64_t is_default = 0;
  int64_t enabled = 0;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT id, name, type, api_key, base_url, is_default, enabled, models,"
                     " settings, headers, version, created_at, updated_at FROM providers"
                  << (id != 0 ? " WHERE id = :id" : "") << " ORDER BY id";
  if (id != 0) query, soci::use(id);
  query, soci::into(row.id), soci::into(row.name), soci::into(row.type), soci::into(row.api_key),
      soci::into(row.base_url), soci::into(is_default), soci::into(enabled), soci::into(row.models),
      soci::into(row.settings), soci::into(row.headers), soci::into(row.version),
      soci::into(row.created_at), soci::into(row.updated_at);
  return fetch_all(query, row, &enabled, &ProviderRow::enabled, &is_default,
                   &ProviderRow::is_default);
}

std::vector<RuleRow> select_rules(soci::session& sql, int64_t id) {
  RuleRow row;
  int64_t enabled = 0;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT id, rule_type, pattern, provider_name, model, priority, enabled,"
                     " version, updated_at FROM routing_rules"
                  << (id != 0 ? " WHERE id = :id" : "") << " ORDER BY id";
  if (id != 0) query, soci::use(id);
  query, soci::into(row.id), soci::into(row.rule_type), soci::into(row.pattern),
      soci::into(row.provider_name), soci::into(row.model), soci::into(row.priority),
      soci::into(enabled), soci::into(row.version), soci::into(row.updated_at);
  return fetch_all(query, row, &enabled, &RuleRow::enabled, nullptr, &RuleRow::enabled);
}

std::vector<GroupRow> select_groups(soci::session& sql, int64_t id) {
  GroupRow row;
  int64_t enabled = 0;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT id, name, strategy, affinity, resume, enabled, version, updated_at"
                     " FROM load_balance_groups"
                  << (id != 0 ? " WHERE id = :id" : "") << " ORDER BY id";
  if (id != 0) query, soci::use(id);
  query, soci::into(row.id), soci::into(row.name), soci::into(row.strategy),
      soci::into(row.affinity), soci::into(row.resume), soci::into(enabled),
      soci::into(row.version), soci::into(row.updated_at);
  std::vector<GroupRow> groups =
      fetch_all(query, row, &enabled, &GroupRow::enabled, nullptr, &GroupRow::enabled);
  for (GroupRow& group : groups) {
    MemberRow member;
    soci::statement members =
        (sql.prepare << "SELECT provider_name, model, weight FROM load_balance_members"
                        " WHERE group_id = :id ORDER BY position, id",
         soci::use(group.id), soci::into(member.provider_name), soci::into(member.model),
         soci::into(member.weight));
    members.execute();
    while (members.fetch()) group.members.push_back(member);
  }
  return groups;
}

/// The version of a row, which nobody else changes meanwhile.
Status check_version(soci::session& sql, const char* table, int64_t id, int64_t version,
                     const char* lock) {
  int64_t there = 0;
  sql << fmt::format("SELECT version FROM {} WHERE id = :id{}", table, lock), soci::use(id),
      soci::into(there);
  if (!sql.got_data()) return fail(ErrorCode::kNotFound, "There is nothing of this id.");
  if (there != version) return fail(ErrorCode::kPreconditionFailed, "It has changed since.");
  return {};
}

/// Of another row than `except`.
Status check_name(soci::session& sql, const char* table, const std::string& name, int64_t except) {
  int64_t found = 0;
  sql << fmt::format("SELECT id FROM {} WHERE name = :name AND id <> :id", table), soci::use(name),
      soci::use(except), soci::into(found);
  if (sql.got_data()) return fail(ErrorCode::kConflict, "This name is taken.", "name");
  return {};
}

Status check_room(soci::session& sql, const char* table) {
  int64_t count = 0;
  sql << fmt::format("SELECT COUNT(*) FROM {}", table), soci::into(count);
  if (static_cast<size_t>(count) < Catalog::kMost) return {};
  return fail(ErrorCode::kConflict, fmt::format("There can be {} at most.", Catalog::kMost));
}

int64_t newest_id(soci::session& sql, const char* table) {
  int64_t id = 0;
  sql << fmt::format("SELECT MAX(id) FROM {}", table), soci::into(id);
  return id;
}

void insert_members(soci::session& sql, int64_t group_id, const std::vector<MemberRow>& members) {
  int64_t position = 0;
  for (const MemberRow& each : members) {
    sql << "INSERT INTO load_balance_members (group_id, provider_name, model, weight, position)"
           " VALUES (:id, :provider, :model, :weight, :position)",
        soci::use(group_id), soci::use(each.provider_name), soci::use(each.model),
        soci::use(each.weight), soci::use(position);
    ++position;
  }
}

void insert(soci::session& sql, const GroupRow& group) {
  const int64_t enabled = group.enabled ? 1 : 0;
  const int64_t now = unix_ms();
  sql << "INSERT INTO load_balance_groups (name, strategy, affinity, resume, enabled, version,"
         " updated_at) VALUES (:name, :strategy, :affinity, :resume, :enabled, 1, :now)",
      soci::use(group.name), soci::use(group.strategy), soci::use(group.affinity),
      soci::use(group.resume), soci::use(enabled), soci::use(now);
  insert_members(sql, newest_id(sql, kGroups), group.members);
}

void update(soci::session& sql, const GroupRow& group) {
  const int64_t enabled = group.enabled ? 1 : 0;
  const int64_t now = unix_ms();
  sql << "UPDATE load_balance_groups SET name = :name, strategy = :strategy,"
         " affinity = :affinity, resume = :resume, enabled = :enabled, version = version + 1, "
         "updated_at = :now WHERE id = :id",
      soci::use(group.name), soci::use(group.strategy), soci::use(group.affinity),
      soci::use(group.resume), soci::use(enabled), soci::use(now), soci::use(group.id);
  sql << "DELETE FROM load_balance_members WHERE group_id = :id", soci::use(group.id);
  insert_members(sql, group.id, group.members);
}

void insert(soci::session& sql, const RuleRow& rule) {
  const int64_t enabled = rule.enabled ? 1 : 0;
  const int64_t now = unix_ms();
  sql << "INSERT INTO routing_rules (rule_type, pattern, provider_name, model, priority, enabled,"
         " version, updated_at) VALUES (:type, :pattern, :provider, :model, :priority, :enabled,"
         " 1, :now)",
      soci::use(rule.rule_type), soci::use(rule.pattern), soci::use(rule.provider_name),
      soci::use(rule.model), soci::use(rule.priority), soci::use(enabled), soci::use(now);
}

void update(soci::session& sql, const RuleRow& rule) {
  const int64_t enabled = rule.enabled ? 1 : 0;
  const int64_t now = unix_ms();
  sql << "UPDATE routing_rules SET rule_type = :type, pattern = :pattern, provider_name ="
         " :provider, model = :model, priority = :priority, enabled = :enabled, version ="
         " version + 1, updated_at = :now WHERE id = :id",
      soci::use(rule.rule_type), soci::use(rule.pattern), soci::use(rule.provider_name),
      soci::use(rule.model), soci::use(rule.priority), soci::use(enabled), soci::use(now),
      soci::use(rule.id);
}

constexpr const char* table_of(const GroupRow&) { return kGroups; }
constexpr const char* table_of(const RuleRow&) { return kRules; }

void erase(soci::session& sql, const char* table, int64_t id) {
  if (table == kGroups) {
    sql << "DELETE FROM load_balance_members WHERE group_id = :id", soci::use(id);
  }
  sql << fmt::format("DELETE FROM {} WHERE id = :id", table), soci::use(id);
}

/// But for what the database counts.
template <typename Row>
bool same(const Row& a, Row b) {
  b.version = a.version;
  b.updated_at = a.updated_at;
  return a == b;
}

/// What is the same stays as it is. Names are free once those that go have gone; a name that two
/// swap is refused.
template <typename Row>
Status replace(soci::session& sql, const std::vector<Row>& there, const std::vector<Row>& wanted) {
  if (wanted.size() > Catalog::kMost) {
    return fail(ErrorCode::kConflict, fmt::format("There can be {} at most.", Catalog::kMost));
  }
  for (const Row& each : there) {
    const bool stays = std::ranges::find(wanted, each.id, &Row::id) != wanted.end();
    if (!stays) erase(sql, table_of(each), each.id);
  }
  for (const Row& each : wanted) {
    if constexpr (std::is_same_v<Row, GroupRow>) {
      if (Status free = check_name(sql, kGroups, each.name, each.id); !free) return free;
    }
    if (each.id == 0) {
      insert(sql, each);
      continue;
    }
    const auto old = std::ranges::find(there, each.id, &Row::id);
    if (old == there.end()) return fail(ErrorCode::kNotFound, "There is nothing of this id.");
    if (!same(*old, each)) update(sql, each);
  }
  return {};
}

/// One who changes something waits here for the other's end, so that the newest id is its own, and
/// what it has looked at stays.
void take_turn(soci::session& sql, const char* lock) {
  std::string value;
  sql << fmt::format("SELECT value FROM settings WHERE name = 'key_secret'{}", lock),
      soci::into(value);
}

template <typename Row>
std::string version_of(const std::vector<Row>& rows) {
  // Ids only grow, and so does a row's version: whatever happens moves one of these.
  int64_t newest = 0;
  int64_t changes = 0;
  for (const Row& each : rows) {
    newest = std::max(newest, each.id);
    changes += each.version;
  }
  return fmt::format("{}.{}.{}", rows.size(), newest, changes);
}

}  // namespace

std::string routing_version(const CatalogRows& rows) {
  return fmt::format("{}-{}", version_of(rows.groups), version_of(rows.rules));
}

Result<CatalogRows> SqlCatalog::rows() {
  return sessions_.read([](soci::session& sql) -> Result<CatalogRows> {
    for (const char* table : {kProviders, kGroups, kRules}) {
      int64_t count = 0;
      sql << fmt::format("SELECT COUNT(*) FROM {}", table), soci::into(count);
      if (static_cast<size_t>(count) > kMost) {
        return fail(ErrorCode::kConfig,
                    fmt::format("table {} has more than {} rows", table, kMost));
      }
    }
    return CatalogRows{.providers = select_providers(sql, 0),
                       .groups = select_groups(sql, 0),
                       .rules = select_rules(sql, 0)};
  });
}

Result<ProviderRow> SqlCatalog::add(const ProviderRow& provider) {
  return sessions_.write([&](soci::session& sql) -> Result<ProviderRow> {
    take_turn(sql, sessions_.dialect().for_update);
    if (Status room = check_room(sql, kProviders); !room) return std::unexpected(room.error());
    if (Status free = check_name(sql, kProviders, provider.name, 0); !free) {
      return std::unexpected(free.error());
    }
    const int64_t is_default = provider.is_default ? 1 : 0;
    const int64_t enabled = provider.enabled ? 1 : 0;
    const int64_t now = unix_ms();
    sql << "INSERT INTO providers (name, type, api_key, base_url, is_default, enabled, models,"
           " settings, headers, version, created_at, updated_at) VALUES (:name, :type, :key, :url,"
           " :default, :enabled, :models, :settings, :headers, 1, :now, :now2)",
        soci::use(provider.name), soci::use(provider.type), soci::use(provider.api_key),
        soci::use(provider.base_url), soci::use(is_default), soci::use(enabled),
        soci::use(provider.models), soci::use(provider.settings), soci::use(provider.headers),
        soci::use(now), soci::use(now);
    return select_providers(sql, newest_id(sql, kProviders)).at(0);
  });
}

Result<ProviderRow> SqlCatalog::change(const ProviderRow& provider) {
  return sessions_.write([&](soci::session& sql) -> Result<ProviderRow> {
    if (Status same = check_version(sql, kProviders, provider.id, provider.version,
                                    sessions_.dialect().for_update);
        !same) {
      return std::unexpected(same.error());
    }
    if (Status free = check_name(sql, kProviders, provider.name, provider.id); !free) {
      return std::unexpected(free.error());
    }
    const int64_t is_default = provider.is_default ? 1 : 0;
    const int64_t enabled = provider.enabled ? 1 : 0;
    const int64_t now = unix_ms();
    sql << "UPDATE providers SET name = :name, type = :type, api_key = :key, base_url = :url,"
           " is_default = :default, enabled = :enabled, models = :models, settings = :settings,"
           " headers = :headers, version = version + 1, updated_at = :now WHERE id = :id",
        soci::use(provider.name), soci::use(provider.type), soci::use(provider.api_key),
        soci::use(provider.base_url), soci::use(is_default), soci::use(enabled),
        soci::use(provider.models), soci::use(provider.settings), soci::use(provider.headers),
        soci::use(now), soci::use(provider.id);
    return select_providers(sql, provider.id).at(0);
  });
}

Result<GroupRow> SqlCatalog::add(const GroupRow& group) {
  return sessions_.write([&](soci::session& sql) -> Result<GroupRow> {
    take_turn(sql, sessions_.dialect().for_update);
    if (Status room = check_room(sql, kGroups); !room) return std::unexpected(room.error());
    if (Status free = check_name(sql, kGroups, group.name, 0); !free) {
      return std::unexpected(free.error());
    }
    insert(sql, group);
    return select_groups(sql, newest_id(sql, kGroups)).at(0);
  });
}

Result<GroupRow> SqlCatalog::change(const GroupRow& group) {
  return sessions_.write([&](soci::session& sql) -> Result<GroupRow> {
    take_turn(sql, sessions_.dialect().for_update);
    if (Status same =
            check_version(sql, kGroups, group.id, group.version, sessions_.dialect().for_update);
        !same) {
      return std::unexpected(same.error());
    }
    if (Status free = check_name(sql, kGroups, group.name, group.id); !free) {
      return std::unexpected(free.error());
    }
    update(sql, group);
    return select_groups(sql, group.id).at(0);
  });
}

Result<RuleRow> SqlCatalog::add(const RuleRow& rule) {
  return sessions_.write([&](soci::session& sql) -> Result<RuleRow> {
    take_turn(sql, sessions_.dialect().for_update);
    if (Status room = check_room(sql, kRules); !room) return std::unexpected(room.error());
    insert(sql, rule);
    return select_rules(sql, newest_id(sql, kRules)).at(0);
  });
}

Result<RuleRow> SqlCatalog::change(const RuleRow& rule) {
  return sessions_.write([&](soci::session& sql) -> Result<RuleRow> {
    take_turn(sql, sessions_.dialect().for_update);
    if (Status same =
            check_version(sql, kRules, rule.id, rule.version, sessions_.dialect().for_update);
        !same) {
      return std::unexpected(same.error());
    }
    update(sql, rule);
    return select_rules(sql, rule.id).at(0);
  });
}

Status SqlCatalog::replace_routing(const std::vector<GroupRow>& groups,
                                   const std::vector<RuleRow>& rules, const std::string& base) {
  const auto done = sessions_.write([&](soci::session& sql) -> Result<bool> {
    take_turn(sql, sessions_.dialect().for_update);
    const CatalogRows there{
        .providers = {}, .groups = select_groups(sql, 0), .rules = select_rules(sql, 0)};
    if (routing_version(there) != base) {
      return fail(ErrorCode::kConflict, "Rules or groups have changed since.", "base_version");
    }
    if (Status replaced = replace(sql, there.groups, groups); !replaced) {
      return std::unexpected(replaced.error());
    }
    if (Status replaced = replace(sql, there.rules, rules); !replaced) {
      return std::unexpected(replaced.error());
    }
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Status SqlCatalog::remove(const char* table, int64_t id, int64_t version) {
  const auto removed = sessions_.write([&](soci::session& sql) -> Result<bool> {
    take_turn(sql, sessions_.dialect().for_update);
    const Status same = check_version(sql, table, id, version, sessions_.dialect().for_update);
    if (!same) return std::unexpected(same.error());
    erase(sql, table, id);
    return true;
  });
  if (!removed) return std::unexpected(removed.error());
  return {};
}

Status SqlCatalog::remove_provider(int64_t id, int64_t version) {
  return remove(kProviders, id, version);
}

Status SqlCatalog::remove_group(int64_t id, int64_t version) {
  return remove(kGroups, id, version);
}

Status SqlCatalog::remove_rule(int64_t id, int64_t version) { return remove(kRules, id, version); }

Status SqlCatalog::replace_secrets(const ProviderRow& present, const std::string& api_key,
                                   const std::string& headers) {
  const auto done = sessions_.write([&](soci::session& sql) -> Result<bool> {
    sql << "UPDATE providers SET api_key = :next, headers = :next_headers WHERE id = :id AND"
           " api_key = :present AND headers = :present_headers",
        soci::use(api_key), soci::use(headers), soci::use(present.id), soci::use(present.api_key),
        soci::use(present.headers);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace sluice::store
