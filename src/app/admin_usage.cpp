// sluice usage ...
#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <utility>

#include "admin/client.hpp"
#include "app/admin_ask.hpp"
#include "app/table.hpp"
#include "base/text.hpp"

namespace sluice::app {

namespace {

using Given = AdminCommands::Given;
using Rows = std::vector<json::Value>;

const std::vector<Column>& usage_columns() {
  static const std::vector<Column> columns = {
      {.title = "TIME", .field = "at"},
      {.title = "KEY", .field = "key"},
      {.title = "USER", .field = "user"},
      {.title = "MODEL", .field = "model"},
      {.title = "PROVIDER", .field = "provider"},
      {.title = "INPUT", .field = "input_tokens", .number = true},
      {.title = "CACHED", .field = "cache_read_tokens", .number = true},
      {.title = "OUTPUT", .field = "output_tokens", .number = true},
      {.title = "BASIS", .field = "basis"},
      {.title = "COST USD", .field = "cost", .number = true},
      {.title = "OUTCOME", .field = "outcome"},
      {.title = "MS", .field = "duration_ms", .number = true}};
  return columns;
}

enum class Form : uint8_t { kTable, kJson, kCsv };

std::string csv(const Rows& rows, bool with_header) {
  std::string out;
  if (with_header && !rows.empty()) out = csv_header(rows.front());
  for (const json::Value& row : rows) out += csv_line(row);
  return out;
}

std::string json_of(const Rows& rows) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("data").begin_array();
  for (const json::Value& row : rows) json.raw(row.raw());
  json.end_array().end_object();
  return out + '\n';
}

std::string sums(const std::string& group_by, json::Value answer, Form form) {
  Rows rows = rows_in(answer["data"]);
  if (form == Form::kCsv) return csv(rows, true);
  const std::string total = R"({"group":"total",)" + std::string(answer["total"].raw().substr(1));
  if (!rows.empty()) rows.emplace_back(total);
  std::string title = group_by;
  for (char& c : title) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return table({{.title = title, .field = "group"},
                {.title = "REQUESTS", .field = "requests", .number = true},
                {.title = "INPUT", .field = "input_tokens", .number = true},
                {.title = "CACHE READ", .field = "cache_read_tokens", .number = true},
                {.title = "CACHE WRITE", .field = "cache_write_tokens", .number = true},
                {.title = "OUTPUT", .field = "output_tokens", .number = true},
                {.title = "COST USD", .field = "cost", .number = true}},
               rows);
}

/// Page by page, as many rows as were asked for.
int print_usage(const Given& given, const std::string& query, Form form) {
  const auto config = load_config(given.config.load_options());
  if (!config) return complain(config.error());
  auto client = admin::Client::open(**config);
  if (!client) return complain(client.error(), kFailed);
  std::deque<std::string> pages;  // what the rows point into
  Rows rows;
  std::string cursor;
  size_t left = static_cast<size_t>(given.limit);
  bool first = true;
  do {
    std::string parameters = query;
    add_parameter(parameters, "limit", std::to_string(std::min<size_t>(left, 1000)));
    add_parameter(parameters, "cursor", cursor);
    auto page = client->ask("GET", "/api/admin/usage" + parameters);
    if (!page) return complain(page.error(), kFailed);
    const json::Value answer(pages.emplace_back(std::move(*page)));
    for (const json::Value& row : rows_in(answer["data"])) rows.push_back(row);
    left -= std::min(left, rows_in(answer["data"]).size());
    cursor = answer["next_cursor"].as_string().value_or("");
    if (form == Form::kCsv) {
      // Line by line, so that a million rows need no more memory than a thousand.
      print(csv(std::exchange(rows, {}), std::exchange(first, false)));
      pages.clear();
    }
  } while (!cursor.empty() && left > 0);
  if (form == Form::kTable) print(table(usage_columns(), rows));
  if (form == Form::kJson) print(json_of(rows));
  say_where(given, *client, **config);
  return 0;
}

}  // namespace

namespace {

std::string filter_of(const Given& g) {
  std::string query;
  for (const auto& [name, value] : {std::pair{"key", &g.key},
                                    {"user", &g.user},
                                    {"model", &g.model},
                                    {"provider", &g.provider},
                                    {"from", &g.from},
                                    {"to", &g.to},
                                    {"tz", &g.zone}}) {
    add_parameter(query, name, *value);
  }
  return query;
}

int summarize(const Given& g, Form form) {
  std::string query = filter_of(g);
  add_parameter(query, "group_by", g.group_by);
  return ask(g, {.method = "GET",
                 .target = "/api/admin/usage/summary" + query,
                 .human = [&](json::Value answer) { return sums(g.group_by, answer, form); }});
}

Form form_of(const Given& g) { return g.csv ? Form::kCsv : g.json ? Form::kJson : Form::kTable; }

int run_usage(const Given& g) {
  if (!g.group_by.empty()) return summarize(g, form_of(g));
  return print_usage(g, filter_of(g), form_of(g));
}

/// What sums can be by; each but once is the gateway's to say.
CLI::Validator groups_check() {
  return CLI::Validator(
      [](std::string& given) {
        std::string wrong;
        for_each_in_list(given, [&](std::string_view each) {
          constexpr std::string_view kGroups[] = {"day", "model", "key", "user", "provider"};
          if (std::ranges::find(kGroups, each) == std::end(kGroups)) wrong = each;
        });
        return wrong.empty() ? std::string() : "there are no sums by " + wrong;
      },
      "");
}

}  // namespace

void AdminCommands::add_usage(CLI::App& cli) {
  Given& given = *given_;
  const auto add_filter = [&given](CLI::App& command) {
    command.add_option("--key", given.key, "Only of the key of this name");
    command.add_option("--user", given.user, "Only of this user");
    command.add_option("--model", given.model, "Only of this model, as clients asked for it");
    command.add_option("--provider", given.provider, "Only of this provider");
    command.add_option("--from", given.from, "From this day or time on");
    command.add_option("--to", given.to, "Until before this day or time");
    command.add_option("--tz", given.zone, "Time zone of days, such as Europe/Berlin; else UTC");
  };
  const auto add_limit = [&given](CLI::App& command) {
    command.add_option("--limit", given.limit, "The newest so many requests")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
  };
  const auto add_csv = [&given](CLI::App& command) {
    CLI::Option* csv = command.add_flag("--csv", given.csv, "Prints comma-separated values");
    csv->excludes(command.get_option("--json"));
  };
  const std::string help = "What was used and what it cost";
  CLI::App& usage = add(cli, "usage", help, run_usage);
  add_filter(usage);
  add_limit(usage);
  usage
      .add_option("--summary", given.group_by,
                  "Sums by day, model, key, user or provider, or several with commas")
      ->check(groups_check());
  add_csv(usage);

  CLI::App& list = add(usage, "list", "Requests, newest first", run_usage);
  add_filter(list);
  add_limit(list);
  add_csv(list);
  CLI::App& summary = add(usage, "summary", "Sums, those of purged requests too",
                          [](const Given& g) { return summarize(g, form_of(g)); });
  add_filter(summary);
  summary
      .add_option("by", given.group_by, "day, model, key, user or provider, or several with commas")
      ->required()
      ->check(groups_check());
  add_csv(summary);
  CLI::App& export_all =
      add(usage, "export", "Requests as comma-separated values, newest first", [](const Given& g) {
        return print_usage(g, filter_of(g), g.json ? Form::kJson : Form::kCsv);
      });
  add_filter(export_all);
  add_limit(export_all);
}

}  // namespace sluice::app
