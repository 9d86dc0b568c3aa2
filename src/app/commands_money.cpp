// sluice wallet, price, usage: what is there, what it costs, and where it went.
#include <fmt/format.h>

#include "app/command.hpp"
#include "app/config_options.hpp"

namespace sluice::app {

namespace {

constexpr std::string_view kOwner = "Whose: name or id of a user or a team";

constexpr Column kWallets[] = {{"USER", "user"},
                               {"BALANCE USD", "balance", true},
                               {"HELD", "held", true},
                               {"AVAILABLE", "available", true}};
constexpr Column kEntries[] = {{"ID", "id", true},
                               {"TIME", "at"},
                               {"KIND", "kind"},
                               {"AMOUNT USD", "amount", true},
                               {"BALANCE", "balance_after", true},
                               {"BY", "actor"},
                               {"REASON", "reason"},
                               {"REFERENCE", "reference"}};
constexpr Column kDifferences[] = {
    {"WHAT", "what"}, {"KEPT", "kept", true}, {"RECOMPUTED", "recomputed", true}};
constexpr Column kCodes[] = {
    {"ID", "id", true},        {"CODE", "prefix"},          {"AMOUNT USD", "amount", true},
    {"NOTE", "note"},          {"BY", "created_by"},        {"CREATED", "created_at"},
    {"EXPIRES", "expires_at"}, {"REDEEMED", "redeemed_at"}, {"BY USER", "redeemed_by"}};
constexpr Column kPrices[] = {{"ID", "id", true},
                              {"MODEL", "model"},
                              {"FOR", "scope"},
                              {"INPUT", "input", true},
                              {"OUTPUT", "output", true},
                              {"CACHE READ", "cache_read", true},
                              {"CACHE WRITE", "cache_write", true},
                              {"SINCE", "valid_from"},
                              {"BY", "created_by"},
                              {"WITHDRAWN", "withdrawn"}};
constexpr Column kPreview[] = {{"MODEL", "model"},
                               {"REQUESTS", "requests", true},
                               {"CHARGED USD", "charged", true},
                               {"DRAFT", "draft", true},
                               {"DIFFERENCE", "difference", true}};
constexpr Column kUsage[] = {{"TIME", "at"},
                             {"KEY", "key"},
                             {"USER", "user"},
                             {"MODEL", "model"},
                             {"PROVIDER", "provider"},
                             {"INPUT", "input_tokens", true},
                             {"OUTPUT", "output_tokens", true},
                             {"BASIS", "basis"},
                             {"COST USD", "cost", true},
                             {"OUTCOME", "outcome"},
                             {"ID", "id"}};
constexpr Column kSums[] = {{"GROUP", "group"},
                            {"REQUESTS", "requests", true},
                            {"FAILED", "failed", true},
                            {"INPUT", "input_tokens", true},
                            {"CACHE READ", "cache_read_tokens", true},
                            {"CACHE WRITE", "cache_write_tokens", true},
                            {"OUTPUT", "output_tokens", true},
                            {"COST USD", "cost", true}};
constexpr Column kMargins[] = {{"GROUP", "group"},
                               {"REQUESTS", "requests", true},
                               {"CHARGED USD", "charged", true},
                               {"UPSTREAM USD", "upstream_cost", true},
                               {"MARGIN", "margin", true},
                               {"SHARE", "margin_share", true}};

constexpr Choice kGroups[] = {{"group_by", "day,model,key,user,provider", true}};
constexpr Renamed kScope[] = {{"scope", "for"}};
constexpr Shorthand kAllVersions[] = {
    {"--all", "versions", "all", "All versions that there have been, newest first"}};

std::string posted(json::Value answer) {
  const bool repeated = answer["repeated"].as_bool().value_or(false);
  const bool new_user = answer["new_user"].as_bool().value_or(false);
  return fmt::format("{} of {} USD{}{}\n", shown(answer["entry"]["kind"]),
                     shown(answer["entry"]["amount"]),
                     repeated ? ", posted before: nothing has changed" : "",
                     new_user ? ", for a user who is new" : "") +
         table(kWallets, {answer["wallet"]});
}

bool is_equal(json::Value answer) { return answer["equal"].as_bool().value_or(false); }

std::string verdict(json::Value answer) {
  if (is_equal(answer)) return "every balance is the sum of its entries\n";
  return table(kDifferences, rows_in(answer["differences"]));
}

int verified(json::Value answer) { return is_equal(answer) ? 0 : kFailed; }

/// The rows, and their total under the title of `first`.
std::string with_total(std::span<const Column> columns, json::Value answer) {
  std::vector<json::Value> rows = rows_in(answer["data"]);
  std::string total = fmt::format(R"({{"{}":"total")", columns.front().field);
  const std::string_view sums = answer["total"].raw();
  if (rows.empty() || sums.size() < 3) return table(columns, rows);
  total += fmt::format(",{}", sums.substr(1));
  rows.emplace_back(total);
  // What the groups are, in the place of the first title.
  std::string title = shown(answer["group_by"]);
  for (char& c : title) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  std::vector<Column> titled(columns.begin(), columns.end());
  if (!title.empty()) titled.front().title = title;
  return table(titled, rows, terminal_width());
}

std::string sums(json::Value answer) { return with_total(kSums, answer); }
std::string margins(json::Value answer) { return with_total(kMargins, answer); }
std::string preview(json::Value answer) { return with_total(kPreview, answer); }

constexpr Command kCommands[] = {
    {.words = "wallet list",
     .method = "GET",
     .pattern = "/api/admin/wallets",
     .example = "wallet list",
     .columns = kWallets},
    {.words = "wallet show",
     .method = "GET",
     .pattern = "/api/admin/users/{user}/wallet",
     .example = "wallet show alice",
     .subject = kOwner,
     .columns = kWallets},
    {.words = "wallet entries",
     .method = "GET",
     .pattern = "/api/admin/users/{user}/wallet/transactions",
     .example = "wallet entries alice --limit 10",
     .subject = kOwner,
     .columns = kEntries},
    {.words = "wallet top-up",
     .method = "POST",
     .pattern = "/api/admin/users/{user}/wallet/top-up",
     .example = "wallet top-up alice 25.00 --reason \"invoice 2026-117\"",
     .arguments = "amount",
     .subject = kOwner,
     .human = posted},
    {.words = "wallet adjust",
     .method = "POST",
     .pattern = "/api/admin/users/{user}/wallet/adjust",
     .example = "wallet adjust alice -2.50 --reason \"credited twice\"",
     .arguments = "amount",
     .subject = kOwner,
     .human = posted},
    {.words = "wallet verify",
     .method = "POST",
     .pattern = "/api/admin/wallets/verify",
     .example = "wallet verify",
     .help = "Recomputes every balance from its entries; exits with 1 when one differs.",
     .human = verdict,
     .status = verified},
    {.words = "wallet redeem",
     .method = "POST",
     .pattern = "/api/wallet/redeem",
     .example = "wallet redeem alice --code-file -",
     .help = "Pays a code's amount into the wallet of a user.",
     .as = ActAs::kArgument,
     .human = posted},
    {.words = "wallet code add",
     .method = "POST",
     .pattern = "/api/admin/codes",
     .example = "wallet code add 5.00 --count 100 > codes.txt",
     .also = "create",
     .arguments = "amount",
     .once = "code"},
    {.words = "wallet code list",
     .method = "GET",
     .pattern = "/api/admin/codes",
     .example = "wallet code list",
     .columns = kCodes},
    {.words = "wallet code remove",
     .method = "DELETE",
     .pattern = "/api/admin/codes/{id}",
     .example = "wallet code remove 100",
     .also = "delete",
     .subject = "Its number in `sluice wallet code list`",
     .numbered = true,
     .line = "deleted code {id}"},

    {.words = "price list",
     .method = "GET",
     .pattern = "/api/admin/models",
     .example = "price list --model gpt-4o",
     .options = "model",
     .shorthands = kAllVersions,
     .columns = kPrices},
    {.words = "price history",
     .method = "GET",
     .pattern = "/api/admin/models",
     .example = "price history --model gpt-4o",
     .help = "All versions of prices that there have been, newest first.",
     .options = "model",
     .fixed_query = "versions=all",
     .columns = kPrices},
    {.words = "price set",
     .method = "POST",
     .pattern = "/api/admin/models",
     .example = "price set gpt-4o 2.50 10 --cache-read 1.25",
     .also = "add",
     .arguments = "model,input,output",
     .renamed = kScope,
     .columns = kPrices},
    {.words = "price remove",
     .method = "DELETE",
     .pattern = "/api/admin/models/{id}",
     .example = "price remove 7",
     .also = "delete",
     .subject = "Its number in `sluice price list`",
     .numbered = true,
     .line = "price {id} of {model} is withdrawn"},
    {.words = "price preview",
     .method = "POST",
     .pattern = "/api/admin/models/preview",
     .example = "price preview --price gpt-4o,input=2,output=8 --from 2026-11-01",
     .human = preview},
    {.words = "price group",
     .method = "POST",
     .pattern = "/api/admin/price-groups",
     .example = "price group alice partners",
     .arguments = "user,group",
     .line = "{user}: {group}"},

    {.words = "usage list",
     .method = "GET",
     .pattern = "/api/admin/usage",
     .example = "usage list --user alice --from 2026-11-01",
     .bare = true,
     .columns = kUsage},
    {.words = "usage export",
     .method = "GET",
     .pattern = "/api/admin/usage",
     .example = "usage export --limit 100000 > usage.csv",
     .help = "Requests as comma-separated values, newest first.",
     .csv = true,
     .columns = kUsage},
    {.words = "usage show",
     .method = "GET",
     .pattern = "/api/admin/usage/{id}",
     .example = "usage show 0ccqhq6hn2k0",
     .subject = "Its id in `sluice usage list`"},
    {.words = "usage summary",
     .method = "GET",
     .pattern = "/api/admin/usage/summary",
     .example = "usage summary day,model --tz Europe/Berlin",
     .arguments = "group_by",
     .choices = kGroups,
     .columns = kSums,
     .human = sums},
    {.words = "usage margin",
     .method = "GET",
     .pattern = "/api/admin/reports/margin",
     .example = "usage margin model --from 2026-11-01",
     .arguments = "group_by",
     .choices = kGroups,
     .columns = kMargins,
     .human = margins},
};

}  // namespace

std::span<const Command> money_commands() { return kCommands; }

}  // namespace sluice::app
