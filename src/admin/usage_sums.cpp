// Sums of usage, and what was earned by it.
#include <algorithm>
#include <array>

#include "admin/usage.hpp"

namespace sluice::admin {

namespace {

using By = store::Database::UsageBy;
using Sum = store::Database::UsageSum;

constexpr std::pair<std::string_view, By> kGroups[] = {{"day", By::kDay},
                                                       {"model", By::kModel},
                                                       {"key", By::kKey},
                                                       {"user", By::kUser},
                                                       {"provider", By::kProvider}};

std::string_view name_of(By by) {
  return std::ranges::find(kGroups, by, &std::pair<std::string_view, By>::second)->first;
}

/// "day,model"; users see nothing of other users.
Result<std::vector<By>> groups_of(const Query& query, std::string_view otherwise, bool users) {
  auto text = query.text("group_by");
  if (!text) return std::unexpected(text.error());
  if (text->empty()) *text = otherwise;
  std::vector<By> groups;
  std::string_view rest = *text;
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    const auto found =
        std::ranges::find(kGroups, rest.substr(0, comma), &std::pair<std::string_view, By>::first);
    if (found == std::end(kGroups) || (!users && found->second == By::kUser) ||
        std::ranges::find(groups, found->second) != groups.end()) {
      return fail(ErrorCode::kInvalidRequest,
                  users ? "group_by must be of day, model, key, user, provider, each once"
                        : "group_by must be of day, model, key, provider, each once",
                  "group_by");
    }
    groups.push_back(found->second);
    if (more) rest.remove_prefix(comma + 1);
  }
  return groups;
}

/// What to say of a sum, behind its groups.
using Write = void (*)(json::Writer& json, const Sum& sum);

void write_usage(json::Writer& json, const Sum& sum) {
  json.member("requests", sum.requests).member("failed", sum.failed);
  write_counts(json, sum.tokens);
  json.member("cost", to_string(sum.cost));
}

/// Of 1, as a number with four digits; null where nothing was charged.
void write_margin(json::Writer& json, const Sum& sum) {
  const Money margin = checked_subtract(sum.cost, sum.upstream_cost).value_or(Money{});
  json.member("requests", sum.requests);
  write_counts(json, sum.tokens);
  json.member("charged", to_string(sum.cost))
      .member("upstream_cost", to_string(sum.upstream_cost))
      .member("margin", to_string(margin));
  if (sum.cost.is_zero()) {
    json.null_member("margin_share");
  } else {
    const double share =
        static_cast<double>(margin.nanos) / static_cast<double>(sum.cost.nanos) * 10'000;
    json.member("margin_share", static_cast<double>(static_cast<int64_t>(share)) / 10'000);
  }
}

std::string row_of(const std::vector<By>& by, const Sum& sum, Write write) {
  std::string text;
  json::Writer json(text);
  std::string all;
  for (const std::string& group : sum.groups) all += (all.empty() ? "" : ", ") + group;
  json.begin_object().member("group", all);
  if (by.size() > 1) {
    for (size_t i = 0; i < by.size(); ++i) {
      json.member(name_of(by[i]), i < sum.groups.size() ? sum.groups[i] : "");
    }
  }
  write(json, sum);
  json.end_object();
  return text;
}

/// False when it does not fit into 64 bits.
bool add(Sum& total, const Sum& more) {
  total.requests += more.requests;
  total.failed += more.failed;
  total.tokens.input += more.tokens.input;
  total.tokens.cache_read += more.tokens.cache_read;
  total.tokens.cache_write += more.tokens.cache_write;
  total.tokens.output += more.tokens.output;
  total.tokens.reasoning += more.tokens.reasoning;
  const auto cost = checked_add(total.cost, more.cost);
  const auto upstream_cost = checked_add(total.upstream_cost, more.upstream_cost);
  if (!cost || !upstream_cost) return false;
  total.cost = *cost;
  total.upstream_cost = *upstream_cost;
  return true;
}

Result<Answer> summarize(const Call& call, const std::vector<By>& by,
                         const Result<store::Database::UsageFilter>& filter, const TimeZone& zone,
                         Write write) {
  if (!filter) return std::unexpected(filter.error());
  const auto csv = wants_csv(call.query);
  if (!csv) return std::unexpected(csv.error());
  const auto sums = call.service.database().usage_summary(by, *filter, zone);
  if (!sums) return std::unexpected(sums.error());
  Sum total;
  std::vector<std::string> rows;
  for (const Sum& sum : *sums) {
    rows.push_back(row_of(by, sum, write));
    if (!add(total, sum)) {
      return fail(ErrorCode::kInternal, "the total does not fit into 64 bits");
    }
  }
  if (*csv) return csv_answer(row_of(by, {}, write), rows);
  Answer answer;
  json::Writer json(answer.body);
  std::string names;
  for (const By each : by) names += (names.empty() ? "" : ",") + std::string(name_of(each));
  json.begin_object().member("group_by", names).key("data").begin_array();
  for (const std::string& row : rows) json.raw(row);
  json.end_array().key("total").begin_object();
  write(json, total);
  json.end_object().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> summarize_usage(const Call& call) {
  const auto by = groups_of(call.query, "day", true);
  if (!by) return std::unexpected(by.error());
  const auto zone = zone_of(call.query);
  if (!zone) return std::unexpected(zone.error());
  return summarize(call, *by, filter_of(call.query, *zone), *zone, write_usage);
}

Result<Answer> summarize_own(const Call& call) {
  const auto by = groups_of(call.query, "day", false);
  if (!by) return std::unexpected(by.error());
  const auto zone = zone_of(call.query);
  if (!zone) return std::unexpected(zone.error());
  return summarize(call, *by, own_filter_of(call, *zone), *zone, write_usage);
}

Result<Answer> report_margin(const Call& call) {
  const auto by = groups_of(call.query, "model,provider", true);
  if (!by) return std::unexpected(by.error());
  const auto zone = zone_of(call.query);
  if (!zone) return std::unexpected(zone.error());
  return summarize(call, *by, filter_of(call.query, *zone), *zone, write_margin);
}

constexpr Field kSummary[] = {
    {"group_by", FieldKind::kText,
     "day, model, key, user, provider, or several of them; day when absent."},
    {"key", FieldKind::kText, "Name of a key."},
    {"user", FieldKind::kText, "Name of a user."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
    {"tz", FieldKind::kText, "Time zone of days, such as Europe/Berlin; UTC when absent."},
    {"format", FieldKind::kText, "csv instead of JSON."},
};

constexpr Field kOwnSummary[] = {
    {"group_by", FieldKind::kText,
     "day, model, key, provider, or several of them; day when absent."},
    {"key", FieldKind::kText, "Name of a key."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
    {"tz", FieldKind::kText, "Time zone of days, such as Europe/Berlin; UTC when absent."},
    {"format", FieldKind::kText, "csv instead of JSON."},
};

constexpr Field kMargin[] = {
    {"group_by", FieldKind::kText, "As for summaries; model,provider when absent."},
    {"key", FieldKind::kText, "Name of a key."},
    {"user", FieldKind::kText, "Name of a user."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
    {"tz", FieldKind::kText, "Time zone of days, such as Europe/Berlin; UTC when absent."},
    {"format", FieldKind::kText, "csv instead of JSON."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/usage/summary",
     .access = Access::kUser,
     .handle = summarize_own,
     .summary = "Sums of one's own usage, those of purged rows too.",
     .query = kOwnSummary,
     .short_list = true},
    {.method = "GET",
     .pattern = "/api/admin/usage/summary",
     .handle = summarize_usage,
     .summary = "Sums of usage, those of purged rows too.",
     .query = kSummary,
     .short_list = true},
    {.method = "GET",
     .pattern = "/api/admin/reports/margin",
     .handle = report_margin,
     .summary = "What was charged, against what providers charge for it.",
     .query = kMargin,
     .short_list = true},
};

}  // namespace

std::span<const Route> usage_sum_routes() { return kRoutes; }

}  // namespace sluice::admin
