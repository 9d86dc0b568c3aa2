// A server for tests of the load generator, whose answers the tests choose.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "net/http_server.hpp"
#include "net/socket.hpp"

namespace sluice::load {

inline constexpr std::string_view kContent =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";

class Upstream final : public net::HttpHandler {
 public:
  explicit Upstream(std::function<net::Task<void>(net::HttpCall&)> answer)
      : answer_(std::move(answer)), server_(loop_, *this) {
    const auto fd = net::listen_on("127.0.0.1", 0);
    EXPECT_TRUE(fd);
    port_ = net::local_port(*fd);
    server_.start(*fd);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Upstream() override {
    loop_.post([this] { tasks_.spawn(stop()); });
    thread_.join();
  }

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  uint64_t requests() const { return requests_; }

  net::Task<void> handle(net::HttpCall& call) override {
    ++requests_;
    const auto body = co_await call.read_body(1 << 20);
    if (body) co_await answer_(call);
  }
  std::string render_refusal(int, std::string_view reason) override { return std::string(reason); }

 private:
  net::Task<void> stop() {
    net::Scope scope(loop_);
    server_.stop_accepting();
    server_.cancel_all(net::CancelReason::kDraining);
    co_await server_.drained(scope);
    loop_.stop();
  }

  std::function<net::Task<void>(net::HttpCall&)> answer_;
  std::atomic<uint64_t> requests_ = 0;
  net::Loop loop_;
  net::HttpServer server_;
  net::TaskGroup tasks_;
  uint16_t port_ = 0;
  std::thread thread_;
};

inline void begin_events(net::HttpCall& call) {
  net::HeaderList headers;
  headers.emplace_back("content-type", "text/event-stream");
  call.begin_stream(200, headers);
}

/// Answers with `events` content events and the end of the stream, with or without the terminal
/// event.
struct StreamOf {
  int events;
  bool terminal = true;

  net::Task<void> operator()(net::HttpCall& call) const {
    begin_events(call);
    std::string text;
    for (int i = 0; i < events; ++i) text += kContent;
    if (terminal) text += "data: [DONE]\n\n";
    call.push(text, true);
    co_return;
  }
};

struct StatusOf {
  int status;

  net::Task<void> operator()(net::HttpCall& call) const { co_await call.respond(status, {}, "{}"); }
};

}  // namespace sluice::load
