#include "app/worker.hpp"

#include <pthread.h>

#include <string>

namespace sluice::app {

namespace {
constexpr auto kLearnAfter = std::chrono::minutes(1);
}

Worker::Worker(int index, api::Service& service, relay::SnapshotPtr snapshot,
               observe::LoopMetrics& metrics, observe::LiveShard& live)
    : service_(service),
      loop_(index),
      client_(loop_, service.blocking),
      foreign_hosts_(loop_, service.foreign_lookups),
      context_{.loop = loop_,
               .client = client_,
               .foreign_hosts = foreign_hosts_,
               .blocking = service.blocking,
               .metrics = metrics,
               .live = live,
               .ledger = service.database->ledger(),
               .calibration = service.calibration,
               .learned = service.learned,
               .dispatcher = service.dispatcher,
               .snapshot = std::move(snapshot),
               .logins = service.logins},
      handler_(service, context_),
      metrics_handler_(service, context_),
      server_(loop_, handler_),
      scope_(loop_),
      learning_scope_(loop_),
      discovery_scope_(loop_),
      keeping_scope_(loop_),
      watch_(client_, service.fleet),
      keeper_(client_, service.dispatcher) {
  server_.count_in(metrics.connections);
  service.loops.push_back({.loop = &loop_, .live = &live});
}

Worker::~Worker() { stop_and_join(); }

void Worker::serve(int listening_fd, net::TlsContextPtr tls) {
  server_.use_tls(std::move(tls));
  server_.start(listening_fd);
}

void Worker::serve_metrics(int listening_fd) {
  metrics_server_ = std::make_unique<net::HttpServer>(loop_, metrics_handler_);
  metrics_server_->start(listening_fd);
}

void Worker::serve_admin(int listening_fd) {
  admin_handler_ = std::make_unique<api::AdminSocketHandler>(service_, context_);
  admin_server_ = std::make_unique<net::HttpServer>(loop_, *admin_handler_);
  admin_server_->start(listening_fd);
}

void Worker::start() {
  // One loop asks the upstreams for all, and not at once: who only tries something out is left
  // alone.
  if (loop_.index() == 0) {
    loop_.post([this] {
      learning_.spawn(handler_.keep_learning(learning_scope_, kLearnAfter));
      const auto config = [this] { return context_.snapshot->config; };
      learning_.spawn(watch_.run(config, discovery_scope_));
      learning_.spawn(keeper_.run(config, keeping_scope_));
    });
  }
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("loop-" + std::to_string(loop_.index())).c_str());
    loop_.run();
  });
}

void Worker::use(relay::SnapshotPtr snapshot, net::TlsContextPtr tls,
                 std::move_only_function<void()> taken) {
  loop_.post([this, snapshot = std::move(snapshot), tls = std::move(tls),
              taken = std::move(taken)]() mutable {
    context_.snapshot = std::move(snapshot);
    if (tls) server_.use_tls(std::move(tls));
    if (taken) taken();
  });
}

void Worker::drain(std::move_only_function<void()> when_drained) {
  loop_.post([this, when_drained = std::move(when_drained)]() mutable {
    server_.stop_accepting();
    learning_scope_.cancel(net::CancelReason::kDraining);
    discovery_scope_.cancel(net::CancelReason::kDraining);
    tasks_.spawn(await_drained(std::move(when_drained)));
  });
}

net::Task<void> Worker::await_drained(std::move_only_function<void()> when_drained) {
  co_await server_.drained(scope_);
  // Until here some may have waited for a worker.
  keeping_scope_.cancel(net::CancelReason::kDraining);
  co_await learning_.empty(scope_);
  // Until here the drain could be watched, and asked about.
  for (net::HttpServer* server : {metrics_server_.get(), admin_server_.get()}) {
    if (server == nullptr) continue;
    server->stop_accepting();
    server->cancel_all(net::CancelReason::kDraining);
    co_await server->drained(scope_);
  }
  when_drained();
}

void Worker::cancel_all(net::CancelReason reason) {
  loop_.post([this, reason] { server_.cancel_all(reason); });
}

void Worker::stop_and_join() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

}  // namespace sluice::app
