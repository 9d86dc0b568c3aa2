// The whole HTTP front of one loop, a client and an upstream that do what the test says.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

#include "api/handler.hpp"
#include "net/http_server.hpp"
#include "net/test_peer.hpp"

namespace sluice::api {

class TestGateway {
 public:
  TestGateway() : upstream(test_.loop), blocking_(1), client_(test_.loop, blocking_) {
    config.auth.enabled = false;
  }

  void run(net::Task<void> task) {
    auto snapshot = relay::make_snapshot(std::make_shared<const config::Config>(config), 1);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
    context_.snapshot = *snapshot;
    service.phase = Phase::kServing;
    Handler handler(service, context_);
    net::HttpServer server(test_.loop, handler);
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

  /// Sends `line` and `fields` on a connection of its own and returns the answer to its end.
  net::Task<std::string> ask(std::string line, std::string fields = {}) {
    net::Peer client(test_.loop);
    co_await client.connect(port_);
    co_await client.send(line + " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + fields + "\r\n");
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

 private:
  net::TestLoop test_;
  observe::Metrics metrics_{"1.2.3"};
  observe::LiveBoard board_;

 public:
  config::Config config;
  net::TestListener upstream;

 private:
  net::BlockingPool blocking_;
  net::HttpClient client_;
  relay::LoopContext context_{.loop = test_.loop,
                              .client = client_,
                              .metrics = metrics_.add_loop(),
                              .live = board_.add_loop(),
                              .snapshot = {}};
  uint16_t port_ = 0;

 public:
  Service service{.metrics = metrics_, .live = board_, .blocking = blocking_};
};

}  // namespace sluice::api
