#include "app/explain_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "admin/client.hpp"
#include "api/dry_run.hpp"
#include "app/table.hpp"
#include "json/writer.hpp"
#include "relay/clients.hpp"

namespace sluice::app {

namespace {

/// As a gateway that has just been started would say it.
Result<std::string> explain_alone(const config::ConfigPtr& config, const std::string& body) {
  quota::Registry registry;
  auto clients = relay::clients_of_config(*config, registry);
  if (!clients) return std::unexpected(std::move(clients.error()));
  route::TargetStates states;
  const auto snapshot = relay::make_snapshot(config, std::move(*clients), 1, states);
  if (!snapshot) return std::unexpected(snapshot.error());
  workers::Fleet fleet(workers::Fleet::options_of(*config));
  workers::Dispatcher dispatcher(fleet, workers::Dispatcher::options_of(*config));
  const auto hypothesis = api::read_hypothesis(body, **snapshot);
  if (!hypothesis) return std::unexpected(hypothesis.error());
  const auto explanation = relay::explain(**snapshot, dispatcher, *hypothesis, now());
  if (!explanation) return std::unexpected(explanation.error());
  return relay::to_json(*explanation, *hypothesis);
}

std::string decimals(json::Value value, int digits) {
  const auto number = value.as_double();
  return number ? fmt::format("{:.{}f}", *number, digits) : std::string();
}

/// A row as the table shows it.
std::string row_of(json::Value target) {
  const std::string worker = shown(target["worker"]);
  const bool picked = target["picked"].as_bool().value_or(false);
  std::string row;
  json::Writer(row)
      .begin_object()
      .member("picked", picked ? "*" : "")
      .member("target", worker.empty() ? shown(target["provider"]) : worker)
      .member("model", shown(target["model"]))
      .member("active", decimals(target["active"], 0))
      .member("weight", shown(target["weight"]))
      .member("score", decimals(target["score"]["total"], 3))
      .member("memory", decimals(target["score"]["memory"], 2))
      .member("slots", decimals(target["score"]["concurrency"], 2))
      .member("ttft", decimals(target["predicted_ttft_ms"], 0))
      .member("breaker", shown(target["breaker"]))
      .member("reason", shown(target["reason"]))
      .end_object();
  return row;
}

std::string outcome(json::Value answer) {
  const json::Value pick = answer["pick"];
  if (answer["waits"].as_bool().value_or(false)) return "would wait for a worker\n";
  if (pick.is_null()) return "nobody could be asked now\n";
  const std::string worker = shown(pick["worker"]);
  return fmt::format("would go to {}{} as {}{}\n", worker.empty() ? "" : "worker ",
                     worker.empty() ? shown(pick["provider"]) : worker, shown(pick["model"]),
                     answer["desperate"].as_bool().value_or(false)
                         ? ", though it has failed lately: there is nobody else"
                         : "");
}

std::string human(json::Value answer) {
  std::string out = fmt::format("{}: {}\n", shown(answer["model"]), shown(answer["rule"]));
  int number = 0;
  for (const json::Value& tier : rows_in(answer["tiers"])) {
    std::vector<std::string> texts;
    for (const json::Value& target : rows_in(tier["targets"])) texts.push_back(row_of(target));
    out += fmt::format("\n{}. {}", ++number, shown(tier["name"]));
    // Among one there is nothing to choose.
    if (texts.size() > 1) out += fmt::format(" ({})", shown(tier["strategy"]));
    out += '\n';
    std::vector<json::Value> rows;
    for (const std::string& text : texts) rows.emplace_back(text);
    out += table({{.title = "", .field = "picked"},
                  {.title = "TARGET", .field = "target"},
                  {.title = "MODEL", .field = "model"},
                  {.title = "ACTIVE", .field = "active", .number = true},
                  {.title = "WEIGHT", .field = "weight", .number = true},
                  {.title = "SCORE", .field = "score", .number = true},
                  {.title = "MEMORY", .field = "memory", .number = true},
                  {.title = "SLOTS", .field = "slots", .number = true},
                  {.title = "TTFT MS", .field = "ttft", .number = true},
                  {.title = "BREAKER", .field = "breaker"},
                  {.title = "WHY NOT", .field = "reason"}},
                 rows);
  }
  if (const auto saturation = answer["saturation"].as_double()) {
    const json::Value queue = answer["queue"];
    out +=
        fmt::format("\nworkers: saturation {:.2f}{}, waiting {} interactive, {} default, {} bulk",
                    *saturation, answer["saturated"].as_bool().value_or(false) ? " (full)" : "",
                    shown(queue["interactive"]), shown(queue["default"]), shown(queue["bulk"]));
    out += "\n";
  }
  return out + "\n" + outcome(answer);
}

}  // namespace

std::string ExplainCommand::question() const {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("model", model_);
  for (const auto& [name, value] :
       {std::pair{"route", &route_}, {"class", &urgency_}, {"key", &key_}}) {
    if (!value->empty()) json.member(name, *value);
  }
  if (prompt_tokens_) json.member("prompt_tokens", *prompt_tokens_);
  json.end_object();
  return body;
}

int ExplainCommand::run(const Shared& shared) const {
  const auto config = load_config(shared.config.load_options());
  if (!config) return complain(config.error());
  auto gateway = admin::Client::running(**config);
  if (!gateway) return complain(gateway.error(), kFailed);
  std::string text;
  if (*gateway) {
    auto reply = (*gateway)->ask(
        {.method = "POST", .target = "/api/admin/routing/dry-run", .body = question()});
    if (!reply) return complain(reply.error(), kFailed);
    text = std::move(reply->body);
  } else {
    auto answer = explain_alone(*config, question());
    if (!answer) return complain(answer.error(), kFailed);
    text = std::move(*answer);
  }
  print(shared.json ? text + "\n" : human(json::Value(text)));
  if (!*gateway) {
    std::fflush(stdout);
    std::fprintf(stderr,
                 "no gateway runs: this is what the configuration says; workers, breakers and keys "
                 "of the database are not known\n");
  }
  return 0;
}

void ExplainCommand::add_to(CLI::App& app) {
  app.add_option("model", model_, "As a client would name it")->required();
  app.add_option("--route", route_, "Path (default: /v1/chat/completions)");
  app.add_option("--class", urgency_, "How urgent it is")
      ->check(CLI::IsMember({"interactive", "default", "bulk"}));
  app.add_option("--prompt-tokens", prompt_tokens_, "How long its prompt is")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000}));
  app.add_option("--key", key_, "As the key of this name may");
  app.footer("Example: sluice route explain gpt-4o --prompt-tokens 4000");
}

}  // namespace sluice::app
