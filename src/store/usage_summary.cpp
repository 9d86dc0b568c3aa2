// Sums of usage, from the roll-ups, from the rows that are not in them yet, and from those at the
// ends of a time that are a part of a quarter of an hour.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <unordered_map>
#include <utility>

#include "store/sql_database.hpp"
#include "store/sql_rollups.hpp"

namespace sluice::store {
namespace {

using By = Database::UsageBy;

constexpr const char* kSums[] = {
    "requests",      "failed",           "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "reasoning_tokens", "cost",         "upstream_cost"};

/// Rows that PostgreSQL looks for too many groups in; what has them further on is summed up first.
constexpr int64_t kProbed = 50'000;

int64_t floor_to(int64_t at, int64_t span) { return at - at % span; }

int64_t ceil_to(int64_t at, int64_t span) {
  const int64_t floor = floor_to(at, span);
  return floor == at ? at : floor + span;
}

std::string date_of(int64_t ms) {
  const std::chrono::sys_days day{std::chrono::days(ms / kDay)};
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

struct Period {
  int64_t from = 0, to = 0;

  bool empty() const { return from >= to; }
};

/// Where the sums of a time come from.
struct Sources {
  std::vector<Period> years, months, days, quarters, rows;
  Period inner;  // what days, months and years cover

  Sources(Period all, bool by_months, bool by_years) {
    const Period whole = {ceil_to(all.from, kQuarter), floor_to(all.to, kQuarter)};
    if (whole.empty()) {
      add(rows, all);
      return;
    }
    add(rows, {all.from, whole.from});
    add(rows, {whole.to, all.to});
    inner = {ceil_to(whole.from, kDay), floor_to(whole.to, kDay)};
    if (inner.empty()) {
      add(quarters, whole);
      return;
    }
    add(quarters, {whole.from, inner.from});
    add(quarters, {inner.to, whole.to});
    const Period whole_months = {ceil_to(inner.from, kMonth), floor_to(inner.to, kMonth)};
    if (!by_months || whole_months.empty()) {
      add(days, inner);
      return;
    }
    add(days, {inner.from, whole_months.from});
    add(days, {whole_months.to, inner.to});
    const Period longest = {ceil_to(whole_months.from, kYear), floor_to(whole_months.to, kYear)};
    if (!by_years || longest.empty()) {
      add(months, whole_months);
      return;
    }
    add(months, {whole_months.from, longest.from});
    add(months, {longest.to, whole_months.to});
    add(years, longest);
  }

 private:
  static void add(std::vector<Period>& periods, Period period) {
    if (!period.empty()) periods.push_back(period);
  }
};

/// The quarters of a day (UTC) that are in a time, as SQL: an index finds them one by one.
std::string parts_in(const Period& period) {
  if (period.to - period.from >= kDay) return "part >= 0";
  std::vector<int64_t> parts;
  for (int64_t at = period.from; at < period.to; at += kQuarter) {
    parts.push_back(at % kDay / kQuarter);
  }
  return fmt::format("part IN ({})", fmt::join(parts, ", "));
}

class Summary {
 public:
  Summary(std::span<const By> by, const Database::UsageFilter& filter, const TimeZone& zone,
          Server server)
      : by_(by), filter_(filter), zone_(zone), server_(server), user_id_(filter.user_id) {}

  Result<std::vector<Database::UsageSum>> run(soci::session& sql) {
    if (!find_user(sql)) return std::vector<Database::UsageSum>();
    rolled_ = rolled_up_to(sql, "");
    look_at_days(sql);
    return fetch(sql);
  }

 private:
  bool asks_for(By what) const { return std::ranges::find(by_, what) != by_.end(); }

  bool find_user(soci::session& sql) {
    if (filter_.user.empty()) return true;
    int64_t id = 0;
    sql << "SELECT id FROM users WHERE name = :name", soci::use(filter_.user), soci::into(id);
    if (!sql.got_data() || (user_id_ != 0 && user_id_ != id)) return false;
    user_id_ = id;
    return true;
  }

  /// Which offsets hold in the time that there is usage of.
  void look_at_days(soci::session& sql) {
    if (!asks_for(By::kDay)) return;
    int64_t first = 0, last = 0, first_row = 0, last_row = 0;
    sql << fmt::format(
        "SELECT COALESCE(MIN(bucket), 0), COALESCE(MAX(bucket), 0) FROM usage_rollups"
        " WHERE span = {} AND kind = {}",
        kDay, static_cast<int>(RollupKind::kNone)),
        soci::into(first), soci::into(last);
    sql << "SELECT COALESCE(MIN(started_at), 0), COALESCE(MAX(started_at), 0) FROM usage_logs"
           " WHERE seq > :rolled",
        soci::use(rolled_), soci::into(first_row), soci::into(last_row);
    if (first == 0 || (first_row != 0 && first_row < first)) first = first_row;
    last = std::max(last + kDay, last_row + 1);
    const std::vector<TimeZone::Change> changes =
        zone_.changes(std::max(first, filter_.from) / 1000, std::min(last, filter_.to) / 1000 + 1);
    for (size_t i = 0; i < changes.size(); ++i) {
      offsets_.push_back({.from = i == 0 ? 0 : changes[i].at * 1000,
                          .to = i + 1 == changes.size() ? INT64_MAX : changes[i + 1].at * 1000,
                          .offset = changes[i].offset * 1000});
    }
    whole_days_ = changes.size() == 1 && changes.front().offset == 0;
  }

  /// Of a column with a Unix time in ms, as SQL.
  std::string local_day(std::string_view began) const {
    if (offsets_.empty()) return "0";
    std::string offset = std::to_string(offsets_.back().offset);
    if (offsets_.size() > 1) {
      std::string cases;
      for (const Offset& each : std::span(offsets_).first(offsets_.size() - 1)) {
        cases += fmt::format(" WHEN {} < {} THEN {}", began, each.to, each.offset);
      }
      offset = fmt::format("CASE{} ELSE {} END", cases, offset);
    }
    return fmt::format("({0} + {1}) - ({0} + {1}) % {2}", began, offset, kDay);
  }

  RollupKind kind() const {
    const bool by_model = asks_for(By::kModel) || asks_for(By::kProvider) ||
                          !filter_.model.empty() || !filter_.provider.empty();
    if (asks_for(By::kKey) || !filter_.key_name.empty()) {
      return by_model ? RollupKind::kAll : RollupKind::kKeys;
    }
    if (asks_for(By::kUser) || user_id_ != 0) {
      return by_model ? RollupKind::kUserModels : RollupKind::kUser;
    }
    return by_model ? RollupKind::kModels : RollupKind::kNone;
  }
  /// Whether there may be more sums than are told.
  bool many() const { return kind() != RollupKind::kNone && kind() != RollupKind::kModels; }

  /// Of all parts; each needs what use_filters() binds.
  std::string filters(std::string_view model) const {
    std::string text;
    if (user_id_ != 0) text += fmt::format(" AND user_id = {}", user_id_);
    if (!filter_.key_name.empty()) text += fmt::format(" AND key_name = :key{}", parts_);
    if (!filter_.model.empty()) text += fmt::format(" AND {} = :model{}", model, parts_);
    if (!filter_.provider.empty()) text += fmt::format(" AND provider = :provider{}", parts_);
    return text;
  }

  /// `parts` of days as SQL, which an index finds; empty: those of the period.
  std::string sums_where(const Period& period, int64_t span, std::string parts = {}) const {
    if (parts.empty()) parts = span == kQuarter ? parts_in(period) : "part = 0";
    std::string text =
        fmt::format("span = {} AND kind = {} AND bucket >= {} AND bucket < {} AND {}{}", span,
                    static_cast<int>(kind()), period.from, period.to, parts, filters("model"));
    // For the indexes: there are no others, and one of them has no sums without a key.
    if (!many()) text += " AND user_id = 0";
    if (!filter_.key_name.empty()) text += " AND key_name <> ''";
    return text;
  }

  void add_part(std::string part) {
    if (!parts_text_.empty()) parts_text_ += " UNION ALL ";
    parts_text_ += part;
    ++parts_;
  }

  /// One row for each group that is asked for, as a table: `day` as SQL.
  std::string added_up(std::string_view day, std::string_view where) const {
    std::string columns = asks_for(By::kDay) ? std::string(day) : "0";
    columns += " AS local_day";
    std::string groups;
    const auto add_column = [&](By by, std::string_view none) {
      const std::string name = column_of(by);
      columns += asks_for(by) ? fmt::format(", {}", name) : fmt::format(", {} AS {}", none, name);
      if (asks_for(by)) groups += (groups.empty() ? "" : ", ") + name;
    };
    if (asks_for(By::kDay)) groups = "local_day";
    add_column(By::kUser, "0");
    add_column(By::kKey, "''");
    add_column(By::kModel, "''");
    add_column(By::kProvider, "''");
    std::string sums;
    // PostgreSQL's own type for them is slow to add up once more.
    const char* const sum =
        server_ == Server::kPostgresql ? ", CAST(SUM({0}) AS BIGINT) AS {0}" : ", SUM({0}) AS {0}";
    for (const char* name : kSums) sums += fmt::format(fmt::runtime(sum), name);
    return fmt::format("(SELECT {}{} FROM usage_rollups WHERE {} GROUP BY {})", columns, sums,
                       where, groups);
  }

  /// `day` as SQL.
  void add_sums(const Period& period, int64_t span, std::string_view day) {
    add_part(
        fmt::format("SELECT {} AS local_day, user_id, key_name, model, provider, {} FROM "
                    "usage_rollups WHERE {}",
                    day, fmt::join(kSums, ", "), sums_where(period, span)));
  }

  /// Days are those of UTC in the sums. What is on another day where the zone is, which is at one
  /// end of each, moves there.
  void move_to_local_days(const Period& inner) {
    for (const Offset& each : offsets_) {
      const Period period = {std::max(inner.from, each.from), std::min(inner.to, each.to)};
      if (period.empty() || each.offset == 0) continue;
      const bool later = each.offset > 0;
      const Period moved = later ? Period{ceil_to(kDay - each.offset, kQuarter), kDay}
                                 : Period{0, ceil_to(-each.offset, kQuarter)};
      // Read once, then taken away from the one and added to the other.
      std::string sums;
      for (const char* name : kSums) sums += fmt::format(", m.factor * d.{0} AS {0}", name);
      add_part(fmt::format(
          "SELECT d.local_day + m.later AS local_day, d.user_id, d.key_name, d.model, d.provider{}"
          " FROM {} d CROSS JOIN (SELECT 0 AS later, -1 AS factor UNION ALL SELECT {}, 1) m",
          sums,
          added_up("bucket - bucket % 86400000", sums_where(period, kQuarter, parts_in(moved))),
          later ? kDay : -kDay));
      moves_ = true;
    }
  }

  void add_rows(const std::string& where, std::string_view how = "") {
    add_part(fmt::format(
        "SELECT {} AS local_day, user_id, key_name, requested_model AS model, provider,"
        " 1 AS requests, CASE WHEN outcome = 'finished' THEN 0 ELSE 1 END AS failed, input_tokens,"
        " cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost,"
        " upstream_cost FROM usage_logs{} WHERE {}{}",
        local_day("started_at"), how, where, filters("requested_model")));
  }

  void add_parts(const Sources& sources) {
    for (const Period& each : sources.years) add_sums(each, kYear, "0");
    for (const Period& each : sources.months) add_sums(each, kMonth, "0");
    for (const Period& each : sources.days) add_sums(each, kDay, "bucket");
    if (asks_for(By::kDay) && !whole_days_) move_to_local_days(sources.inner);
    for (const Period& each : sources.quarters) add_sums(each, kQuarter, local_day("bucket"));
    for (const Period& each : sources.rows) {
      add_rows(fmt::format("started_at >= {} AND started_at < {} AND seq + 0 <= {}", each.from,
                           each.to, rolled_));
    }
    // By seq, of which there are few: not by the time or whose they are, which may be all.
    add_rows(fmt::format("seq > {} AND started_at + 0 >= {} AND started_at + 0 < {}", rolled_,
                         filter_.from, filter_.to),
             server_ == Server::kSqlite ? " NOT INDEXED" : "");
  }

  /// Finds out before all are summed up. There may be twice as many by days of UTC as by others.
  Status check_groups(soci::session& sql, const Sources& sources) const {
    const auto& [periods, span] = !sources.years.empty()    ? std::pair(sources.years, kYear)
                                  : !sources.months.empty() ? std::pair(sources.months, kMonth)
                                                            : std::pair(sources.days, kDay);
    // Looking for users would take as long as summing up.
    const bool users_alone = kind() == RollupKind::kUser && !asks_for(By::kDay);
    if (!many() || users_alone || periods.empty()) return {};
    std::string columns;
    for (const By by : by_) {
      columns += columns.empty() ? "" : ", ";
      columns += by == By::kDay ? "bucket" : column_of(by);
    }
    const size_t most = Database::kMostGroups * (asks_for(By::kDay) && !whole_days_ ? 2 : 1);
    std::string rows = fmt::format("usage_rollups WHERE {}", sums_where(periods.front(), span));
    // It makes all that are distinct before it counts to a limit.
    if (server_ == Server::kPostgresql) {
      rows = fmt::format("(SELECT * FROM {} LIMIT {}) first_ones", rows, kProbed);
    }
    int64_t found = 0;
    soci::details::prepare_temp_type query = sql.prepare << "SELECT COUNT(*) FROM (SELECT DISTINCT "
                                                         << columns << " FROM " << rows << " LIMIT "
                                                         << most + 1 << ") probe";
    use_filters(query);
    query, soci::into(found);
    soci::statement(query).execute(true);
    if (static_cast<size_t>(found) > most) return too_many();
    return {};
  }

  static std::unexpected<Error> too_many() {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("These are more than {} groups: ask for a shorter time, or by less.",
                            Database::kMostGroups),
                "group_by");
  }

  std::string column_of(By by) const {
    switch (by) {
      case By::kDay:
        return "local_day";
      case By::kModel:
        return "model";
      case By::kKey:
        return "key_name";
      case By::kUser:
        return "user_id";
      case By::kProvider:
        break;
    }
    return "provider";
  }
  static bool is_number(By by) { return by == By::kDay || by == By::kUser; }

  struct Row {
    std::vector<std::string> texts;
    std::vector<int64_t> numbers;
    Database::UsageSum sum;
  };

  Result<std::vector<Database::UsageSum>> fetch(soci::session& sql) {
    const Sources sources({filter_.from, filter_.to}, !asks_for(By::kDay), has_years(kind()));
    if (Status few = check_groups(sql, sources); !few) return std::unexpected(few.error());
    add_parts(sources);
    std::string columns, groups;
    for (size_t i = 0; i < by_.size(); ++i) {
      columns += fmt::format("{} AS g{}, ", column_of(by_[i]), i);
      groups += fmt::format("{}g{}", i == 0 ? "" : ", ", i);
    }
    Row row{.texts = std::vector<std::string>(by_.size()),
            .numbers = std::vector<int64_t>(by_.size()),
            .sum = {}};
    Database::UsageSum& sum = row.sum;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << columns
                    << "SUM(requests), SUM(failed), SUM(input_tokens), SUM(cache_read_tokens),"
                       " SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens),"
                       " SUM(cost), SUM(upstream_cost) FROM ("
                    << parts_text_ << ") parts GROUP BY " << groups
                    << (moves_ ? " HAVING SUM(requests) <> 0" : "") << " LIMIT "
                    << Database::kMostGroups + 1;
    for (int i = 0; i < parts_; ++i) use_filters(query);
    for (size_t i = 0; i < by_.size(); ++i) {
      if (is_number(by_[i])) {
        query, soci::into(row.numbers[i]);
      } else {
        query, soci::into(row.texts[i]);
      }
    }
    query, soci::into(sum.requests), soci::into(sum.failed), soci::into(sum.tokens.input),
        soci::into(sum.tokens.cache_read), soci::into(sum.tokens.cache_write),
        soci::into(sum.tokens.output), soci::into(sum.tokens.reasoning), soci::into(sum.cost.nanos),
        soci::into(sum.upstream_cost.nanos);
    soci::statement statement(query);
    statement.execute();
    std::vector<Row> rows;
    while (statement.fetch()) rows.push_back(row);
    if (rows.size() > Database::kMostGroups) return too_many();
    return named(sql, rows);
  }

  void use_filters(soci::details::prepare_temp_type& query) const {
    if (!filter_.key_name.empty()) query, soci::use(filter_.key_name);
    if (!filter_.model.empty()) query, soci::use(filter_.model);
    if (!filter_.provider.empty()) query, soci::use(filter_.provider);
  }

  using Names = std::unordered_map<int64_t, std::string>;

  Names users(soci::session& sql) const {
    Names names;
    if (!asks_for(By::kUser)) return names;
    int64_t id = 0;
    std::string name;
    soci::statement statement =
        (sql.prepare << "SELECT id, name FROM users", soci::into(id), soci::into(name));
    statement.execute();
    while (statement.fetch()) names.emplace(id, name);
    return names;
  }

  /// With names instead of numbers; a user that is gone has none.
  std::vector<Database::UsageSum> named(soci::session& sql, std::vector<Row>& rows) const {
    const Names names = users(sql);
    std::map<std::vector<std::string>, Database::UsageSum> sums;
    for (Row& row : rows) {
      std::vector<std::string> groups = std::move(row.texts);
      for (size_t i = 0; i < by_.size(); ++i) {
        if (by_[i] == By::kDay) groups[i] = date_of(row.numbers[i]);
        if (by_[i] != By::kUser) continue;
        const auto name = names.find(row.numbers[i]);
        groups[i] = name == names.end() ? "" : name->second;
      }
      add(sums[std::move(groups)], row.sum);
    }
    std::vector<Database::UsageSum> out;
    for (auto& [groups, sum] : sums) {
      sum.groups = groups;
      out.push_back(std::move(sum));
    }
    return out;
  }

  static void add(Database::UsageSum& to, const Database::UsageSum& more) {
    to.requests += more.requests;
    to.failed += more.failed;
    to.tokens.input += more.tokens.input;
    to.tokens.cache_read += more.tokens.cache_read;
    to.tokens.cache_write += more.tokens.cache_write;
    to.tokens.output += more.tokens.output;
    to.tokens.reasoning += more.tokens.reasoning;
    to.cost.nanos += more.cost.nanos;
    to.upstream_cost.nanos += more.upstream_cost.nanos;
  }

  const std::span<const By> by_;
  const Database::UsageFilter& filter_;
  const TimeZone& zone_;
  const Server server_;
  int64_t user_id_;
  int64_t rolled_ = 0;
  struct Offset {
    int64_t from, to, offset;  // ms
  };
  std::vector<Offset> offsets_;  // of the time that there is usage of
  bool whole_days_ = false;      // days are those of UTC
  bool moves_ = false;           // sums may have come to nothing
  std::string parts_text_;
  int parts_ = 0;
};

}  // namespace

Result<std::vector<Database::UsageSum>> SqlDatabase::usage_summary(std::span<const UsageBy> by,
                                                                   const UsageFilter& filter,
                                                                   const TimeZone& zone) {
  if (by.empty()) return fail(ErrorCode::kInvalidRequest, "Sums are by something.", "group_by");
  const Server server = sessions_->dialect().server;
  return sessions_->read(
      [&](soci::session& sql) { return Summary(by, filter, zone, server).run(sql); });
}

}  // namespace sluice::store
