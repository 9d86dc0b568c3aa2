#include "app/admin_ask.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "http/url.hpp"

namespace sluice::app {

int ask(const AdminCommands::Given& given, const Question& question) {
  const auto config = load_config(given.config.load_options());
  if (!config) return complain(config.error());
  auto client = admin::Client::open(**config);
  if (!client) return complain(client.error(), kFailed);
  auto answer = client->ask(question.method, question.target, question.body);
  if (!answer) {
    Error& error = answer.error();
    if (error.code == ErrorCode::kIo && !question.when_unsure.empty()) {
      error.message += "; " + question.when_unsure;
    }
    return complain(error, kFailed);
  }
  const json::Value value(*answer);
  print(given.json ? *answer + "\n" : question.human(value));
  say_where(given, *client, **config);
  return question.status ? question.status(value) : 0;
}

void say_where(const AdminCommands::Given& given, const admin::Client& client,
               const config::Config& config) {
  if (given.json || given.csv || client.through_gateway()) return;
  std::fflush(stdout);
  std::fprintf(stderr, "no gateway runs: this was done in %s\n", config.data_dir.c_str());
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::vector<json::Value> rows_in(json::Value list) {
  std::vector<json::Value> rows;
  json::Elements elements(list);
  json::Value element;
  while (elements.next(element)) rows.push_back(element);
  return rows;
}

void add_parameter(std::string& query, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, http::percent_encode(value));
}

void add_text(json::Writer& json, std::string_view name, const std::string& value) {
  if (!value.empty()) json.member(name, value);
}

}  // namespace sluice::app
