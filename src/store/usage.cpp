// What has been used: single rows, newest first.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "store/sql_database.hpp"
#include "store/usage_row.hpp"

namespace sluice::store {
namespace {

/// The part behind WHERE and what belongs into it. What the filter holds is bound, never written
/// into the text.
class Condition {
 public:
  /// Of rows that began before `to`: one limit, since SQLite begins at one and looks at all up to
  /// the other.
  Condition(const Database::UsageFilter& filter, int64_t to, Server server)
      : filter_(filter), to_(to) {
    text_ = "l.started_at >= :from AND l.started_at < :to";
    if (!filter.key_name.empty()) text_ += " AND l.key_name = :key";
    if (filter.user_id != 0) text_ += " AND l.user_id = :user_id";
    // SQLite knows of no index how much it leaves: that of keys leaves least.
    const char* const sign = server == Server::kSqlite && !filter.key_name.empty() ? "+" : "";
    if (!filter.model.empty()) text_ += fmt::format(" AND {}l.requested_model = :model", sign);
    if (!filter.provider.empty()) text_ += fmt::format(" AND {}l.provider = :provider", sign);
  }

  const std::string& text() const { return text_; }

  void use(soci::details::prepare_temp_type& query) const {
    query, soci::use(filter_.from), soci::use(to_);
    if (!filter_.key_name.empty()) query, soci::use(filter_.key_name);
    if (filter_.user_id != 0) query, soci::use(filter_.user_id);
    if (!filter_.model.empty()) query, soci::use(filter_.model);
    if (!filter_.provider.empty()) query, soci::use(filter_.provider);
  }

 private:
  const Database::UsageFilter& filter_;
  const int64_t to_;
  std::string text_;
};

std::optional<Settlement> find(soci::session& sql, const std::string& id) {
  UsageRow row;
  soci::details::prepare_temp_type query = sql.prepare << "SELECT " << UsageRow::kColumns
                                                       << " FROM usage_logs l WHERE l.id = :id";
  query, soci::use(id);
  row.into(query);
  soci::statement statement(query);
  if (!statement.execute(true)) return std::nullopt;
  return row.fetched();
}

}  // namespace

Result<std::vector<Settlement>> SqlDatabase::usage(const UsageFilter& filter) {
  const int limit = std::clamp(filter.limit, 1, Database::kMostListed);
  return sessions_->read([&](soci::session& sql) -> Result<std::vector<Settlement>> {
    std::string after;
    int64_t before_at = 0;
    int64_t to = filter.to;
    if (!filter.before_id.empty()) {
      const std::optional<Settlement> before = find(sql, filter.before_id);
      if (!before || (filter.user_id != 0 && before->user_id != filter.user_id)) {
        return fail(ErrorCode::kInvalidRequest,
                    fmt::format("There is no usage \"{}\" to go on from.", filter.before_id),
                    "cursor");
      }
      before_at = before->started_at;
      to = std::min(to, before_at + 1);
      after = " AND (l.started_at < :before_at OR l.id < :before_id)";
    }
    // First, since a planner that knows who it is knows how much he has.
    UsageFilter known = filter;
    if (!filter.user.empty()) {
      int64_t id = 0;
      sql << "SELECT id FROM users WHERE name = :name", soci::use(filter.user), soci::into(id);
      if (!sql.got_data() || (filter.user_id != 0 && filter.user_id != id)) {
        return std::vector<Settlement>();
      }
      known.user_id = id;
    }
    const Condition condition(known, to, sessions_->dialect().server);
    std::vector<Settlement> all;
    UsageRow row;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << UsageRow::kColumns << " FROM usage_logs l WHERE "
                    << condition.text() << after
                    << " ORDER BY l.started_at DESC, l.id DESC LIMIT :limit";
    condition.use(query);
    if (!after.empty()) {
      query, soci::use(before_at), soci::use(filter.before_id);
    }
    query, soci::use(limit);
    row.into(query);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) all.push_back(row.fetched());
    return all;
  });
}

Result<std::optional<Settlement>> SqlDatabase::usage_row(std::string_view id) {
  const std::string wanted(id);
  return sessions_->read(
      [&](soci::session& sql) -> Result<std::optional<Settlement>> { return find(sql, wanted); });
}

}  // namespace sluice::store
