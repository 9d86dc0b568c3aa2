#include "app/admin_ask.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "admin/client.hpp"
#include "http/url.hpp"

namespace sluice::app {

int ask(const AdminCommands::Given& given, std::string_view method, std::string target,
        std::string body, const std::function<std::string(json::Value)>& human,
        const std::function<int(json::Value)>& status) {
  const auto config = load_config(given.config.load_options());
  if (!config) return complain(config.error());
  auto client = admin::Client::open(**config);
  if (!client) return complain(client.error(), kFailed);
  const auto answer = client->ask(method, std::move(target), std::move(body));
  if (!answer) return complain(answer.error(), kFailed);
  print(given.json ? *answer + "\n" : human(json::Value(*answer)));
  return status ? status(json::Value(*answer)) : 0;
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
