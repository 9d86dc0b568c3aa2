// The relay between a client and an upstream that do what the test says, all on one loop: what
// happens first is decided by the test.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.hpp"
#include "net/test_peer.hpp"
#include "relay/exchange.hpp"
#include "store/test_ledger.hpp"

namespace sluice::relay {

inline constexpr std::string_view kSseHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

inline std::string chunk(std::string_view data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}
/// One event of a chat completion stream, as a chunk.
inline std::string content(std::string_view text) {
  return chunk(fmt::format(
      "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", text));
}
inline const std::string kRole =
    chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n");
inline const std::string kFinish =
    chunk("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
inline const std::string kUsage =
    chunk("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n");
inline const std::string kDone = chunk("data: [DONE]\n\n");
inline const std::string kLastChunk = "0\r\n\r\n";

class TestRelay final : public net::HttpHandler {
 public:
  /// Providers "a" and "b" (the fallback of "a"), each with a listener of its own; no key needed.
  TestRelay() : up_a(test_.loop), up_b(test_.loop), blocking_(1), client_(test_.loop, blocking_) {
    config.auth.enabled = false;
    config.providers = {provider("a", up_a.port()), provider("b", up_b.port())};
    config.providers[0].is_default = true;
    config.routing.retry.attempts = 1;
    config.routing.fallbacks = {{.from = "a", .to = {{.name = "b", .model = {}}}}};
    server_ = std::make_unique<net::HttpServer>(test_.loop, *this);
    auto fd = net::listen_on("127.0.0.1", 0);
    EXPECT_TRUE(fd.has_value());
    port_ = net::local_port(*fd);
    server_->start(*fd);
  }

  /// Takes `config` as it is now, runs the test's coroutine, and drains.
  void run(net::Task<void> task) {
    auto clients = clients_of_config(config, registry);
    ASSERT_TRUE(clients.has_value()) << clients.error().message;
    auto snapshot = make_snapshot(std::make_shared<const config::Config>(config),
                                  std::move(*clients), 1, targets);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
    context.snapshot = *snapshot;
    const auto whole = [this](net::Task<void> inner) -> net::Task<void> {
      co_await inner;
      server_->stop_accepting();
      server_->cancel_all(net::CancelReason::kRequested);
      net::Scope scope(test_.loop);
      co_await server_->drained(scope);
    };
    test_.run(whole(std::move(task)));
  }

  net::Loop& loop() { return test_.loop; }
  net::HttpServer& server() { return *server_; }

  static std::string request(std::string_view body, std::string_view fields = {},
                             std::string_view path = "/v1/chat/completions") {
    return fmt::format(
        "POST {} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n{}"
        "content-length: {}\r\n\r\n{}",
        path, fields, body.size(), body);
  }
  static constexpr std::string_view kStreamBody =
      R"({"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]})";
  static constexpr std::string_view kWholeBody =
      R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})";

  /// Connects a client and sends a request.
  net::Task<void> ask(net::Peer& client, std::string bytes) {
    co_await client.connect(port_);
    co_await client.send(std::move(bytes));
  }
  net::Task<void> ask_stream(net::Peer& client) { return ask(client, request(kStreamBody)); }

  /// Accepts the relay's next connection and reads its request, body included.
  net::Task<std::string> take_request(net::TestListener& listener, net::Peer& upstream) {
    if (!upstream.stream) co_await listener.accept(upstream);
    std::string head = co_await upstream.read_through("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    co_return head + co_await upstream.read_bytes(length);
  }

  /// The account of the key with this place in the configuration, from 1.
  quota::Account& registry_account(int64_t id) { return context.snapshot->clients.account(id); }

  const observe::RequestSeries& series(std::string_view provider = "a") {
    return *metrics_.series({.route = "test",
                             .dialect = dialect::to_string(dialect::dialect_of(endpoint)),
                             .provider = provider,
                             .model = "other"});
  }

 private:
  net::TestLoop test_;

 public:
  config::Config config;
  net::TestListener up_a;
  net::TestListener up_b;
  dialect::Endpoint endpoint = dialect::Endpoint::kChatCompletions;
  int answered = 0;
  net::Event ended;  // set when a request has ended
  store::TestLedger ledger;
  quota::Registry registry;
  LearnedModels learned;
  route::TargetStates targets;
  workers::Fleet fleet{{}};
  workers::Dispatcher dispatcher{fleet, {}};

 private:
  static config::Provider provider(std::string name, uint16_t port) {
    config::Provider out;
    out.name = std::move(name);
    out.type = config::ProviderType::kOpenAiCompatible;
    out.base_url = fmt::format("http://127.0.0.1:{}/v1", port);
    out.api_keys = {Secret("upstream-key")};
    return out;
  }

  net::Task<void> handle(net::HttpCall& call) override {
    {
      Exchange exchange(context, call, endpoint, "test");
      co_await exchange.run();
    }
    ++answered;
    ended.set();
  }
  std::string render_refusal(int, std::string_view reason) override { return std::string(reason); }

  net::BlockingPool blocking_;
  net::HttpClient client_;
  net::Resolver foreign_hosts_{test_.loop, blocking_};
  tokens::Calibration calibration_;
  observe::Metrics all_metrics_{"test"};
  observe::LiveBoard board_;
  observe::LoopMetrics& metrics_ = all_metrics_.add_loop();
  std::unique_ptr<net::HttpServer> server_;
  uint16_t port_ = 0;

 public:
  LoopContext context{.loop = test_.loop,
                      .client = client_,
                      .foreign_hosts = foreign_hosts_,
                      .blocking = blocking_,
                      .metrics = metrics_,
                      .live = board_.add_loop(),
                      .ledger = ledger,
                      .calibration = calibration_,
                      .learned = learned,
                      .dispatcher = dispatcher,
                      .snapshot = {}};
};

}  // namespace sluice::relay
