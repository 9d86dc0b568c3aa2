// What relaying an event costs on a running stream: time, with the system calls of both sides,
// and allocations, of which there must be none.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/counting_allocator.hpp"
#include "net/http_server.hpp"
#include "net/socket.hpp"
#include "relay/exchange.hpp"
#include "store/test_ledger.hpp"

namespace sluice::relay {
namespace {

std::string chunk(std::string_view data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "benchmark: %s\n", what);
  std::abort();
}

/// The relay, one client and one upstream, all on one loop.
class Bench final : public net::HttpHandler {
 public:
  explicit Bench(dialect::Endpoint endpoint)
      : blocking_(1),
        client_(loop_, blocking_),
        endpoint_(endpoint),
        server_(loop_, *this),
        scope_(loop_) {
    const auto port = net::listen_on("127.0.0.1", 0);
    const auto upstream = net::listen_on("127.0.0.1", 0);
    require(port && upstream, "cannot listen");
    port_ = net::local_port(*port);
    upstream_listener_ = *upstream;
    server_.start(*port);

    config::Config config;
    config::Provider& provider = config.providers.emplace_back();
    provider.name = "upstream";
    provider.type = endpoint == dialect::Endpoint::kMessages
                        ? config::ProviderType::kAnthropic
                        : config::ProviderType::kOpenAiCompatible;
    provider.base_url = fmt::format("http://127.0.0.1:{}", net::local_port(*upstream));
    provider.is_default = true;
    // A key with a quota and a price, so that all of the metering runs.
    config::Key& key = config.keys.emplace_back();
    key.key = Secret("sk-bench");
    key.name = "bench";
    key.quota_tokens = int64_t{1} << 50;
    key.user = "bench";
    config::Model& model = config.models.emplace_back();
    model.name = "m";
    model.price = {.input = {2'500'000'000},
                   .output = {10'000'000'000},
                   .cache_read = {1'250'000'000},
                   .cache_write = {2'500'000'000}};
    auto clients = clients_of_config(config, registry_);
    require(clients.has_value(), "no clients");
    registry_.find_wallet(1)->balance.add(int64_t{1} << 60);
    auto snapshot = make_snapshot(std::make_shared<const config::Config>(std::move(config)),
                                  std::move(*clients), 1, targets_);
    require(snapshot.has_value(), "no snapshot");
    context_.snapshot = std::move(*snapshot);
  }

  void run(benchmark::State& state, const std::string& preamble, const std::string& event) {
    const auto to_the_end = [this](net::Task<void> task) -> net::Task<void> {
      co_await task;
      loop_.stop();
    };
    net::TaskGroup group;
    group.spawn(to_the_end(measure(state, preamble, event)));
    loop_.run();
  }

 private:
  net::Task<void> handle(net::HttpCall& call) override {
    Exchange exchange(context_, call, endpoint_, "bench");
    co_await exchange.run();
  }
  std::string render_refusal(int, std::string_view reason) override { return std::string(reason); }

  net::Task<void> measure(benchmark::State& state, const std::string& preamble,
                          const std::string& event) {
    auto client = co_await connect();
    const std::string body =
        R"({"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]})";
    co_await client->write(scope_,
                           fmt::format("POST / HTTP/1.1\r\nhost: x\r\nx-api-key: sk-bench\r\n"
                                       "content-length: {}\r\n\r\n{}",
                                       body.size(), body));
    auto upstream = co_await accept();
    co_await upstream->read(scope_, buffer_);
    const std::string start =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" +
        preamble + event;
    co_await upstream->write(scope_, start);
    // Head and preamble; from then on what goes in comes out, byte by byte.
    const std::string mark = event.substr(event.find("\r\n") + 2);
    std::string seen;
    while (!seen.ends_with(mark)) {
      const net::Io io = co_await client->read(scope_, buffer_);
      require(io.ok(), "the stream broke");
      seen.append(buffer_.data(), io.bytes);
    }

    const int fd = upstream->descriptor().fd();
    const size_t batch = static_cast<size_t>(state.range(0));
    std::string events;
    for (size_t i = 0; i < batch; ++i) events += event;
    // Out comes one chunk per wake-up, whose size line may be longer than those of its events.
    const size_t payload = (mark.size() - 2) * batch;
    const size_t out = chunk(std::string(payload, 'x')).size();
    // The benchmark's own clockwork allocates before and behind its loop.
    size_t allocated = 0;
    for (auto _ : state) {
      const size_t before = sluice::testing::allocations();
      require(::send(fd, events.data(), events.size(), 0) == static_cast<ssize_t>(events.size()),
              "the upstream's socket is full");
      for (size_t got = 0; got < out;) {
        const net::Io io = co_await client->read(scope_, buffer_);
        require(io.ok(), "the stream broke");
        got += io.bytes;
      }
      allocated += sluice::testing::allocations() - before;
    }
    const auto relayed = state.iterations() * static_cast<int64_t>(batch);
    state.SetItemsProcessed(relayed);
    state.counters["allocations/event"] =
        static_cast<double>(allocated) / static_cast<double>(relayed);

    client->descriptor().reset_on_close();
    client.reset();
    co_await server_.drained(scope_);
  }

  net::Task<std::unique_ptr<net::ByteStream>> connect() {
    const std::vector<net::Address> addresses{*net::parse_address("127.0.0.1", port_)};
    auto socket = co_await net::connect_to(addresses, scope_);
    require(socket.has_value(), "cannot connect");
    co_return net::make_plain_stream(std::move(*socket));
  }

  net::Task<std::unique_ptr<net::ByteStream>> accept() {
    for (;;) {
      const int fd = accept4(upstream_listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) co_return net::make_plain_stream(std::make_unique<net::Descriptor>(loop_, fd));
      net::Scope scope(loop_);
      co_await net::Sleep(scope, now() + std::chrono::milliseconds(1));
    }
  }

  net::Loop loop_;
  net::BlockingPool blocking_;
  net::HttpClient client_;
  net::Resolver foreign_hosts_{loop_, blocking_};
  observe::Metrics metrics_{"bench"};
  observe::LiveBoard board_;
  store::TestLedger ledger_;
  quota::Registry registry_;
  tokens::Calibration calibration_;
  LearnedModels learned_;
  route::TargetStates targets_;
  workers::Fleet fleet_{{}};
  workers::Dispatcher dispatcher_{fleet_, {}};
  LoopContext context_{.loop = loop_,
                       .client = client_,
                       .foreign_hosts = foreign_hosts_,
                       .blocking = blocking_,
                       .metrics = metrics_.add_loop(),
                       .live = board_.add_loop(),
                       .ledger = ledger_,
                       .calibration = calibration_,
                       .learned = learned_,
                       .dispatcher = dispatcher_,
                       .snapshot = {}};
  dialect::Endpoint endpoint_;
  net::HttpServer server_;
  net::Scope scope_;
  std::array<char, 64 * 1024> buffer_;
  uint16_t port_ = 0;
  int upstream_listener_ = -1;
};

void openai(benchmark::State& state) {
  Bench bench(dialect::Endpoint::kChatCompletions);
  bench.run(state, chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"a\"}}]}\n\n"),
            chunk("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
                  "\"created\":1700000000,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,"
                  "\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n"));
}

void anthropic(benchmark::State& state) {
  Bench bench(dialect::Endpoint::kMessages);
  bench.run(
      state,
      chunk("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","
            "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"),
      chunk("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"text_delta\",\"text\":\" token\"}}\n\n"));
}

// Events in one wake-up.
BENCHMARK(openai)->Arg(1)->Arg(16);
BENCHMARK(anthropic)->Arg(1)->Arg(16);

}  // namespace
}  // namespace sluice::relay
