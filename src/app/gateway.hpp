// The running gateway: loops, listeners, signals, drain and reload, wired by hand.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "admin/effective_config.hpp"
#include "admin/identity.hpp"
#include "admin/service.hpp"
#include "api/admin_routes.hpp"
#include "api/handler.hpp"
#include "api/prober.hpp"
#include "api/service.hpp"
#include "app/change_watch.hpp"
#include "app/usage_keeper.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "config/load.hpp"
#include "net/blocking_pool.hpp"
#include "net/unix_socket.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "quota/registry.hpp"
#include "relay/learned_models.hpp"
#include "route/balancer.hpp"
#include "store/database.hpp"
#include "tokens/calibration.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::app {

/// One event loop with all that lives on it, and its thread.
class Worker;
class WaitingRoom;

class Gateway {
 public:
  /// `config` is what `options` load, without a database.
  Gateway(config::ConfigPtr config, config::LoadOptions options);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Binds the ports and starts the loops. Prints "Starting server on :PORT" once connections
  /// are accepted. SIGTERM, SIGINT and SIGHUP must be blocked in the calling thread before.
  Status start();

  /// Handles signals until the gateway has drained. Returns the exit status.
  int run();

  /// Prices in the database, or much else, have changed: they are in force on every loop when this
  /// returns, or within a moment. Any thread that may block.
  Status refresh_clients();

 private:
  /// Null without TLS.
  static Result<net::TlsContextPtr> make_tls(const config::Tls& tls);
  static void start_log(const config::Logging& logging);
  /// Opens the database, and waits for its server as long as that does not answer; `room` is where
  /// clients are answered meanwhile.
  Status await_database(std::unique_ptr<WaitingRoom>& room);
  Status open_database();
  /// Whatever open_database() came to.
  void close_database();
  void say_port() const;
  Status open_identity();
  /// The configuration with what the database adds to it.
  Status open_effective();
  /// What the administration must tell of.
  admin::Running running();
  /// At data_dir/sluice.sock, where it can be; elsewhere only over HTTP.
  void serve_admin_socket();
  Status listen();
  /// Of `config` and the database, for all loops.
  Result<relay::SnapshotPtr> snapshot_of(const config::ConfigPtr& config, size_t loops);
  /// Puts clients that differ a little from the present ones into force.
  Status change_clients(const std::function<Status(relay::Clients&)>& change);
  /// On all loops; under config_mutex_.
  void use(relay::SnapshotPtr snapshot, const net::TlsContextPtr& tls);
  /// What is done now and then: learned factors are kept, and once a day the books are checked.
  void keep_house();
  void reload();
  /// Puts a configuration in force on every loop. Any thread that may block.
  Status use_config(const config::ConfigPtr& config, bool file_read);
  /// Puts what others have changed in the database in force.
  Status hear(const store::News& news);
  Status hear_all();
  /// Takes over what the books say of these.
  Status look_at(std::span<const int64_t> wallets, std::span<const int64_t> keys,
                 std::span<const int64_t> memberships);
  config::ConfigPtr config() const;
  /// Returns when the last request has ended, was told that it must, or a second signal came.
  void drain();
  void stop();
  int64_t live_count() const;
  void say_how_many_streams_fit() const;

  mutable std::mutex config_mutex_;  // of what a reload and refresh_clients() replace
  config::ConfigPtr config_;
  relay::SnapshotPtr snapshot_;
  config::LoadOptions options_;
  observe::Metrics metrics_;
  observe::LiveBoard live_;
  quota::Registry registry_;
  tokens::Calibration calibration_;
  relay::LearnedModels learned_;
  route::TargetStates targets_;
  workers::Fleet fleet_;
  workers::Dispatcher dispatcher_;
  net::BlockingPool blocking_;
  net::BlockingPool foreign_lookups_;
  api::Service service_;
  std::vector<observe::LoopMetrics*> loop_metrics_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // After the workers: what it still writes at its end is told to their loops.
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<UsageKeeper> usage_keeper_;
  std::unique_ptr<ChangeWatch> watch_;  // none where nobody else changes the database
  std::unique_ptr<admin::EffectiveConfig> effective_;
  std::unique_ptr<admin::Identity> identity_;
  std::unique_ptr<admin::Service> admin_;
  api::Prober prober_;
  std::unique_ptr<api::Administration> administration_;
  net::SocketFile admin_socket_;
  std::string admin_socket_problem_;  // until there is a log
  TimePoint verified_at_{};
  uint16_t port_ = 0;
  bool stopped_early_ = false;  // while it waited for the database
  bool tls_ = false;            // as it was at the start: only a restart changes it
};

}  // namespace sluice::app
