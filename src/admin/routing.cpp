// Routing rules and groups: those of the configuration file, and those that stand in the database.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "admin/configuring.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

using Kind = EffectiveConfig::Kind;
using store::GroupRow;
using store::RuleRow;

constexpr size_t kMaxModel = 250;
constexpr size_t kMaxMembers = 100;

std::unexpected<Error> nothing() { return fail(ErrorCode::kNotFound, "There is no such entry."); }

void write_standing(json::Writer& json, const EffectiveConfig::Standing& standing, bool enabled,
                    int64_t updated_at) {
  json.member("source", "database")
      .member("shadowed", standing.shadowed)
      .member("in_force", enabled && !standing.shadowed && standing.problem.empty());
  if (!standing.problem.empty()) json.member("problem", standing.problem);
  json.member("updated_at", rfc3339(updated_at * 1'000'000));
}

void write_of_file(json::Writer& json) {
  json.member("source", "file").member("shadowed", false).member("in_force", true);
}

void write(json::Writer& json, const EffectiveConfig::State& state, const RuleRow& rule) {
  json.begin_object()
      .member("id", rule.id)
      .member("type", rule.rule_type)
      .member("pattern", rule.pattern)
      .member("target", rule.provider_name)
      .member("model", rule.model)
      .member("priority", rule.priority)
      .member("enabled", rule.enabled);
  write_standing(json, state.standing(Kind::kRule, rule.id), rule.enabled, rule.updated_at);
  json.end_object();
}

void write(json::Writer& json, const config::Rule& rule) {
  json.begin_object()
      .null_member("id")
      .member("type", rule.prefix ? "prefix" : "exact")
      .member("pattern", rule.pattern)
      .member("target", rule.target.name)
      .member("model", rule.target.model)
      .member("priority", rule.priority)
      .member("enabled", true);
  write_of_file(json);
  json.end_object();
}

void write_member(json::Writer& json, std::string_view target, std::string_view model,
                  int64_t weight) {
  json.begin_object().member("target", target).member("model", model);
  json.member("weight", weight).end_object();
}

void write(json::Writer& json, const EffectiveConfig::State& state, const GroupRow& group) {
  json.begin_object()
      .member("id", group.id)
      .member("name", group.name)
      .member("strategy", group.strategy)
      .member("resume", group.resume)
      .key("members")
      .begin_array();
  for (const store::MemberRow& each : group.members) {
    write_member(json, each.provider_name, each.model, each.weight);
  }
  json.end_array().member("enabled", group.enabled);
  write_standing(json, state.standing(Kind::kGroup, group.id), group.enabled, group.updated_at);
  json.end_object();
}

void write(json::Writer& json, const config::Group& group) {
  constexpr std::string_view kStrategies[] = {"round_robin",       "random", "weighted_round_robin",
                                              "least_connections", "vram",   "predicted"};
  constexpr std::string_view kResumes[] = {"none", "restart", "continue"};
  json.begin_object()
      .null_member("id")
      .member("name", group.name)
      .member("strategy", kStrategies[static_cast<size_t>(group.strategy)])
      .member("resume", group.resume ? kResumes[static_cast<size_t>(*group.resume)] : "")
      .key("members")
      .begin_array();
  for (const config::Member& each : group.members) {
    write_member(json, each.target.name, each.target.model, each.weight);
  }
  json.end_array().member("enabled", true);
  write_of_file(json);
  json.end_object();
}

/// What rules and groups differ in.
struct OfRules {
  using Row = RuleRow;
  static std::vector<Row>& rows(EffectiveConfig::Rows& all) { return all.rules; }
  static const std::vector<Row>& rows(const EffectiveConfig::Rows& all) { return all.rules; }
  static const auto& of_file(const EffectiveConfig::State& state) {
    return state.file->routing.rules;
  }
  static Status remove(store::Catalog& catalog, const Row& row) {
    return catalog.remove_rule(row.id, row.version);
  }
  static Status take(const Fields& fields, Row& row);
};

struct OfGroups {
  using Row = GroupRow;
  static std::vector<Row>& rows(EffectiveConfig::Rows& all) { return all.groups; }
  static const std::vector<Row>& rows(const EffectiveConfig::Rows& all) { return all.groups; }
  static const auto& of_file(const EffectiveConfig::State& state) {
    return state.file->routing.groups;
  }
  static Status remove(store::Catalog& catalog, const Row& row) {
    return catalog.remove_group(row.id, row.version);
  }
  static Status take(const Fields& fields, Row& row);
};

Status take_texts(const Fields& fields,
                  std::span<const std::pair<std::string_view, std::string*>> texts) {
  for (const auto& [name, into] : texts) {
    if (!fields.given(name)) continue;
    auto text = fields.text(name, kMaxModel);
    if (!text) return std::unexpected(text.error());
    *into = std::move(*text);
  }
  return {};
}

Status take_enabled(const Fields& fields, bool& into) {
  const auto enabled = fields.flag("enabled");
  if (!enabled) return std::unexpected(enabled.error());
  if (*enabled) into = **enabled;
  return {};
}

/// -2147483648 to 2147483647, as in the configuration file.
Status take_priority(const Fields& fields, int64_t& into) {
  if (!fields.has("priority")) return {};
  const auto number = json::Value(fields.raw("priority")).as_int();
  if (!number || *number < INT32_MIN || *number > INT32_MAX) {
    return fail(ErrorCode::kInvalidRequest, "priority must be a whole number", "priority");
  }
  into = *number;
  return {};
}

Status OfRules::take(const Fields& fields, Row& row) {
  const std::pair<std::string_view, std::string*> texts[] = {{"type", &row.rule_type},
                                                             {"pattern", &row.pattern},
                                                             {"target", &row.provider_name},
                                                             {"model", &row.model}};
  if (Status taken = take_texts(fields, texts); !taken) return taken;
  if (Status taken = take_priority(fields, row.priority); !taken) return taken;
  return take_enabled(fields, row.enabled);
}

Result<store::MemberRow> member_of(json::Value value) {
  const auto wrong = [](std::string_view what) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("a member {}", what), "members");
  };
  store::MemberRow member;
  json::Members fields(value);
  if (value.kind() != json::Kind::kObject) return wrong("must be {target, model?, weight?}");
  for (json::Member each; fields.next(each);) {
    if (each.key == "target" || each.key == "model") {
      auto text = each.value.as_string();
      if (!text || text->size() > kMaxModel) return wrong("has a target or model that is none");
      (each.key == "target" ? member.provider_name : member.model) = std::move(*text);
    } else if (each.key == "weight") {
      const auto weight = each.value.as_int();
      if (!weight || *weight < 1 || *weight > 1'000'000) {
        return wrong("has a weight from 1 to 1000000");
      }
      member.weight = *weight;
    } else {
      return wrong("has target, model and weight, and nothing else");
    }
  }
  if (member.provider_name.empty()) return wrong("needs a target");
  return member;
}

Status take_members(const Fields& fields, GroupRow& row) {
  if (!fields.given("members")) return {};
  const json::Value list(fields.raw("members"));
  if (list.kind() != json::Kind::kArray) {
    return fail(ErrorCode::kInvalidRequest, "members must be a list", "members");
  }
  row.members.clear();
  json::Elements elements(list.raw());
  for (json::Value each; elements.next(each);) {
    auto member = member_of(each);
    if (!member) return std::unexpected(member.error());
    row.members.push_back(std::move(*member));
    if (row.members.size() > kMaxMembers) {
      return fail(ErrorCode::kInvalidRequest, fmt::format("members are {} at most", kMaxMembers),
                  "members");
    }
  }
  return {};
}

Status OfGroups::take(const Fields& fields, Row& row) {
  const std::pair<std::string_view, std::string*> texts[] = {
      {"name", &row.name}, {"strategy", &row.strategy}, {"resume", &row.resume}};
  if (Status taken = take_texts(fields, texts); !taken) return taken;
  if (row.strategy.empty()) row.strategy = "round_robin";
  if (Status taken = take_members(fields, row); !taken) return taken;
  return take_enabled(fields, row.enabled);
}

template <typename Of>
Answer answer_row(const Call& call, int status, const typename Of::Row& row) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  write(json, *effective(call).state(), row);
  answer.headers.emplace_back("etag", etag_of(row.version));
  return answer;
}

template <typename Of>
Result<typename Of::Row> row_of(const Call& call) {
  const auto state = effective(call).state();
  const auto id = parse_u64(call.argument());
  for (const auto& each : Of::rows(state->rows)) {
    if (id && static_cast<uint64_t>(each.id) == *id) return each;
  }
  return nothing();
}

template <typename Of>
Result<Answer> list(const Call& call) {
  const auto state = effective(call).state();
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const auto& each : Of::of_file(*state)) write(json, each);
  for (const auto& each : Of::rows(state->rows)) write(json, *state, each);
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

template <typename Of>
Result<Answer> show(const Call& call) {
  const auto row = row_of<Of>(call);
  if (!row) return std::unexpected(row.error());
  return answer_row<Of>(call, 200, *row);
}

template <typename Of>
Result<Answer> add(const Call& call) {
  typename Of::Row row;
  if (Status taken = Of::take(call.fields, row); !taken) return std::unexpected(taken.error());
  const Status done = effective(call).change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        row.id = EffectiveConfig::kNew;
        Of::rows(rows).push_back(row);
        return {};
      },
      [&]() -> Status {
        auto made = call.service.database().catalog().add(row);
        if (!made) return std::unexpected(made.error());
        row = std::move(*made);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return answer_row<Of>(call, 201, row);
}

template <typename Of>
Result<Answer> change(const Call& call) {
  auto row = row_of<Of>(call);
  if (!row) return std::unexpected(row.error());
  if (Status same = check_match(call, row->version); !same) return std::unexpected(same.error());
  call.before = answer_row<Of>(call, 200, *row).body;
  if (Status taken = Of::take(call.fields, *row); !taken) return std::unexpected(taken.error());
  const Status done = effective(call).change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        auto& all = Of::rows(rows);
        const auto there = std::ranges::find(all, row->id, &Of::Row::id);
        if (there == all.end()) return nothing();
        *there = *row;
        return {};
      },
      [&]() -> Status {
        auto changed = call.service.database().catalog().change(*row);
        if (!changed) return std::unexpected(changed.error());
        *row = std::move(*changed);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return answer_row<Of>(call, 200, *row);
}

template <typename Of>
Result<Answer> remove(const Call& call) {
  const auto row = row_of<Of>(call);
  if (!row) return std::unexpected(row.error());
  if (Status same = check_match(call, row->version); !same) return std::unexpected(same.error());
  call.before = answer_row<Of>(call, 200, *row).body;
  const Status done = effective(call).change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        std::erase_if(Of::rows(rows), [&](const auto& each) { return each.id == row->id; });
        return {};
      },
      [&] { return Of::remove(call.service.database().catalog(), *row); });
  if (!done) return std::unexpected(done.error());
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", row->id)
      .member("deleted", true)
      .end_object();
  return answer;
}

consteval auto rule_fields(bool needed) {
  return std::to_array<Field>({
      {"type", FieldKind::kText,
       "exact or prefix: whether the pattern is a whole model name or its beginning.", needed},
      {"pattern", FieldKind::kText, "Model name, or its beginning with an optional * at the end.",
       needed},
      {"target", FieldKind::kText, "A provider, a group, or workers.", needed},
      {"model", FieldKind::kText, "Model name to send upstream; empty: as requested."},
      {"priority", FieldKind::kInteger, "Higher goes first; 0 when absent."},
      {"enabled", FieldKind::kFlag, "false: kept, and not followed."},
  });
}

consteval auto group_fields(bool needed) {
  return std::to_array<Field>({
      {"name", FieldKind::kText, "Unique among providers and groups.", needed},
      {"strategy", FieldKind::kText,
       "round_robin, random, weighted_round_robin, least_connections, vram or predicted."},
      {"resume", FieldKind::kText, "none, restart or continue; empty: as routing.resume."},
      {"members", FieldKind::kObjects,
       "A list of {target, model?, weight?}: a provider, or workers.", needed},
      {"enabled", FieldKind::kFlag, "false: kept, and not known by its name."},
  });
}

constexpr auto kNewRule = rule_fields(true);
constexpr auto kRuleChange = rule_fields(false);
constexpr auto kNewGroup = group_fields(true);
constexpr auto kGroupChange = group_fields(false);

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/routing/rules",
     .handle = list<OfRules>,
     .summary = "Routing rules: those of the configuration file, then those of the database.",
     .configures = true},
    {.method = "POST",
     .pattern = "/api/admin/routing/rules",
     .handle = add<OfRules>,
     .summary = "Adds a routing rule, which holds at once.",
     .body = kNewRule,
     .configures = true},
    {.method = "GET",
     .pattern = "/api/admin/routing/rules/{id}",
     .handle = show<OfRules>,
     .summary = "A routing rule of the database.",
     .configures = true},
    {.method = "PATCH",
     .pattern = "/api/admin/routing/rules/{id}",
     .handle = change<OfRules>,
     .summary = "Changes a routing rule of the database.",
     .body = kRuleChange,
     .configures = true},
    {.method = "DELETE",
     .pattern = "/api/admin/routing/rules/{id}",
     .handle = remove<OfRules>,
     .summary = "Deletes a routing rule of the database.",
     .configures = true},
    {.method = "GET",
     .pattern = "/api/admin/routing/groups",
     .handle = list<OfGroups>,
     .summary = "Groups: those of the configuration file, then those of the database.",
     .configures = true},
    {.method = "POST",
     .pattern = "/api/admin/routing/groups",
     .handle = add<OfGroups>,
     .summary = "Adds a group of targets that share load.",
     .body = kNewGroup,
     .configures = true},
    {.method = "GET",
     .pattern = "/api/admin/routing/groups/{id}",
     .handle = show<OfGroups>,
     .summary = "A group of the database.",
     .configures = true},
    {.method = "PATCH",
     .pattern = "/api/admin/routing/groups/{id}",
     .handle = change<OfGroups>,
     .summary = "Changes a group of the database.",
     .body = kGroupChange,
     .configures = true},
    {.method = "DELETE",
     .pattern = "/api/admin/routing/groups/{id}",
     .handle = remove<OfGroups>,
     .summary = "Deletes a group of the database that nothing needs.",
     .configures = true},
};

}  // namespace

std::span<const Route> routing_routes() { return kRoutes; }

}  // namespace sluice::admin
