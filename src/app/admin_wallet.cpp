// sluice wallet ...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/admin_ask.hpp"
#include "app/table.hpp"
#include "base/ids.hpp"
#include "base/money.hpp"
#include "http/url.hpp"

namespace sluice::app {

namespace {

using Given = AdminCommands::Given;

std::string wallet_path(const std::string& user, std::string_view below = {}) {
  return fmt::format("/api/admin/users/{}/wallet{}", http::percent_encode(user), below);
}

std::string wallets(const std::vector<json::Value>& rows) {
  return table({{.title = "USER", .field = "user"},
                {.title = "BALANCE USD", .field = "balance", .number = true},
                {.title = "HELD", .field = "held", .number = true},
                {.title = "AVAILABLE", .field = "available", .number = true}},
               rows);
}

std::string entries(json::Value answer) {
  return table({{.title = "ID", .field = "id", .number = true},
                {.title = "TIME", .field = "at"},
                {.title = "KIND", .field = "kind"},
                {.title = "AMOUNT USD", .field = "amount", .number = true},
                {.title = "BALANCE", .field = "balance_after", .number = true},
                {.title = "BY", .field = "actor"},
                {.title = "REASON", .field = "reason"},
                {.title = "REFERENCE", .field = "reference"}},
               rows_in(answer["data"]));
}

std::string posted(json::Value answer) {
  const bool repeated = answer["repeated"].as_bool().value_or(false);
  const bool new_user = answer["new_user"].as_bool().value_or(false);
  return fmt::format("{} of {} USD{}{}\n", shown(answer["entry"]["kind"]),
                     shown(answer["entry"]["amount"]),
                     repeated ? ", posted before: nothing has changed" : "",
                     new_user ? ", for a user who is new" : "") +
         wallets({answer["wallet"]});
}

int post(const Given& given, std::string_view below) {
  const std::string key = given.idempotency_key.empty() ? make_id("cli-") : given.idempotency_key;
  std::string body;
  json::Writer json(body);
  json.begin_object().member("amount", given.amount);
  add_text(json, "reason", given.reason);
  json.member("idempotency_key", key).end_object();
  return ask(given,
             {.method = "POST",
              .target = wallet_path(given.user, below),
              .body = body,
              .human = posted,
              .when_unsure = "to try again without paying twice, add --idempotency-key " + key});
}

bool is_equal(json::Value answer) { return answer["equal"].as_bool().value_or(false); }

std::string verdict(json::Value answer) {
  if (is_equal(answer)) return "every balance is the sum of its entries\n";
  return table({{.title = "WHAT", .field = "what"},
                {.title = "KEPT", .field = "kept", .number = true},
                {.title = "RECOMPUTED", .field = "recomputed", .number = true}},
               rows_in(answer["differences"]));
}

int make_codes(const Given& given) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("amount", given.amount).member("count", given.count);
  add_text(json, "note", given.note);
  add_text(json, "expires_at", given.expires_at);
  json.end_object();
  const auto human = [](json::Value answer) {
    // The codes alone on stdout, so that they can be piped to where they belong.
    const std::vector<json::Value> made = rows_in(answer["data"]);
    std::fprintf(stderr, "%zu made, shown only now:\n", made.size());
    std::string lines;
    for (const json::Value& code : made) lines += shown(code["code"]) + "\n";
    return lines;
  };
  return ask(given, {.method = "POST",
                     .target = "/api/admin/codes",
                     .body = body,
                     .human = human,
                     .when_unsure = "sluice wallet code list tells whether they were made"});
}

std::string codes(json::Value answer) {
  return table({{.title = "ID", .field = "id", .number = true},
                {.title = "CODE", .field = "prefix"},
                {.title = "AMOUNT USD", .field = "amount", .number = true},
                {.title = "NOTE", .field = "note"},
                {.title = "BY", .field = "created_by"},
                {.title = "CREATED", .field = "created_at"},
                {.title = "EXPIRES", .field = "expires_at"},
                {.title = "REDEEMED", .field = "redeemed_at"},
                {.title = "BY USER", .field = "redeemed_by"}},
               rows_in(answer["data"]));
}

CLI::Validator amount_check() {
  return {[](const std::string& text) {
            const auto amount = parse_money(text);
            return amount ? std::string() : amount.error().message;
          },
          "USD"};
}

CLI::Validator name_check() {
  return {[](const std::string& text) {
            return text.empty() ? std::string("must not be empty") : std::string();
          },
          "NAME"};
}

}  // namespace

void AdminCommands::add_wallet(CLI::App& cli) {
  CLI::App& wallet = *cli.add_subcommand("wallet", "Balances of users and what made them");
  wallet.require_subcommand(1);
  Given& given = *given_;

  add(wallet, "list", "All wallets", [](const Given& g) {
    return ask(g, {.method = "GET",
                   .target = "/api/admin/wallets",
                   .human = [](json::Value answer) { return wallets(rows_in(answer["data"])); }});
  });
  CLI::App& show = add(wallet, "show", "One wallet", [](const Given& g) {
    return ask(g, {.method = "GET", .target = wallet_path(g.user), .human = [](json::Value answer) {
                     return wallets({answer});
                   }});
  });
  show.add_option("user", given.user, "Whose")->required()->check(name_check());

  CLI::App& list = add(wallet, "entries", "What was paid in and charged", [](const Given& g) {
    const std::string path = wallet_path(g.user, fmt::format("/transactions?limit={}", g.limit));
    return ask(g, {.method = "GET", .target = path, .human = entries});
  });
  list.add_option("user", given.user, "Whose")->required()->check(name_check());
  list.add_option("--limit", given.limit, "The newest so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));

  CLI::App& top_up =
      add(wallet, "top-up", "Pays money in", [](const Given& g) { return post(g, "/top-up"); });
  CLI::App& adjust = add(wallet, "adjust", "Corrects a balance, upwards or (-2.50) downwards",
                         [](const Given& g) { return post(g, "/adjust"); });
  for (CLI::App* command : {&top_up, &adjust}) {
    const bool needs_reason = command == &adjust;
    command->add_option("user", given.user, "Whose")->required()->check(name_check());
    command->add_option("amount", given.amount, "In USD, such as 2.50")
        ->required()
        ->check(amount_check());
    command->add_option("--reason", given.reason, needs_reason ? "Why" : "Why (may be left out)")
        ->required(needs_reason);
    command->add_option("--idempotency-key", given.idempotency_key,
                        "The same key again posts nothing again (default: a new one)");
  }

  add(wallet, "verify", "Recomputes every balance from its entries; exits with 1 when one differs",
      [](const Given& g) {
        return ask(g,
                   {.method = "POST",
                    .target = "/api/admin/wallets/verify",
                    .human = verdict,
                    .status = [](json::Value answer) { return is_equal(answer) ? 0 : kFailed; }});
      });
  add_codes(wallet);
}

void AdminCommands::add_codes(CLI::App& wallet) {
  CLI::App& code = *wallet.add_subcommand("code", "Codes that users redeem for money");
  code.require_subcommand(1);
  Given& given = *given_;

  CLI::App& create = add(code, "create", "Makes codes and shows them, once", make_codes);
  create.add_option("amount", given.amount, "What each pays, in USD")
      ->required()
      ->check(amount_check());
  create.add_option("--count", given.count, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  create.add_option("--note", given.note, "What they are for");
  create.add_option("--expires-at", given.expires_at,
                    "When they stop working, such as 2027-01-31T00:00:00Z");

  CLI::App& list = add(code, "list", "Codes, the newest first", [](const Given& g) {
    return ask(g, {.method = "GET",
                   .target = fmt::format("/api/admin/codes?limit={}", g.limit),
                   .human = codes});
  });
  list.add_option("--limit", given.limit, "The newest so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));

  CLI::App& remove = add(code, "delete", "Deletes one that nobody redeemed", [](const Given& g) {
    return ask(g, {.method = "DELETE",
                   .target = fmt::format("/api/admin/codes/{}", g.id),
                   .human = [](json::Value answer) {
                     return fmt::format("deleted code {}\n", shown(answer["id"]));
                   }});
  });
  remove.add_option("id", given.id, "Its number in `sluice wallet code list`")
      ->required()
      ->check(CLI::PositiveNumber);
}

}  // namespace sluice::app
