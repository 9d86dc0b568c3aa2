#include "admin/routing_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.hpp"
#include "json/slices.hpp"

namespace sluice::admin {

namespace {

using Kind = EffectiveConfig::Kind;
using store::GroupRow;
using store::RuleRow;

constexpr size_t kMaxModel = 250;
constexpr size_t kMaxMembers = 100;

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

void write_member(json::Writer& json, std::string_view target, std::string_view model,
                  int64_t weight) {
  json.begin_object().member("target", target).member("model", model);
  json.member("weight", weight).end_object();
}

Status take_texts(const Fields& fields,
                  std::span<const std::pair<std::string_view, std::string*>> texts) {
  for (const auto& [name, into] : texts) {
    if (!fields.given(name)) continue;
    if (fields.raw(name) == R"("")") {
      into->clear();
      continue;
    }
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

consteval auto fields_of_rule(bool needed) {
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

consteval auto fields_of_group(bool needed) {
  return std::to_array<Field>({
      {"name", FieldKind::kText, "Unique among providers and groups.", needed},
      {"strategy", FieldKind::kText,
       "round_robin, random, weighted_round_robin, least_connections, vram or predicted."},
      {"affinity", FieldKind::kText,
       "conversation: what goes on is asked of the member that has had it; or none."},
      {"resume", FieldKind::kText, "none, restart or continue; empty: as routing.resume."},
      {"members", FieldKind::kObjects,
       "A list of {target, model?, weight?}: a provider, or workers.", needed},
      {"enabled", FieldKind::kFlag, "false: kept, and not known by its name."},
  });
}

constexpr auto kNewRule = fields_of_rule(true);
constexpr auto kRuleChange = fields_of_rule(false);
constexpr auto kNewGroup = fields_of_group(true);
constexpr auto kGroupChange = fields_of_group(false);

template <typename Row>
struct DraftOf {
  std::string_view name;  // of the list
  std::span<const Field> fields;
};

/// One entry of a draft's list: as it is there where it has an id, and changed by its fields.
template <typename Row>
Result<Row> read_entry(json::Value value, const DraftOf<Row>& of, const std::vector<Row>& there) {
  std::vector<Field> known(of.fields.begin(), of.fields.end());
  known.push_back({"id", FieldKind::kCount, {}});
  // What is only told may stand in what was read before and is sent back.
  for (const std::string_view told : {"source", "shadowed", "in_force", "problem", "updated_at"}) {
    known.push_back({told, FieldKind::kText, {}});
  }
  const auto fields = Fields::parse(value.raw(), known);
  if (!fields) return std::unexpected(fields.error());
  const auto id = fields->count("id");
  if (!id) return std::unexpected(id.error());
  Row row;
  if (*id) {
    const auto old = std::ranges::find(there, **id, &Row::id);
    if (old == there.end()) {
      return fail(ErrorCode::kNotFound, fmt::format("{} have no id {}.", of.name, **id));
    }
    // What a draft does not say of it is as of a new one.
    row.id = old->id;
    row.version = old->version;
    row.updated_at = old->updated_at;
  }
  if (Status taken = take_fields(*fields, row); !taken) return std::unexpected(taken.error());
  return row;
}

template <typename Row>
Result<std::vector<Row>> read_list(json::Value draft, const DraftOf<Row>& of,
                                   const std::vector<Row>& there) {
  const json::Value list = draft[of.name];
  if (!list.exists()) return there;
  const std::string name(of.name);
  if (list.kind() != json::Kind::kArray) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("{} must be a list", name), name);
  }
  std::vector<Row> rows;
  json::Elements elements(list);
  for (json::Value each; elements.next(each);) {
    auto row = read_entry(each, of, there);
    if (!row) return std::unexpected(row.error());
    const bool twice = row->id != 0 && std::ranges::find(rows, row->id, &Row::id) != rows.end();
    if (twice || rows.size() == store::Catalog::kMost) {
      return fail(ErrorCode::kInvalidRequest,
                  twice ? fmt::format("id {} stands there twice", row->id)
                        : fmt::format("{} are {} at most", name, store::Catalog::kMost),
                  name);
    }
    rows.push_back(std::move(*row));
  }
  return rows;
}

/// Each new one needs an id by which it is told apart.
template <typename Row>
void number(std::vector<Row>& rows) {
  int64_t next = EffectiveConfig::kNew;
  for (Row& each : rows) {
    if (each.id == 0) each.id = next--;
  }
}

}  // namespace

void write_row(json::Writer& json, const EffectiveConfig::State& state, const RuleRow& rule) {
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

void write_row(json::Writer& json, const config::Rule& rule) {
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

void write_row(json::Writer& json, const EffectiveConfig::State& state, const GroupRow& group) {
  json.begin_object()
      .member("id", group.id)
      .member("name", group.name)
      .member("strategy", group.strategy)
      .member("affinity", group.affinity)
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

void write_row(json::Writer& json, const config::Group& group) {
  constexpr std::string_view kStrategies[] = {"round_robin",       "random", "weighted_round_robin",
                                              "least_connections", "vram",   "predicted"};
  constexpr std::string_view kResumes[] = {"none", "restart", "continue"};
  json.begin_object()
      .null_member("id")
      .member("name", group.name)
      .member("strategy", kStrategies[static_cast<size_t>(group.strategy)])
      .member("affinity", group.keep_conversations ? "conversation" : "none")
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

std::span<const Field> rule_fields(bool needed) {
  return needed ? std::span<const Field>(kNewRule) : kRuleChange;
}

std::span<const Field> group_fields(bool needed) {
  return needed ? std::span<const Field>(kNewGroup) : kGroupChange;
}

Status take_fields(const Fields& fields, RuleRow& row) {
  const std::pair<std::string_view, std::string*> texts[] = {{"type", &row.rule_type},
                                                             {"pattern", &row.pattern},
                                                             {"target", &row.provider_name},
                                                             {"model", &row.model}};
  if (Status taken = take_texts(fields, texts); !taken) return taken;
  if (Status taken = take_priority(fields, row.priority); !taken) return taken;
  return take_enabled(fields, row.enabled);
}

Status take_fields(const Fields& fields, GroupRow& row) {
  const std::pair<std::string_view, std::string*> texts[] = {{"name", &row.name},
                                                             {"strategy", &row.strategy},
                                                             {"affinity", &row.affinity},
                                                             {"resume", &row.resume}};
  if (Status taken = take_texts(fields, texts); !taken) return taken;
  if (row.strategy.empty()) row.strategy = "round_robin";
  if (row.affinity.empty()) row.affinity = "conversation";
  if (Status taken = take_members(fields, row); !taken) return taken;
  return take_enabled(fields, row.enabled);
}

Result<RoutingDraft> read_draft(json::Value draft, const EffectiveConfig::Rows& there) {
  constexpr Field kLists[] = {{"rules", FieldKind::kObjects, {}},
                              {"groups", FieldKind::kObjects, {}}};
  const auto lists = Fields::parse(draft.raw(), kLists);
  if (!lists) return std::unexpected(lists.error());
  auto rules = read_list<RuleRow>(draft, {"rules", kNewRule}, there.rules);
  if (!rules) return std::unexpected(rules.error());
  auto groups = read_list<GroupRow>(draft, {"groups", kNewGroup}, there.groups);
  if (!groups) return std::unexpected(groups.error());
  return RoutingDraft{.rules = std::move(*rules), .groups = std::move(*groups)};
}

void put_draft(const RoutingDraft& draft, EffectiveConfig::Rows& rows) {
  rows.rules = draft.rules;
  rows.groups = draft.groups;
  number(rows.rules);
  number(rows.groups);
}

}  // namespace sluice::admin
