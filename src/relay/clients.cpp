#include "relay/clients.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/ids.hpp"
#include "observe/log.hpp"

namespace sluice::relay {

namespace {

/// A key's own rate, else the limiter's for every key.
quota::Limits limits_of(const store::Key& key, const config::Limiter& limiter) {
  quota::Limits limits{.requests_per_minute = key.rpm,
                       .burst = key.rpm,
                       .tokens_per_minute = key.tpm,
                       .max_parallel = key.max_parallel};
  if (key.rpm == 0 && limiter.enabled) {
    limits.requests_per_minute = limiter.requests_per_minute;
    limits.burst = limiter.burst;
  }
  return limits;
}

store::Key configured_key(const config::Key& key, std::string_view secret) {
  return {
      .digest = accounts::KeyRing::digest_of(secret, key.key.expose()),
      .prefix = std::string(key.key.expose().substr(0, 6)),
      .name = key.name,
      .configured = true,
      .quota_tokens = key.quota_tokens,
      .rpm = key.rpm,
      .tpm = key.tpm,
      .max_parallel = key.max_parallel,
      .models = key.models,
      .allow_ips = key.allow_ips,
      .expires_at = key.expires_at,
      .quota_money = key.quota_usd,
      .budget_day = key.budget_day,
      .budget_week = key.budget_week,
      .budget_month = key.budget_month,
  };
}

/// The team that a key names. It does not pay as long as the key's user is no member of it: a name
/// in a file must not keep all others from being read.
Status set_payer(const config::Key& key, store::Database& database, store::Key& wanted) {
  if (key.team.empty()) return {};
  const auto teams = database.teams().teams_of(wanted.user_id);
  if (!teams) return std::unexpected(teams.error());
  const auto found = std::ranges::find(*teams, key.team, &store::Team::name);
  if (found != teams->end()) {
    wanted.payer_id = found->id;
    return {};
  }
  wanted.payer_gone = true;
  log::warn("nobody pays for a key: its user is no member of its team",
            {{"key", key.name}, {"user", key.user}, {"team", key.team}});
  return {};
}

store::Rate rate_of(std::string model, const config::ModelPrice& price) {
  store::Rate rate;
  rate.model = std::move(model);
  rate.input = price.input;
  rate.output = price.output;
  rate.cache_read = price.cache_read;
  rate.cache_write = price.cache_write;
  return rate;
}

std::vector<store::Rate> configured_rates(const config::Config& config) {
  std::vector<store::Rate> rates;
  for (const config::Model& model : config.models) {
    if (model.price) rates.push_back(rate_of(model.name, *model.price));
  }
  if (const auto& price = config.billing.default_price) {
    rates.push_back(rate_of(std::string(accounts::PriceList::kAnyModel), *price));
  }
  return rates;
}

/// Those of the configuration, and those of the database that do not stand in the former.
Status load_prices(const config::Config& config, store::Database& database,
                   accounts::PriceList& prices) {
  const std::vector<store::Rate> configured = configured_rates(config);
  for (const store::Rate& rate : configured) {
    if (const auto kept = database.ensure_rate(rate); !kept) return std::unexpected(kept.error());
  }
  const auto rates = database.prices().in_force();
  if (!rates) return std::unexpected(rates.error());
  for (const store::Rate& rate : *rates) {
    const bool stands =
        std::ranges::find(configured, rate.model, &store::Rate::model) != configured.end();
    if (rate.created_by == store::Rate::kConfigured && !stands) {
      // It was taken out of the file.
      const Status gone =
          database.prices().withdraw(rate.scope, rate.model, store::Rate::kConfigured);
      if (!gone && gone.error().code != ErrorCode::kNotFound) return gone;
      continue;
    }
    set_price(prices, rate);
  }
  const auto users = database.prices().users_with_prices();
  if (!users) return std::unexpected(users.error());
  for (const auto& user : *users) prices.add_user(user.id, user.name, user.group);
  return {};
}

/// Keys that are read at once: all of them need not be in memory twice.
constexpr int kPage = 2000;

/// Who pays for the keys of the database.
class Payers {
 public:
  Payers(std::span<const store::Wallet> wallets, std::span<const store::Member> members,
         quota::Registry& registry) {
    for (const store::Wallet& wallet : wallets) {
      by_user_.emplace(wallet.user_id, &registry.wallet(wallet));
    }
    for (const store::Member& member : members) {
      const auto wallet = by_user_.find(member.team_id);
      if (wallet == by_user_.end()) continue;
      shares_[member.team_id].emplace(member.user_id, &registry.share(member, *wallet->second));
    }
  }

  const quota::Payer& of(const store::Key& key) const {
    if (key.payer_gone) return quota::Payer::kGone;
    if (key.payer_id == 0) {
      const auto wallet = by_user_.find(key.user_id);
      return wallet != by_user_.end() ? wallet->second->owner : quota::Payer::kNobody;
    }
    const auto team = shares_.find(key.payer_id);
    if (team == shares_.end()) return quota::Payer::kGone;
    const auto share = team->second.find(key.user_id);
    return share != team->second.end() ? *share->second : quota::Payer::kGone;
  }

 private:
  std::unordered_map<int64_t, quota::Wallet*> by_user_;
  std::unordered_map<int64_t, std::unordered_map<int64_t, const quota::Payer*>> shares_;
};

/// All keys of the database with their accounts.
Status add_keys(const config::Config& config, store::Database& database, const Payers& payers,
                quota::Registry& registry, accounts::KeyRing::Builder& ring) {
  int64_t last = 0;
  for (;;) {
    const auto keys = database.api_keys().page({.user_id = {}, .after = last, .limit = kPage});
    if (!keys) return std::unexpected(keys.error());
    for (const store::Key& key : *keys) {
      quota::Account& account =
          registry.account(key, limits_of(key, config.limiter), payers.of(key));
      if (Status added = ring.add(key, &account); !added) return added;
      last = key.id;
    }
    if (keys->size() < kPage) return {};
  }
}

}  // namespace

void set_price(accounts::PriceList& prices, const store::Rate& rate) {
  prices.set(rate.scope, rate.model,
             {.id = rate.id,
              .input = rate.input,
              .output = rate.output,
              .cache_read = rate.cache_read,
              .cache_write = rate.cache_write});
}

Result<Clients> load_clients(const config::Config& config, store::Database& database,
                             quota::Registry& registry) {
  const std::string secret = database.key_secret();
  for (const config::Key& key : config.keys) {
    if (key.key.empty()) continue;
    store::Key wanted = configured_key(key, secret);
    if (!key.user.empty()) {
      const auto wallet = database.ensure_wallet(key.user);
      if (!wallet) return std::unexpected(wallet.error());
      wanted.user_id = wallet->user_id;
      if (Status set = set_payer(key, database, wanted); !set) return std::unexpected(set.error());
    }
    if (const auto kept = database.ensure_configured_key(wanted); !kept) {
      return std::unexpected(kept.error());
    }
  }
  const auto wallets = database.wallets();
  if (!wallets) return std::unexpected(wallets.error());
  const auto members = database.teams().paid_for();
  if (!members) return std::unexpected(members.error());
  const auto disabled = database.api_keys().disabled_users();
  if (!disabled) return std::unexpected(disabled.error());
  auto builder = accounts::KeyRing::Builder::begin(config, secret);
  if (!builder) return std::unexpected(builder.error());
  builder->set_anonymous(registry.anonymous());
  if (Status added =
          add_keys(config, database, Payers(*wallets, *members, registry), registry, *builder);
      !added) {
    return std::unexpected(added.error());
  }
  auto ring = builder->finish();
  if (!ring) return std::unexpected(ring.error());
  ring->set_disabled(*disabled);
  Clients clients{.keys = std::move(*ring), .prices = {}};
  if (Status priced = load_prices(config, database, clients.prices); !priced) {
    return std::unexpected(priced.error());
  }
  return clients;
}

Status put_key(Clients& clients, const store::Key& key, const config::Config& config,
               store::Database& database, quota::Registry& registry) {
  std::vector<store::Wallet> wallets;
  std::vector<store::Member> members;
  if (const int64_t owner = key.payer_id != 0 ? key.payer_id : key.user_id; owner != 0) {
    auto stored = database.api_keys().wallet_of(owner);
    if (!stored) return std::unexpected(stored.error());
    if (*stored) wallets.push_back(std::move(**stored));
  }
  if (key.payer_id != 0 && !key.payer_gone) {
    auto member = database.teams().member(key.payer_id, key.user_id);
    if (!member) return std::unexpected(member.error());
    if (*member) members.push_back(std::move(**member));
  }
  const Payers payers(wallets, members, registry);
  quota::Account& account = registry.account(key, limits_of(key, config.limiter), payers.of(key));
  return clients.keys.put(key, &account);
}

Result<Clients> clients_of_config(const config::Config& config, quota::Registry& registry) {
  const std::string secret = random_hex(16);
  std::vector<store::Key> keys;
  std::vector<quota::Wallet*> wallets;
  std::vector<std::string_view> users;
  for (const config::Key& key : config.keys) {
    if (key.key.empty()) continue;
    keys.push_back(configured_key(key, secret));
    keys.back().id = static_cast<int64_t>(keys.size());
    quota::Wallet* wallet = nullptr;
    if (!key.user.empty()) {
      auto known = std::ranges::find(users, key.user);
      if (known == users.end()) known = users.insert(users.end(), key.user);
      const int64_t id = known - users.begin() + 1;
      wallet = &registry.wallet({.id = id, .user_id = id, .user = key.user, .balance = {}});
      keys.back().user_id = id;
    }
    wallets.push_back(wallet);
  }
  auto builder = accounts::KeyRing::Builder::begin(config, secret);
  if (!builder) return std::unexpected(builder.error());
  builder->set_anonymous(registry.anonymous());
  for (size_t i = 0; i < keys.size(); ++i) {
    quota::Account& account =
        registry.account(keys[i], limits_of(keys[i], config.limiter), wallets[i]);
    if (Status added = builder->add(keys[i], &account); !added) {
      return std::unexpected(added.error());
    }
  }
  auto ring = builder->finish();
  if (!ring) return std::unexpected(ring.error());
  Clients clients{.keys = std::move(*ring), .prices = {}};
  int64_t id = 0;
  for (store::Rate rate : configured_rates(config)) {
    rate.id = ++id;
    set_price(clients.prices, rate);
  }
  return clients;
}

}  // namespace sluice::relay
