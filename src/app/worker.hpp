// One event loop with its listener, its upstream pool and its thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "api/admin_routes.hpp"
#include "api/fleet_keeper.hpp"
#include "api/handler.hpp"
#include "discovery/watch.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/resolver.hpp"
#include "relay/context.hpp"

namespace sluice::app {

class Worker {
 public:
  Worker(int index, api::Service& service, relay::SnapshotPtr snapshot,
         observe::LoopMetrics& metrics, observe::LiveShard& live);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Before start(): takes over a listening socket for requests, for metrics alone, or for the
  /// administration.
  void serve(int listening_fd, net::TlsContextPtr tls);
  void serve_metrics(int listening_fd);
  void serve_admin(int listening_fd);
  void start();

  // From another thread.
  /// For requests and connections that begin once `taken` has been called, on the loop. `tls` null:
  /// as before.
  void use(relay::SnapshotPtr snapshot, net::TlsContextPtr tls,
           std::move_only_function<void()> taken = {});
  /// Closes the listener; `when_drained` runs on the loop once the last connection has ended.
  void drain(std::move_only_function<void()> when_drained);
  void cancel_all(net::CancelReason reason);
  void stop_and_join();

 private:
  net::Task<void> await_drained(std::move_only_function<void()> when_drained);

  api::Service& service_;
  net::Loop loop_;
  net::HttpClient client_;
  net::Resolver foreign_hosts_;
  relay::LoopContext context_;
  api::Handler handler_;
  api::MetricsHandler metrics_handler_;
  net::HttpServer server_;
  std::unique_ptr<net::HttpServer> metrics_server_;
  std::unique_ptr<api::AdminSocketHandler> admin_handler_;
  std::unique_ptr<net::HttpServer> admin_server_;
  net::Scope scope_;
  net::TaskGroup tasks_;
  net::Scope learning_scope_;
  net::Scope discovery_scope_;
  net::Scope keeping_scope_;
  net::TaskGroup learning_;  // and discovery, and keeping
  discovery::Watch watch_;
  api::FleetKeeper keeper_;
  std::thread thread_;
};

}  // namespace sluice::app
