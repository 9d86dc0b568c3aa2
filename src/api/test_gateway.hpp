// The whole HTTP front of one loop, a client and an upstream that do what the test says.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

#include "api/handler.hpp"
#include "net/http_server.hpp"
#include "net/test_peer.hpp"
#include "store/test_ledger.hpp"

namespace sluice::api {

class TestGateway {
 public:
  TestGateway() : upstream(test_.loop), blocking_(1), client_(test_.loop, blocking_) {
    config.auth.enabled = false;
    service.loops = {{.loop = &test_.loop, .live = &context_.live}};
  }

  void run(net::Task<void> task) {
    auto clients = relay::clients_of_config(config, registry_);
    ASSERT_TRUE(clients.has_value()) << clients.error().message;
    auto snapshot = relay::make_snapshot(std::make_shared<const config::Config>(config),
                                         std::move(*clients), 1, targets_);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
    context_.snapshot = *snapshot;
    service.phase = Phase::kServing;
    handler = std::make_unique<Handler>(service, context_);
    net::HttpServer server(test_.loop, *handler);
    auto fd = net::listen_on("127.0.0.1", 0);
    ASSERT_TRUE(fd.has_value());
    port_ = net::local_port(*fd);
    server.start(*fd);
    const auto whole = [&](net::Task<void> inner) -> net::Task<void> {
      co_await inner;
      server.stop_accepting();
      server.cancel_all(net::CancelReason::kRequested);
      net::Scope scope(test_.loop);
      co_await server.drained(scope);
    };
    test_.run(whole(std::move(task)));
  }

  /// Sends `line`, `fields` and `body` on a connection of its own and returns the answer to its
  /// end.
  net::Task<std::string> ask(std::string line, std::string fields = {}, std::string body = {}) {
    co_return co_await ask_at("x", std::move(line), std::move(fields), std::move(body));
  }
  /// The same with that Host.
  net::Task<std::string> ask_at(std::string host, std::string line, std::string fields = {},
                                std::string body = {}) {
    net::Peer client(test_.loop);
    co_await client.connect(port_);
    if (!body.empty()) fields += fmt::format("content-length: {}\r\n", body.size());
    co_await client.send(fmt::format("{} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{}\r\n{}",
                                     line, host, fields, body));
    co_return co_await client.read_to_end();
  }

  /// A provider whose upstream is `upstream`.
  config::Provider& add_provider(std::string name, config::ProviderType type) {
    config::Provider& out = config.providers.emplace_back();
    out.name = std::move(name);
    out.type = type;
    out.base_url = fmt::format("http://127.0.0.1:{}", upstream.port());
    out.api_keys = {Secret("upstream-key")};
    return out;
  }

  net::Loop& loop() { return test_.loop; }
  relay::LoopContext& context() { return context_; }

 private:
  net::TestLoop test_;
  observe::Metrics metrics_{"1.2.3"};
  observe::LiveBoard board_;

 public:
  config::Config config;
  net::TestListener upstream;
  relay::LearnedModels learned;
  std::unique_ptr<Handler> handler;  // while a test runs

 private:
  net::BlockingPool blocking_;
  net::HttpClient client_;
  net::Resolver foreign_hosts_{test_.loop, blocking_};
  store::TestLedger ledger_;
  quota::Registry registry_;
  tokens::Calibration calibration_;
  route::TargetStates targets_;

 public:
  workers::Fleet fleet{{}};
  workers::Dispatcher dispatcher{fleet, {}};

 private:
  relay::LoopContext context_{.loop = test_.loop,
                              .client = client_,
                              .foreign_hosts = foreign_hosts_,
                              .blocking = blocking_,
                              .metrics = metrics_.add_loop(),
                              .live = board_.add_loop(),
                              .ledger = ledger_,
                              .calibration = calibration_,
                              .learned = learned,
                              .dispatcher = dispatcher,
                              .snapshot = {}};
  uint16_t port_ = 0;

 public:
  Service service{.metrics = metrics_,
                  .live = board_,
                  .blocking = blocking_,
                  .foreign_lookups = blocking_,
                  .registry = registry_,
                  .calibration = calibration_,
                  .learned = learned,
                  .fleet = fleet,
                  .dispatcher = dispatcher};
};

}  // namespace sluice::api
