// The running gateway: loops, listeners, signals, drain and reload, wired by hand.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/handler.hpp"
#include "api/service.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "net/blocking_pool.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"

namespace sluice::app {

/// One event loop with all that lives on it, and its thread.
class Worker;

class Gateway {
 public:
  /// Reads the configuration again.
  using Reload = std::function<Result<config::ConfigPtr>()>;

  Gateway(config::ConfigPtr config, Reload reload);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Binds the ports and starts the loops. Prints "Starting server on :PORT" once connections
  /// are accepted. SIGTERM, SIGINT and SIGHUP must be blocked in the calling thread before.
  Status start();

  /// Handles signals until the gateway has drained. Returns the exit status.
  int run();

 private:
  Status listen();
  void reload();
  /// Returns when the last request has ended, was told that it must, or a second signal came.
  void drain();
  void stop();
  int64_t live_count() const;
  void say_how_many_streams_fit() const;

  config::ConfigPtr config_;
  Reload reload_;
  observe::Metrics metrics_;
  observe::LiveBoard live_;
  net::BlockingPool blocking_;
  api::Service service_;
  std::vector<observe::LoopMetrics*> loop_metrics_;
  std::vector<std::unique_ptr<Worker>> workers_;
  uint16_t port_ = 0;
  bool tls_ = false;  // as it was at the start: only a restart changes it
};

}  // namespace sluice::app
