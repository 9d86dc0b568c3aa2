#include "api/dry_run_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "admin/input.hpp"
#include "json/writer.hpp"
#include "relay/explain.hpp"

namespace sluice::api {

namespace {

using admin::FieldKind;

constexpr admin::Field kTraffic[] = {
    {.name = "from", .kind = FieldKind::kTime},
    {.name = "to", .kind = FieldKind::kTime},
    {.name = "limit", .kind = FieldKind::kCount},
};
constexpr int64_t kUsualRequests = 1000;
constexpr int64_t kMostRequests = 10'000;
constexpr size_t kMostModels = 500;  // of each dialect; a model's name is the client's to choose

/// Requests that are planned alike.
struct Flow {
  int64_t requests = 0;
  int64_t prompt_tokens = 0;  // of all of them
  std::map<std::string, int64_t> went;
};
using Flows = std::map<std::pair<std::string, std::string>, Flow>;  // by dialect and model

Result<int64_t> time_in(const admin::Fields& fields, std::string_view name, int64_t otherwise) {
  const auto seconds = fields.time(name);
  if (!seconds) return std::unexpected(seconds.error());
  return *seconds ? **seconds * 1000 : otherwise;
}

Result<Flows> read_flows(store::Database& database, store::Database::UsageFilter filter,
                         int64_t most) {
  Flows flows;
  while (most > 0) {
    filter.limit = static_cast<int>(std::min<int64_t>(most, admin::kMaxPage));
    const auto rows = database.usage(filter);
    if (!rows) return std::unexpected(rows.error());
    for (const store::Settlement& row : *rows) {
      const std::pair name(row.dialect, row.requested_model);
      if (row.requested_model.empty()) continue;
      if (!flows.contains(name) && flows.size() >= kMostModels) continue;
      Flow& flow = flows[name];
      ++flow.requests;
      flow.prompt_tokens += row.counted_input;
      ++flow.went[row.provider.empty() ? "nobody" : row.provider];
    }
    most -= static_cast<int64_t>(rows->size());
    if (rows->size() < static_cast<size_t>(filter.limit)) break;
    filter.before_id = rows->back().id;
  }
  return flows;
}

dialect::Endpoint endpoint_of(std::string_view dialect) {
  if (dialect == "anthropic") return dialect::Endpoint::kMessages;
  return dialect == "responses" ? dialect::Endpoint::kResponses
                                : dialect::Endpoint::kChatCompletions;
}

/// Everybody in the order in which they would be asked: what two tables are compared by, since who
/// is picked may be chance.
std::string plan_of(const Result<relay::Explanation>& explanation) {
  if (!explanation) return "error " + explanation.error().message;
  std::string plan;
  for (const auto& tier : explanation->tiers) {
    plan += tier.name + '\n';
    for (const relay::Explained& each : tier.targets) {
      plan += fmt::format(" {} {} {}\n", each.provider, each.model, each.weight);
    }
  }
  return plan;
}

void write_plan(json::Writer& json, std::string_view name,
                const Result<relay::Explanation>& explanation) {
  json.key(name).begin_object();
  if (!explanation) {
    json.member("error", explanation.error().message).end_object();
    return;
  }
  const relay::Explained* pick = explanation->pick();
  json.member("rule", explanation->rule)
      .member("target", explanation->tiers.empty() ? "" : explanation->tiers.front().name)
      .member("provider", pick != nullptr ? pick->provider : "")
      .member("model", pick != nullptr ? pick->model : "")
      .end_object();
}

}  // namespace

Result<std::string> explain_traffic(store::Database& database, workers::Dispatcher& dispatcher,
                                    const Tables& tables, std::string_view body) {
  const auto fields = admin::Fields::parse(body, kTraffic);
  if (!fields) return std::unexpected(fields.error());
  const auto from = time_in(*fields, "from", 0);
  if (!from) return std::unexpected(from.error());
  const auto to = time_in(*fields, "to", INT64_MAX);
  if (!to) return std::unexpected(to.error());
  const auto limit = fields->count("limit");
  if (!limit) return std::unexpected(limit.error());
  const int64_t most = limit->value_or(kUsualRequests);
  if (most < 1 || most > kMostRequests) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("limit must be from 1 to {}", kMostRequests), "limit");
  }
  const auto flows = read_flows(database, {.from = *from, .to = *to}, most);
  if (!flows) return std::unexpected(flows.error());

  int64_t requests = 0;
  int64_t changed = 0;
  int64_t unroutable = 0;
  const TimePoint at = sluice::now();
  std::string out;
  json::Writer json(out);
  json.begin_object().key("data").begin_array();
  for (const auto& [name, flow] : *flows) {
    const relay::Hypothesis hypothesis{.model = name.second,
                                       .endpoint = endpoint_of(name.first),
                                       .prompt_tokens = flow.prompt_tokens / flow.requests,
                                       .output_tokens = 0,
                                       .prefix = {}};
    const auto live = relay::explain(tables.live, dispatcher, hypothesis, at);
    json.begin_object()
        .member("dialect", name.first)
        .member("model", name.second)
        .member("requests", flow.requests)
        .key("went")
        .begin_object();
    for (const auto& [provider, count] : flow.went) json.member(provider, count);
    json.end_object();
    write_plan(json, "live", live);
    bool lost = !live.has_value();
    if (tables.draft != nullptr) {
      const auto draft = relay::explain(*tables.draft, dispatcher, hypothesis, at);
      const bool differs = plan_of(live) != plan_of(draft);
      write_plan(json, "draft", draft);
      json.member("changed", differs);
      if (differs) changed += flow.requests;
      lost = !draft.has_value();
    }
    json.end_object();
    requests += flow.requests;
    if (lost) unroutable += flow.requests;
  }
  json.end_array().key("total").begin_object().member("requests", requests);
  if (tables.draft != nullptr) json.member("changed", changed);
  json.member("unroutable", unroutable).end_object().end_object();
  return out;
}

}  // namespace sluice::api
