// What the management API says and takes of routing rules and groups.
#pragma once

#include <span>

#include "admin/effective_config.hpp"
#include "admin/input.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

void write_row(json::Writer& json, const EffectiveConfig::State& state, const store::RuleRow& rule);
void write_row(json::Writer& json, const EffectiveConfig::State& state,
               const store::GroupRow& group);
/// Of the configuration file.
void write_row(json::Writer& json, const config::Rule& rule);
void write_row(json::Writer& json, const config::Group& group);

/// The fields of a body. `needed`: of a new one; else of a change.
std::span<const Field> rule_fields(bool needed);
std::span<const Field> group_fields(bool needed);

/// What the fields say of it; what they do not name stays. kInvalidRequest.
Status take_fields(const Fields& fields, store::RuleRow& rule);
Status take_fields(const Fields& fields, store::GroupRow& group);

/// Rules and groups that are to take the place of those in the database.
struct RoutingDraft {
  std::vector<store::RuleRow> rules;
  std::vector<store::GroupRow> groups;
};

/// From {rules?, groups?}, lists of what the routes take, each with its `id` where it is to stay
/// itself; a list that is absent stays as it is. kInvalidRequest, kNotFound for an id.
Result<RoutingDraft> read_draft(json::Value draft, const EffectiveConfig::Rows& there);
/// Puts it in the place of what is in `rows`.
void put_draft(const RoutingDraft& draft, EffectiveConfig::Rows& rows);

}  // namespace sluice::admin
