// sluice price ...
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/admin_ask.hpp"
#include "app/table.hpp"

namespace sluice::app {

namespace {

using Given = AdminCommands::Given;

std::string price_table(json::Value answer) {
  return table({{.title = "ID", .field = "id", .number = true},
                {.title = "MODEL", .field = "model"},
                {.title = "FOR", .field = "scope"},
                {.title = "INPUT", .field = "input", .number = true},
                {.title = "OUTPUT", .field = "output", .number = true},
                {.title = "CACHE READ", .field = "cache_read", .number = true},
                {.title = "CACHE WRITE", .field = "cache_write", .number = true},
                {.title = "SINCE", .field = "valid_from"},
                {.title = "BY", .field = "created_by"},
                {.title = "WITHDRAWN", .field = "withdrawn"}},
               rows_in(answer["data"]));
}

int set_price(const Given& g) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  for (const auto& [name, value] : {std::pair{"model", &g.model},
                                    {"scope", &g.scope},
                                    {"input", &g.input},
                                    {"output", &g.output},
                                    {"cache_read", &g.cache_read},
                                    {"cache_write", &g.cache_write}}) {
    add_text(json, name, *value);
  }
  json.end_object();
  return ask(g, {.method = "POST",
                 .target = "/api/admin/models",
                 .body = body,
                 .human = [](json::Value answer) {
                   return fmt::format("price {}: {} {} {} USD in, {} USD out per 1M tokens\n",
                                      shown(answer["id"]), shown(answer["model"]),
                                      shown(answer["scope"]), shown(answer["input"]),
                                      shown(answer["output"]));
                 }});
}

}  // namespace

void AdminCommands::add_prices(CLI::App& cli) {
  Given& given = *given_;
  CLI::App& price = *cli.add_subcommand("price", "Prices of models");
  price.require_subcommand(1);

  CLI::App& list = add(price, "list", "Prices that are in force", [](const Given& g) {
    std::string query;
    add_parameter(query, "model", g.model);
    if (g.all_versions) query += (query.empty() ? "?" : "&") + std::string("versions=all");
    return ask(g, {.method = "GET", .target = "/api/admin/models" + query, .human = price_table});
  });
  list.add_option("--model", given.model, "Only of this model");
  list.add_flag("--all", given.all_versions, "All versions that there have been, newest first");

  CLI::App& set = add(price, "set", "Sets a price, for requests from now on", set_price);
  set.add_option("model", given.model, "As clients ask for it; '*': all that have no price")
      ->required();
  set.add_option("input", given.input, "USD for 1M input tokens")->required();
  set.add_option("output", given.output, "USD for 1M output tokens")->required();
  set.add_option("--cache-read", given.cache_read, "USD for 1M tokens from a cache; else as input");
  set.add_option("--cache-write", given.cache_write,
                 "USD for 1M tokens into a cache; else as input");
  set.add_option("--for", given.scope,
                 "user:NAME, group:NAME, or upstream:PROVIDER, which is what that charges; else "
                 "everybody");

  CLI::App& remove = add(price, "delete", "Withdraws a price", [](const Given& g) {
    return ask(g, {.method = "DELETE",
                   .target = fmt::format("/api/admin/models/{}", g.id),
                   .human = [](json::Value answer) {
                     return fmt::format("price {} of {} is withdrawn\n", shown(answer["id"]),
                                        shown(answer["model"]));
                   }});
  });
  remove.add_option("id", given.id, "As `sluice price list` shows it")->required();

  CLI::App& group =
      add(price, "group", "Puts a user into a group whose prices he gets", [](const Given& g) {
        std::string body;
        json::Writer json(body);
        json.begin_object().member("user", g.user);
        add_text(json, "group", g.group);
        json.end_object();
        return ask(g, {.method = "POST",
                       .target = "/api/admin/price-groups",
                       .body = body,
                       .human = [](json::Value answer) {
                         return fmt::format("{}: {}\n", shown(answer["user"]),
                                            shown(answer["group"]));
                       }});
      });
  group.add_option("user", given.user, "Name of a user")->required();
  group.add_option("group", given.group, "Name of the group; absent: none");
}

}  // namespace sluice::app
