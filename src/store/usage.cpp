// What has been used: single rows, newest first, and sums.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "store/sql_database.hpp"
#include "store/usage_row.hpp"

namespace sluice::store {
namespace {

constexpr int kMostGroups = 10'000;
constexpr int64_t kDayMs = 86'400'000;

/// The part behind WHERE and what belongs into it. What the filter holds is bound, never written
/// into the text.
class Condition {
 public:
  explicit Condition(const Database::UsageFilter& filter) : filter_(filter) {
    text_ = "l.started_at >= :from AND l.started_at < :to";
    if (!filter.key_name.empty()) text_ += " AND l.key_name = :key";
    if (!filter.user.empty()) {
      text_ += " AND l.user_id = (SELECT id FROM users WHERE name = :user)";
    }
    if (!filter.model.empty()) {
      text_ += " AND (l.requested_model = :model1 OR l.upstream_model = :model2)";
    }
    if (!filter.provider.empty()) text_ += " AND l.provider = :provider";
  }

  const std::string& text() const { return text_; }

  void use(soci::details::prepare_temp_type& query) const {
    query, soci::use(filter_.from), soci::use(filter_.to);
    if (!filter_.key_name.empty()) query, soci::use(filter_.key_name);
    if (!filter_.user.empty()) query, soci::use(filter_.user);
    if (!filter_.model.empty()) query, soci::use(filter_.model), soci::use(filter_.model);
    if (!filter_.provider.empty()) query, soci::use(filter_.provider);
  }

 private:
  const Database::UsageFilter& filter_;
  std::string text_;
};

std::string day_of(int64_t ms) {
  const std::chrono::sys_days day{std::chrono::days(ms / kDayMs)};
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

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

/// What is grouped by, as SQL.
std::optional<std::string_view> expression_of(std::string_view by) {
  // Days as their first millisecond: every server divides integers in its own way.
  if (by == "day") return "l.started_at - l.started_at % 86400000";
  if (by == "model") return "l.requested_model";
  if (by == "key") return "l.key_name";
  if (by == "user") return "COALESCE(u.name, '')";
  if (by == "provider") return "l.provider";
  return std::nullopt;
}

}  // namespace

Result<std::vector<Settlement>> SqlDatabase::usage(const UsageFilter& filter) {
  const int limit = std::clamp(filter.limit, 1, Database::kMostListed);
  return sessions_->read([&](soci::session& sql) -> Result<std::vector<Settlement>> {
    const Condition condition(filter);
    std::string after;
    int64_t before_at = 0;
    if (!filter.before_id.empty()) {
      const std::optional<Settlement> before = find(sql, filter.before_id);
      if (!before) {
        return fail(ErrorCode::kInvalidRequest,
                    fmt::format("There is no usage \"{}\" to go on from.", filter.before_id),
                    "cursor");
      }
      before_at = before->started_at;
      after = " AND (l.started_at, l.id) < (:before_at, :before_id)";
    }
    std::vector<Settlement> all;
    UsageRow row;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << UsageRow::kColumns << " FROM usage_logs l WHERE "
                    << condition.text() << after
                    << " ORDER BY l.started_at DESC, l.id DESC LIMIT :limit";
    condition.use(query);
    if (!after.empty()) query, soci::use(before_at), soci::use(filter.before_id);
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

Result<std::vector<Database::UsageSum>> SqlDatabase::usage_summary(std::string_view by,
                                                                   const UsageFilter& filter) {
  const std::optional<std::string_view> expression = expression_of(by);
  if (!expression) {
    return fail(
        ErrorCode::kInvalidRequest,
        fmt::format("Usage cannot be grouped by \"{}\": day, model, key, user or provider.", by),
        "group_by");
  }
  return sessions_->read([&](soci::session& sql) -> Result<std::vector<UsageSum>> {
    const Condition condition(filter);
    std::vector<UsageSum> all;
    UsageSum row;
    int64_t day = 0;
    const int limit = kMostGroups;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << *expression
                    << ", COUNT(*), SUM(l.input_tokens), SUM(l.cache_read_tokens),"
                       " SUM(l.cache_write_tokens), SUM(l.output_tokens), SUM(l.reasoning_tokens),"
                       " SUM(l.cost) FROM usage_logs l"
                    << (by == "user" ? " LEFT JOIN users u ON u.id = l.user_id" : "") << " WHERE "
                    << condition.text() << " GROUP BY 1 ORDER BY 1 LIMIT :limit";
    condition.use(query);
    query, soci::use(limit);
    if (by == "day") {
      query, soci::into(day);
    } else {
      query, soci::into(row.group);
    }
    query, soci::into(row.requests), soci::into(row.tokens.input),
        soci::into(row.tokens.cache_read), soci::into(row.tokens.cache_write),
        soci::into(row.tokens.output), soci::into(row.tokens.reasoning), soci::into(row.cost.nanos);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) {
      if (by == "day") row.group = day_of(day);
      all.push_back(row);
    }
    return all;
  });
}

}  // namespace sluice::store
