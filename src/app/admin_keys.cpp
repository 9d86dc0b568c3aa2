// sluice key ...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "app/admin_ask.hpp"
#include "app/table.hpp"

namespace sluice::app {

namespace {

using Given = AdminCommands::Given;

int create_key(const Given& given) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("name", given.name);
  add_text(json, "user", given.user);
  add_text(json, "expires_at", given.expires_at);
  if (given.quota_tokens) json.member("quota_tokens", *given.quota_tokens);
  json.member("rpm", given.rpm).member("tpm", given.tpm).member("max_parallel", given.max_parallel);
  for (const auto& [name, list] :
       {std::pair{"models", &given.models}, {"allow_ips", &given.allow_ips}}) {
    json.key(name).begin_array();
    for (const std::string& each : *list) json.string(each);
    json.end_array();
  }
  json.end_object();
  const auto human = [](json::Value answer) {
    // The key alone on stdout, so that it can be piped to where it belongs.
    std::fprintf(stderr, "key %s \"%s\", shown only now:\n", shown(answer["id"]).c_str(),
                 shown(answer["name"]).c_str());
    return shown(answer["key"]) + "\n";
  };
  return ask(given, {.method = "POST",
                     .target = "/api/admin/keys",
                     .body = body,
                     .human = human,
                     .when_unsure = "sluice key list tells whether the key was made"});
}

std::string keys(json::Value answer) {
  return table({{.title = "ID", .field = "id", .number = true},
                {.title = "NAME", .field = "name"},
                {.title = "KEY", .field = "prefix"},
                {.title = "USER", .field = "user"},
                {.title = "FROM CONFIG", .field = "configured"},
                {.title = "ENABLED", .field = "enabled"},
                {.title = "QUOTA", .field = "quota_tokens", .number = true},
                {.title = "USED", .field = "used_tokens", .number = true},
                {.title = "RPM", .field = "rpm", .number = true},
                {.title = "TPM", .field = "tpm", .number = true},
                {.title = "PARALLEL", .field = "max_parallel", .number = true},
                {.title = "MODELS", .field = "models"},
                {.title = "EXPIRES", .field = "expires_at"}},
               rows_in(answer["data"]));
}

}  // namespace

void AdminCommands::add_keys(CLI::App& cli) {
  CLI::App& key = *cli.add_subcommand("key", "Keys of clients, in the database");
  key.require_subcommand(1);
  Given& given = *given_;

  CLI::App& create = add(key, "create", "Makes a key and shows it, once", create_key);
  create.add_option("name", given.name, "How logs and usage call it")->required();
  create.add_option("--user", given.user, "Whose wallet pays (default: nobody's)");
  create.add_option("--quota-tokens", given.quota_tokens,
                    "Tokens that it may use in all (default: unlimited)");
  create.add_option("--rpm", given.rpm, "Requests per minute (default: no limit)");
  create.add_option("--tpm", given.tpm, "Tokens per minute (default: no limit)");
  create.add_option("--max-parallel", given.max_parallel,
                    "Requests at the same time (default: no limit)");
  create.add_option("--models", given.models, "Models that it may use, gpt-* for a prefix")
      ->delimiter(',');
  create.add_option("--allow-ips", given.allow_ips, "Addresses and networks that may use it")
      ->delimiter(',');
  create.add_option("--expires-at", given.expires_at,
                    "When it stops working, such as 2027-01-31T00:00:00Z");

  add(key, "list", "All keys", [](const Given& g) {
    return ask(g, {.method = "GET", .target = "/api/admin/keys", .human = keys});
  });

  CLI::App& remove = add(key, "delete", "Ends a key; its usage stays", [](const Given& g) {
    return ask(g, {.method = "DELETE",
                   .target = fmt::format("/api/admin/keys/{}", g.id),
                   .human = [](json::Value answer) {
                     return fmt::format("deleted key {} \"{}\"\n", shown(answer["id"]),
                                        shown(answer["name"]));
                   }});
  });
  remove.add_option("id", given.id, "Its number in `sluice key list`")
      ->required()
      ->check(CLI::PositiveNumber);
}

}  // namespace sluice::app
