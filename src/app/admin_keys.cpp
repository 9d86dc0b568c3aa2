// sluice key ...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <utility>

#include "app/admin_ask.hpp"
#include "app/table.hpp"

namespace sluice::app {

namespace {

using Given = AdminCommands::Given;

constexpr std::string_view kNone = "none";
constexpr int64_t kAtOnce = 1000;

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What was given: a limit that is "none" as null.
void add_limit(json::Writer& json, std::string_view name, const std::optional<std::string>& value) {
  if (!value) return;
  if (*value == kNone) {
    json.null_member(name);
  } else {
    json.member(name, *value);
  }
}

void add_list(json::Writer& json, std::string_view name, const std::vector<std::string>& list) {
  if (list.empty()) return;
  json.key(name).begin_array();
  for (const std::string& each : list) {
    if (each != kNone) json.string(each);
  }
  json.end_array();
}

/// The fields that create and change share.
void add_options(json::Writer& json, const KeyOptions& options) {
  if (const auto& quota = options.quota_tokens; quota && is_number(*quota)) {
    json.key("quota_tokens").raw(*quota);
  } else {
    add_limit(json, "quota_tokens", quota);
  }
  add_limit(json, "quota_usd", options.quota_usd);
  if (options.day || options.week || options.month) {
    json.key("budgets").begin_object();
    add_limit(json, "day", options.day);
    add_limit(json, "week", options.week);
    add_limit(json, "month", options.month);
    json.end_object();
  }
  for (const auto& [name, value] : {std::pair{"rpm", options.rpm},
                                    {"tpm", options.tpm},
                                    {"max_parallel", options.max_parallel}}) {
    if (value) json.member(name, *value);
  }
  add_list(json, "models", options.models);
  add_list(json, "allow_ips", options.allow_ips);
  add_limit(json, "expires_at", options.expires_at);
  add_limit(json, "mode", options.mode);
}

/// The key alone on stdout, so that it can be piped to where it belongs.
std::string show_text(json::Value answer) {
  std::fprintf(stderr, "key %s \"%s\", shown only now:\n", shown(answer["id"]).c_str(),
               shown(answer["name"]).c_str());
  return shown(answer["key"]) + "\n";
}

int create_key(const Given& given) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("name", given.name);
  add_text(json, "user", given.user);
  add_options(json, given.key_options);
  json.end_object();
  return ask(given, {.method = "POST",
                     .target = "/api/admin/keys",
                     .body = body,
                     .human = show_text,
                     .when_unsure = "sluice key list tells whether the key was made"});
}

std::string target_of(const Given& given) { return fmt::format("/api/admin/keys/{}", given.id); }

std::string key_lines(json::Value key) {
  std::string out;
  const auto line = [&](std::string_view title, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<14}{}\n", title, value);
  };
  line("id", shown(key["id"]));
  line("name", shown(key["name"]));
  line("key", shown(key["prefix"]) + "...");
  line("user", shown(key["user"]));
  for (const char* field :
       {"configured", "enabled", "quota_tokens", "used_tokens", "quota_usd", "used_usd"}) {
    line(field, shown(key[field]));
  }
  for (const char* span : {"day", "week", "month"}) {
    const std::string budget = shown(key["budgets"][span]);
    const std::string spent = shown(key["spent"][span]);
    line(span, budget.empty() ? spent + " USD spent" : spent + " of " + budget + " USD spent");
  }
  for (const char* field : {"rpm", "tpm", "max_parallel", "models", "allow_ips", "mode",
                            "expires_at", "replaces", "last_used_at", "created_at"}) {
    line(field, shown(key[field]));
  }
  return out;
}

int change_key(const Given& given) {
  const KeyOptions& options = given.key_options;
  std::string body;
  json::Writer json(body);
  json.begin_object();
  if (options.name) json.member("name", *options.name);
  if (options.enable || options.disable) json.member("enabled", options.enable);
  add_options(json, options);
  json.end_object();
  return ask(given,
             {.method = "PATCH", .target = target_of(given), .body = body, .human = key_lines});
}

int rotate_key(const Given& given) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  if (given.key_options.overlap) json.member("overlap_seconds", *given.key_options.overlap);
  json.end_object();
  return ask(given, {.method = "POST",
                     .target = target_of(given) + "/rotate",
                     .body = body,
                     .human = show_text,
                     .when_unsure = "sluice key list tells whether the key was made"});
}

std::string keys(json::Value answer) {
  std::string out = table({{.title = "ID", .field = "id", .number = true},
                           {.title = "NAME", .field = "name"},
                           {.title = "KEY", .field = "prefix"},
                           {.title = "USER", .field = "user"},
                           {.title = "FROM CONFIG", .field = "configured"},
                           {.title = "ENABLED", .field = "enabled"},
                           {.title = "QUOTA", .field = "quota_tokens", .number = true},
                           {.title = "USED", .field = "used_tokens", .number = true},
                           {.title = "QUOTA USD", .field = "quota_usd", .number = true},
                           {.title = "USED USD", .field = "used_usd", .number = true},
                           {.title = "RPM", .field = "rpm", .number = true},
                           {.title = "TPM", .field = "tpm", .number = true},
                           {.title = "PARALLEL", .field = "max_parallel", .number = true},
                           {.title = "MODELS", .field = "models"},
                           {.title = "EXPIRES", .field = "expires_at"}},
                          rows_in(answer["data"]));
  if (const std::string next = shown(answer["next_cursor"]); !next.empty()) {
    out += fmt::format("more: sluice key list --cursor {}\n", next);
  }
  return out;
}

int list_keys(const Given& given) {
  std::string query;
  add_parameter(query, "limit", std::to_string(given.page.value_or(kAtOnce)));
  add_parameter(query, "cursor", given.cursor);
  add_parameter(query, "user", given.user);
  return ask(given, {.method = "GET", .target = "/api/admin/keys" + query, .human = keys});
}

/// The limits of a key, for create and for change.
void add_limits(CLI::App& command, KeyOptions& options, bool change) {
  const std::string none = change ? "; none: no limit" : " (default: no limit)";
  command.add_option("--quota-tokens", options.quota_tokens,
                     "Tokens that it may use in all" + none);
  command.add_option("--quota-usd", options.quota_usd, "USD that it may spend in all" + none);
  command.add_option("--budget-day", options.day, "USD in a day, UTC" + none);
  command.add_option("--budget-week", options.week, "USD from Monday to Sunday, UTC" + none);
  command.add_option("--budget-month", options.month, "USD in a month, UTC" + none);
  command.add_option("--rpm", options.rpm, "Requests per minute; 0: no limit");
  command.add_option("--tpm", options.tpm, "Tokens per minute; 0: no limit");
  command.add_option("--max-parallel", options.max_parallel,
                     "Requests at the same time; 0: no limit");
  command
      .add_option(
          "--models", options.models,
          "Models that it may use, gpt-* for a prefix" + std::string(change ? "; none: all" : ""))
      ->delimiter(',');
  command
      .add_option(
          "--allow-ips", options.allow_ips,
          "Addresses and networks that may use it" + std::string(change ? "; none: all" : ""))
      ->delimiter(',');
  command.add_option("--expires-at", options.expires_at,
                     "When it stops working, such as 2027-01-31T00:00:00Z" +
                         std::string(change ? "; none: never" : ""));
  command.add_option("--mode", options.mode,
                     "Of conversion: strict or lenient" +
                         std::string(change ? "; none: the configuration's" : ""));
}

void add_id(CLI::App& command, Given& given) {
  command.add_option("id", given.id, "Its number in `sluice key list`")
      ->required()
      ->check(CLI::PositiveNumber);
}

}  // namespace

void AdminCommands::add_keys(CLI::App& cli) {
  CLI::App& key = *cli.add_subcommand("key", "Keys of clients, in the database");
  key.require_subcommand(1);
  Given& given = *given_;
  KeyOptions& options = given.key_options;

  CLI::App& create = add(key, "create", "Makes a key and shows it, once", create_key);
  create.add_option("name", given.name, "How logs and usage call it")->required();
  create.add_option("--user", given.user, "Whose wallet pays (default: nobody's)");
  add_limits(create, options, false);

  CLI::App& list = add(key, "list", "All keys, in the order of their ids", list_keys);
  list.add_option("--user", given.user, "Only those of this user");
  list.add_option("--limit", given.page, "At most so many (default: 1000)")
      ->check(CLI::Range(int64_t{1}, kAtOnce));
  list.add_option("--cursor", given.cursor, "Goes on where another list ended");

  add_id(add(key, "show", "All that is known of a key",
             [](const Given& g) {
               return ask(g, {.method = "GET", .target = target_of(g), .human = key_lines});
             }),
         given);

  CLI::App& change = add(key, "change", "Changes what is given of a key", change_key);
  add_id(change, given);
  change.add_option("--name", options.name, "How logs and usage call it");
  CLI::Option* enable = change.add_flag("--enable", options.enable, "Lets it work again");
  change.add_flag("--disable", options.disable, "Stops it")->excludes(enable);
  add_limits(change, options, true);

  CLI::App& rotate =
      add(key, "rotate", "Makes a key in the place of another, and shows it, once", rotate_key);
  add_id(rotate, given);
  rotate.add_option("--overlap", options.overlap,
                    "Seconds for which the old one still works (default: 86400)");

  add_id(add(key, "delete", "Ends a key; its usage stays",
             [](const Given& g) {
               return ask(
                   g, {.method = "DELETE", .target = target_of(g), .human = [](json::Value answer) {
                         return fmt::format("deleted key {} \"{}\"\n", shown(answer["id"]),
                                            shown(answer["name"]));
                       }});
             }),
         given);
}

}  // namespace sluice::app
