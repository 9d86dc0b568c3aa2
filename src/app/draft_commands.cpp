#include "app/draft_commands.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "app/command_values.hpp"
#include "app/table.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::app {

namespace {

struct Draft {
  std::string json;     // {rules?, groups?}, as the routes take it
  std::string version;  // that it was made from; empty where it does not say
};

/// What is told of a rule or group, and cannot be said of one.
bool is_told(std::string_view member) {
  constexpr std::string_view kTold[] = {"source",  "shadowed",   "in_force",
                                        "problem", "created_at", "updated_at"};
  return std::ranges::find(kTold, member) != std::end(kTold);
}

void write_entries(json::Writer& json, json::Value list) {
  json.begin_array();
  for (const json::Value& entry : rows_in(list)) {
    if (entry.kind() != json::Kind::kObject) {
      json.raw(entry.raw());
      continue;
    }
    json.begin_object();
    json::Members members(entry);
    for (json::Member each; members.next(each);) {
      // A text that is empty is shown, and not said.
      if (is_told(each.key.str()) || each.value.raw() == R"("")") continue;
      json.raw_member(each.key.str(), each.value.raw());
    }
    json.end_object();
  }
  json.end_array();
}

Result<Draft> read(const std::string& file) {
  const auto text = json_given("@" + file, file);
  if (!text) return std::unexpected(text.error());
  const json::Value value(*text);
  if (value.kind() != json::Kind::kObject) {
    return fail(ErrorCode::kConfig, fmt::format("{} is no {{rules, groups}}", file));
  }
  Draft draft;
  json::Writer json(draft.json);
  json.begin_object();
  json::Members members(value);
  for (json::Member each; members.next(each);) {
    const std::string name = each.key.str();
    if (name == "version") {
      draft.version = shown(each.value);
    } else if (each.value.kind() == json::Kind::kArray) {
      write_entries(json.key(name), each.value);
    } else {
      json.raw_member(name, each.value.raw());
    }
  }
  json.end_object();
  return draft;
}

std::string flows(json::Value answer) {
  constexpr Column kFlows[] = {{"DIALECT", "dialect"},         {"MODEL", "model"},
                               {"REQUESTS", "requests", true}, {"WENT TO", "went"},
                               {"NOW", "live.provider"},       {"BY THE DRAFT", "draft.provider"},
                               {"CHANGED", "changed"}};
  return table(kFlows, rows_in(answer["data"]), terminal_width()) + "\n" +
         details(answer["total"], terminal_width());
}

}  // namespace

void DraftCommands::add_dry_run(CLI::App& app) {
  app.add_option("--draft", file_, "File with other rules and groups (default: those in force)");
  app.add_option("--from", from_, "Of requests from this time on");
  app.add_option("--to", to_, "Of requests until before this time");
  app.add_option("--limit", limit_, "The newest so many requests")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  app.footer("Example: sluice route dry-run --draft draft.json --from 2026-11-01");
}

void DraftCommands::add_apply(CLI::App& app) {
  app.add_option("draft", file_, "File with rules and groups, as `sluice route show --json` has it")
      ->required();
  app.add_option("--base-version", base_version_,
                 "That the draft was made from (default: as the file says)");
  app.footer("Example: sluice route show --json > draft.json; sluice route apply draft.json");
}

int DraftCommands::dry_run(const Shared& shared) const {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  if (!file_.empty()) {
    const auto draft = read(file_);
    if (!draft) return complain(draft.error());
    json.raw_member("draft", draft->json);
  }
  json.key("traffic").begin_object();
  for (const auto& [name, value] : {std::pair{"from", &from_}, {"to", &to_}}) {
    if (!value->empty()) json.member(name, *value);
  }
  json.member("limit", limit_).end_object().end_object();
  return app::run(
      {.question = {.method = "POST", .target = "/api/admin/routing/dry-run", .body = body},
       .needs_gateway = true,
       .human = flows},
      shared);
}

int DraftCommands::apply(const Shared& shared) const {
  const auto draft = read(file_);
  if (!draft) return complain(draft.error());
  const std::string& version = base_version_.empty() ? draft->version : base_version_;
  if (version.empty()) {
    return complain({.code = ErrorCode::kConfig,
                     .message = fmt::format("{} does not say from which version it was made: say "
                                            "--base-version",
                                            file_),
                     .param = {}});
  }
  std::string body;
  json::Writer(body)
      .begin_object()
      .raw_member("draft", draft->json)
      .member("base_version", version)
      .end_object();
  return app::run(
      {.question = {.method = "POST", .target = "/api/admin/routing/apply", .body = body}}, shared);
}

}  // namespace sluice::app
