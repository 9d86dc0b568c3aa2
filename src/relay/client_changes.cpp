#include "relay/client_changes.hpp"

#include <utility>
#include <vector>

namespace sluice::relay {

namespace {

Status put_user(accounts::PriceList& prices, const store::User& user, store::Database& database) {
  const auto group = database.prices().group_of(user.id);
  if (!group) return std::unexpected(group.error());
  prices.add_user(user.id, user.name, *group);
  return {};
}

}  // namespace

Status reread_keys(Clients& clients, std::span<const int64_t> ids, const config::Config& config,
                   store::Database& database, quota::Registry& registry) {
  for (const int64_t id : ids) {
    const auto key = database.api_keys().key(id);
    if (!key) return std::unexpected(key.error());
    if (!*key) {
      clients.keys.remove(id);
      continue;
    }
    // What stands in a file counts where that file is read.
    if ((*key)->configured && clients.keys.find(id) == nullptr) continue;
    if (Status put = put_key(clients, **key, config, database, registry); !put) return put;
  }
  return {};
}

Status reread_keys_of(Clients& clients, std::span<const int64_t> users,
                      const config::Config& config, store::Database& database,
                      quota::Registry& registry) {
  for (const int64_t user : users) {
    const auto keys = database.api_keys().page({.user_id = user, .after = 0, .limit = INT32_MAX});
    if (!keys) return std::unexpected(keys.error());
    std::vector<int64_t> ids;
    for (const store::Key& key : *keys) ids.push_back(key.id);
    if (Status read = reread_keys(clients, ids, config, database, registry); !read) return read;
  }
  return {};
}

Status reread_users(Clients& clients, std::span<const int64_t> ids, store::Database& database) {
  for (const int64_t id : ids) {
    const auto user = database.identities().user(id);
    if (!user) return std::unexpected(user.error());
    if (!*user) {
      const auto team = database.teams().find(id);
      if (!team) return std::unexpected(team.error());
      clients.keys.set_disabled(id, !*team);  // deleted, or nobody
      continue;
    }
    clients.keys.set_disabled(id, (*user)->disabled);
    if (Status put = put_user(clients.prices, **user, database); !put) return put;
  }
  return {};
}

Status reread_prices(Clients& clients, store::Database& database) {
  const auto rates = database.prices().in_force();
  if (!rates) return std::unexpected(rates.error());
  accounts::PriceList prices;
  for (const store::Rate& rate : *rates) set_price(prices, rate);
  const auto users = database.prices().users_with_prices();
  if (!users) return std::unexpected(users.error());
  for (const auto& user : *users) prices.add_user(user.id, user.name, user.group);
  clients.prices = std::move(prices);
  return {};
}

Status reread_budgets(store::Database& database, quota::Registry& registry) {
  const auto members = database.teams().paid_for();
  if (!members) return std::unexpected(members.error());
  for (const store::Member& member : *members) registry.set_budgets(member);
  return {};
}

}  // namespace sluice::relay
