#include "app/command.hpp"

#include <algorithm>

namespace sluice::app {

namespace {

constexpr Topic kTopics[] = {
    {"user", "Users who log in"},
    {"user invite", "Invitations to register"},
    {"user session", "Logins of a user"},
    {"team", "Teams whose members share a wallet"},
    {"team member", "Members of a team, and what they may spend"},
    {"key", "Keys of clients, in the database"},
    {"wallet", "Balances of users and teams, and what made them"},
    {"wallet code", "Codes that users redeem for money"},
    {"price", "Prices of models"},
    {"usage", "What was used and what it cost"},
    {"provider", "Providers, and how they are reached"},
    {"provider keys", "Keys of a provider"},
    {"rule", "Rules that say which models go where"},
    {"group", "Groups of targets that share load"},
    {"route", "Where requests go"},
    {"worker", "GPU workers"},
    {"live", "Requests that run, and the last that ended"},
    {"settings", "Every option as it holds, and where it comes from"},
    {"audit", "Who has changed what"},
};

constexpr std::string_view kNoLogin = "a shell of the gateway's machine needs no login";
constexpr std::string_view kOther = "there is one that does it for any user";

constexpr Without kWithout[] = {
    {"GET", "/api/boot", "for a console before its login"},
    {"POST", "/api/auth/register", kNoLogin},
    {"POST", "/api/auth/login", kNoLogin},
    {"POST", "/api/auth/refresh", kNoLogin},
    {"POST", "/api/auth/logout", kNoLogin},
    {"GET", "/api/me", kOther},
    {"PATCH", "/api/me", kOther},
    {"POST", "/api/me/password", kOther},
    {"GET", "/api/wallet", kOther},
    {"GET", "/api/wallet/transactions", kOther},
    {"POST", "/api/wallet/verify", kOther},
    {"GET", "/api/teams", kOther},
    {"GET", "/api/teams/{id}", kOther},
    {"GET", "/api/teams/{id}/members", kOther},
    {"GET", "/api/teams/{id}/transactions", "sluice wallet entries TEAM"},
    {"GET", "/api/keys", kOther},
    {"POST", "/api/keys", kOther},
    {"GET", "/api/keys/{id}", kOther},
    {"PATCH", "/api/keys/{id}", kOther},
    {"DELETE", "/api/keys/{id}", kOther},
    {"POST", "/api/keys/{id}/rotate", kOther},
    {"GET", "/api/user/api-keys", kOther},
    {"POST", "/api/user/api-keys", kOther},
    {"GET", "/api/user/api-keys/{id}", kOther},
    {"PATCH", "/api/user/api-keys/{id}", kOther},
    {"DELETE", "/api/user/api-keys/{id}", kOther},
    {"POST", "/api/user/api-keys/{id}/rotate", kOther},
    {"GET", "/api/usage", kOther},
    {"GET", "/api/usage/{id}", kOther},
    {"GET", "/api/usage/summary", kOther},
    {"GET", "/api/openapi.json", "for programs over HTTP"},
    {"DELETE", "/api/live/{id}", "sluice live cancel"},
    {"POST", "/api/admin/backup", "sluice backup"},
    {"POST", "/api/admin/routing/dry-run", "sluice route explain, dry-run"},
    {"POST", "/api/admin/routing/apply", "sluice route apply"},
};

}  // namespace

std::span<const Topic> topics() { return kTopics; }

std::span<const Without> routes_without_command() { return kWithout; }

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = [] {
    std::vector<Command> all;
    for (const auto part : {people_commands(), key_commands(), money_commands(), routing_commands(),
                            operation_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return commands;
}

std::vector<std::string_view> segments_of(std::string_view pattern) {
  std::vector<std::string_view> segments;
  for (size_t at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    segments.push_back(pattern.substr(at + 1, pattern.find('}', at) - at - 1));
  }
  return segments;
}

const admin::Route* route_of(const Command& command) {
  const auto routes = admin::all_routes();
  const auto found = std::ranges::find_if(routes, [&](const admin::Route& route) {
    return route.method == command.method && route.pattern == command.pattern;
  });
  return found == routes.end() ? nullptr : &*found;
}

}  // namespace sluice::app
