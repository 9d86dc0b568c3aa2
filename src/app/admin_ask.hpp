// What the administrative subcommands share: their options, and how they ask and answer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/client.hpp"
#include "app/admin_commands.hpp"
#include "app/config_options.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::app {

/// What a key may do, as far as the command line says it; "none" takes a limit away.
struct KeyOptions {
  std::optional<std::string> name, quota_tokens, quota_usd, day, week, month, expires_at, mode;
  std::optional<int64_t> rpm, tpm, max_parallel, overlap;
  std::vector<std::string> models, allow_ips;
  bool enable = false, disable = false;
};

/// What the command line says.
struct AdminCommands::Given {
  ConfigOptions config;
  bool json = false;
  bool csv = false;
  int limit = 50;
  int64_t id = 0;
  std::string file;
  // Users.
  std::string email, role;
  bool administrator = false;
  // Wallets and codes.
  std::string user, amount, reason, idempotency_key, note;
  int64_t count = 1;
  // Keys.
  std::string name, expires_at;
  KeyOptions key_options;
  std::optional<int64_t> page;  // keys of a list at most
  std::string cursor;
  // Usage.
  std::string key, model, provider, from, to, group_by, zone;
  // Prices.
  std::string scope, input, output, cache_read, cache_write, group;
  bool all_versions = false;
  // Routing.
  std::string route, urgency;
  std::optional<int64_t> prompt_tokens;
};

/// A request for `ask`, and what becomes of its answer.
struct Question {
  std::string_view method;
  std::string target;
  std::string body = {};
  std::function<std::string(json::Value)> human;  // the answer where it is not JSON
  std::function<int(json::Value)> status = {};    // the exit status; absent: 0
  std::string when_unsure = {};  // what to do when the gateway was lost before it had answered
};

/// Asks whoever answers for the configured data_dir, prints the answer and returns the exit
/// status.
int ask(const AdminCommands::Given& given, const Question& question);

/// Tells people, where a command did without a gateway, which folder it worked on: a relative
/// data_dir may not be the one that they mean.
void say_where(const AdminCommands::Given& given, const admin::Client& client,
               const config::Config& config);

/// To stdout.
void print(std::string_view text);
std::vector<json::Value> rows_in(json::Value list);
/// Adds name=value to a query that is empty or begins with '?'; nothing for an empty value.
void add_parameter(std::string& query, std::string_view name, const std::string& value);
/// A member, unless the value is empty.
void add_text(json::Writer& json, std::string_view name, const std::string& value);

}  // namespace sluice::app
