// What changes while the gateway runs: its configuration, and what the database adds to it.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <mutex>
#include <vector>

#include "app/gateway.hpp"
#include "app/version.hpp"
#include "app/worker.hpp"
#include "observe/log.hpp"
#include "relay/client_changes.hpp"
#include "relay/snapshot.hpp"

namespace sluice::app {

namespace {

/// More keys than this are read faster all together.
constexpr size_t kManyKeys = 2000;
constexpr auto kTakenWithin = std::chrono::milliseconds(100);

}  // namespace

admin::Running Gateway::running() {
  const auto tell = [](const Status& done) {
    if (!done) log::error("a change is not in force yet", {{"reason", done.error().message}});
  };
  return {
      .registry = &registry_,
      .identity = identity_.get(),
      .effective = effective_.get(),
      .key_changed =
          [this, tell](const store::Key& key, bool gone) {
            tell(change_clients([&](relay::Clients& clients) -> Status {
              if (gone) {
                clients.keys.remove(key.id);
                return {};
              }
              // Another gateway may have changed it since.
              return relay::reread_keys(clients, {&key.id, 1}, *config_, *database_, registry_);
            }));
          },
      .user_changed =
          [this, tell](int64_t user_id) {
            tell(change_clients([&](relay::Clients& clients) {
              return relay::reread_users(clients, {&user_id, 1}, *database_);
            }));
          },
      .member_changed =
          [this](const store::Member& member) {
            // A reload that has read the budgets before must not bring them back.
            const std::lock_guard lock(config_mutex_);
            registry_.set_budgets(member);
          },
      .payer_gone =
          [this, tell](const store::Teams::Ended& ended) {
            for (const int64_t each : ended.memberships) registry_.close_share(each);
            tell(change_clients([&](relay::Clients& clients) -> Status {
              for (const store::Key& key : ended.keys) {
                const Status put = relay::put_key(clients, key, *config_, *database_, registry_);
                if (!put) return put;
              }
              return {};
            }));
          },
      .clients_changed = [this, tell] { tell(refresh_clients()); },
      .version = kVersion,
      .probe = [this](const config::Provider& provider,
                      const std::string& model) { return prober_.probe(provider, model); },
  };
}

Status Gateway::refresh_clients() {
  const std::lock_guard lock(config_mutex_);
  auto snapshot = snapshot_of(config_, workers_.size());
  if (!snapshot) return std::unexpected(std::move(snapshot.error()));
  use(std::move(*snapshot), nullptr);
  return {};
}

Status Gateway::change_clients(const std::function<Status(relay::Clients&)>& change) {
  const std::lock_guard lock(config_mutex_);
  relay::Clients clients = snapshot_->clients;
  if (Status changed = change(clients); !changed) return changed;
  use(relay::with_clients(*snapshot_, std::move(clients)), nullptr);
  return {};
}

void Gateway::use(relay::SnapshotPtr snapshot, const net::TlsContextPtr& tls) {
  // Whoever is told that it is done may ask any loop at once, and a loop that is busy looks at its
  // connections before it looks at this.
  struct Taken {
    std::mutex mutex;
    std::condition_variable all;
    size_t left = 0;
  };
  const auto taken = std::make_shared<Taken>();
  taken->left = workers_.size();
  for (const auto& worker : workers_) {
    worker->use(snapshot, tls, [taken] {
      const std::lock_guard lock(taken->mutex);
      if (--taken->left == 0) taken->all.notify_all();
    });
  }
  snapshot_ = std::move(snapshot);
  std::unique_lock lock(taken->mutex);
  taken->all.wait_for(lock, kTakenWithin, [&] { return taken->left == 0; });
}

Status Gateway::hear(const store::News& news) {
  if (news.all || news.keys.size() > kManyKeys || news.users.size() > kManyKeys) return hear_all();
  std::vector<int64_t> wallets = news.wallets;
  std::vector<int64_t> keys = news.used_keys;
  std::vector<int64_t> memberships;
  if (!news.keys.empty() || !news.users.empty() || news.prices) {
    // All at once: a key must not be good before its price is.
    const Status done = change_clients([&](relay::Clients& clients) -> Status {
      if (news.prices) {
        if (Status priced = relay::reread_prices(clients, *database_); !priced) return priced;
      }
      Status reread = relay::reread_keys(clients, news.keys, *config_, *database_, registry_);
      if (!reread) return reread;
      for (const int64_t id : news.keys) {
        const accounts::KeyRecord* key = clients.keys.find(id);
        if (key == nullptr) continue;
        keys.push_back(id);
        const quota::Payer& payer = key->account->payer();
        if (payer.wallet != nullptr) wallets.push_back(payer.wallet->id);
        if (payer.member != nullptr) memberships.push_back(payer.membership);
      }
      return relay::reread_users(clients, news.users, *database_);
    });
    if (!done) return done;
  }
  if (news.logins || !news.users.empty()) {
    if (Status heard = identity_->hear(); !heard) return heard;
  }
  if (!news.teams.empty()) {
    const std::lock_guard lock(config_mutex_);
    if (Status read = relay::reread_budgets(*database_, registry_); !read) return read;
  }
  std::ranges::copy(registry_.memberships_of(news.members), std::back_inserter(memberships));
  std::ranges::copy(registry_.memberships_in(news.teams), std::back_inserter(memberships));
  if (Status looked = look_at(wallets, keys, memberships); !looked) return looked;
  return news.catalog ? effective_->reread_rows() : Status{};
}

Status Gateway::hear_all() {
  log::info("everything is read from the database again");
  if (Status done = effective_->reread_rows(); !done) return done;
  if (Status done = refresh_clients(); !done) return done;
  if (Status done = identity_->hear(); !done) return done;
  return look_at(registry_.wallets(), registry_.accounts(), registry_.memberships());
}

Status Gateway::look_at(std::span<const int64_t> wallets, std::span<const int64_t> keys,
                        std::span<const int64_t> memberships) {
  if (wallets.empty() && keys.empty() && memberships.empty()) return {};
  std::vector<int64_t> owners;  // of wallets that no key here is paid from
  const Status looked =
      database_->changes()->look(wallets, keys, memberships, [&](const store::Figures& figures) {
        registry_.observe(figures);
        for (const store::WalletFigure& each : figures.wallets) {
          if (registry_.find_wallet(each.id) == nullptr) owners.push_back(each.user_id);
        }
      });
  if (!looked || owners.empty()) return looked;
  return change_clients([&](relay::Clients& clients) {
    return relay::reread_keys_of(clients, owners, *config_, *database_, registry_);
  });
}

void Gateway::reload() {
  if (const Status done = effective_->reload(); !done) {
    log::error("reload refused, the old configuration stays", {{"reason", done.error().message}});
    return;
  }
  const config::ConfigPtr config = this->config();
  for (const std::string& warning : config->warnings) log::warn(warning);
  log::info("reloaded", {{"providers", config->providers.size()}, {"keys", config->keys.size()}});
}

Status Gateway::use_config(const config::ConfigPtr& config, bool file_read) {
  const std::lock_guard lock(config_mutex_);
  // Keys and prices do not come from what the database adds.
  auto snapshot = file_read ? snapshot_of(config, workers_.size())
                            : relay::make_snapshot(config, snapshot_->clients,
                                                   static_cast<int>(workers_.size()), targets_);
  if (!snapshot) return std::unexpected(std::move(snapshot.error()));
  const auto tls = make_tls(config->server.tls);
  if (!tls) return std::unexpected(tls.error());
  const config::Server& before = config_->server;
  const config::Server& after = config->server;
  if (before.host != after.host || before.port != after.port || before.threads != after.threads ||
      config_->data_dir != config->data_dir ||
      config_->database_url.expose() != config->database_url.expose() ||
      config_->secret_key.expose() != config->secret_key.expose() || tls_ != after.tls.enabled ||
      config_->metrics.port != config->metrics.port) {
    log::warn(
        "host, port, threads, data_dir, database.url, database.secret_key, tls.enabled and "
        "metrics.port change only with a restart");
  }
  config_ = config;
  usage_keeper_->use(config_->usage.retention);
  if (Status used = identity_->use(admin::Identity::options_of(*config_)); !used) {
    log::error("auth stays as it was", {{"reason", used.error().message}});
  }
  fleet_.use(workers::Fleet::options_of(*config_));
  dispatcher_.use(workers::Dispatcher::options_of(*config_));
  start_log(config_->logging);
  // Without a context in the new configuration the old one stays: never plain text instead.
  use(std::move(*snapshot), tls_ ? *tls : nullptr);
  return {};
}

config::ConfigPtr Gateway::config() const {
  const std::lock_guard lock(config_mutex_);
  return config_;
}

}  // namespace sluice::app
