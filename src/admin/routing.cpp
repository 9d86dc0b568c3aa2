// Routing rules and groups: those of the configuration file, and those that stand in the database.
#include <algorithm>
#include <utility>

#include "admin/configuring.hpp"
#include "admin/routing_rows.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

using Kind = EffectiveConfig::Kind;
using store::GroupRow;
using store::RuleRow;

std::unexpected<Error> nothing() { return fail(ErrorCode::kNotFound, "There is no such entry."); }

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
};

template <typename Of>
Answer answer_row(const Call& call, int status, const typename Of::Row& row) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  write_row(json, *effective(call).state(), row);
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
  for (const auto& each : Of::of_file(*state)) write_row(json, each);
  for (const auto& each : Of::rows(state->rows)) write_row(json, *state, each);
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
  if (Status taken = take_fields(call.fields, row); !taken) return std::unexpected(taken.error());
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
  if (Status taken = take_fields(call.fields, *row); !taken) return std::unexpected(taken.error());
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

/// Rules and groups of the database as one, under the version that a draft is made from.
Answer answer_routing(const Call& call) {
  const auto state = effective(call).state();
  const std::string version = store::routing_version(state->rows);
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().member("version", version).key("rules").begin_array();
  for (const RuleRow& each : state->rows.rules) write_row(json, *state, each);
  json.end_array().key("groups").begin_array();
  for (const GroupRow& each : state->rows.groups) write_row(json, *state, each);
  json.end_array().end_object();
  answer.headers.emplace_back("etag", '"' + version + '"');
  return answer;
}

Result<Answer> show_routing(const Call& call) { return answer_routing(call); }

Result<Answer> apply_draft(const Call& call) {
  const auto base = call.fields.required_text("base_version", kMaxName);
  if (!base) return std::unexpected(base.error());
  EffectiveConfig& config = effective(call);
  call.before = answer_routing(call).body;
  RoutingDraft draft;
  const Status done = config.change(
      [&](EffectiveConfig::Rows& rows) -> Status {
        // Before anything is said of ids that somebody else has removed.
        if (store::routing_version(rows) != *base) {
          return fail(ErrorCode::kConflict, "Rules or groups have changed since.", "base_version");
        }
        auto read = read_draft(json::Value(call.fields.raw("draft")), rows);
        if (!read) return std::unexpected(read.error());
        draft = std::move(*read);
        put_draft(draft, rows);
        return {};
      },
      [&] {
        return call.service.database().catalog().replace_routing(draft.groups, draft.rules, *base);
      });
  if (!done) return std::unexpected(done.error());
  return answer_routing(call);
}

constexpr Field kDraft[] = {
    {"draft", FieldKind::kObject,
     "{rules?, groups?}: lists of what these routes take, in place of all that the database has; "
     "with its id what is to stay itself. A list that is absent stays as it is.",
     true},
    {"base_version", FieldKind::kText, "The version that the draft was made from.", true},
};

}  // namespace

std::span<const Route> routing_routes() {
  static const Route routes[] = {
      {.method = "GET",
       .pattern = "/api/admin/routing",
       .handle = show_routing,
       .summary = "All rules and groups of the database, and the version that they are.",
       .configures = true},
      {.method = "POST",
       .pattern = "/api/admin/routing/apply",
       .handle = apply_draft,
       .summary = "Puts a draft in the place of all rules and groups of the database, unless they "
                  "have changed since it was begun.",
       .body = kDraft,
       .configures = true},
      {.method = "GET",
       .pattern = "/api/admin/routing/rules",
       .handle = list<OfRules>,
       .summary = "Routing rules: those of the configuration file, then those of the database.",
       .configures = true,
       .short_list = true},
      {.method = "POST",
       .pattern = "/api/admin/routing/rules",
       .handle = add<OfRules>,
       .summary = "Adds a routing rule, which holds at once.",
       .body = rule_fields(true),
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
       .body = rule_fields(false),
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
       .configures = true,
       .short_list = true},
      {.method = "POST",
       .pattern = "/api/admin/routing/groups",
       .handle = add<OfGroups>,
       .summary = "Adds a group of targets that share load.",
       .body = group_fields(true),
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
       .body = group_fields(false),
       .configures = true},
      {.method = "DELETE",
       .pattern = "/api/admin/routing/groups/{id}",
       .handle = remove<OfGroups>,
       .summary = "Deletes a group of the database that nothing needs.",
       .configures = true},
  };
  return routes;
}

}  // namespace sluice::admin
