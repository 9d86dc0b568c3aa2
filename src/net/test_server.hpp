// An HTTP server on a test's loop, with a handler that the test may replace.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "net/http_server.hpp"
#include "net/test_peer.hpp"

namespace sluice::net {

class TestServer final : private HttpHandler {
 public:
  /// Heads beyond 4 KiB and bodies beyond 1000 bytes are too much for it.
  static constexpr uint64_t kMaxBody = 1000;

  explicit TestServer(HttpServerLimits limits = {})
      : http(test_.loop, *this, with_small_heads(limits)), on_call(default_handler()) {
    auto fd = listen_on("127.0.0.1", 0);
    EXPECT_TRUE(fd.has_value());
    port_ = local_port(*fd);
    http.start(*fd);
  }

  /// Runs a test's coroutine, then drains.
  void run(Task<void> task) {
    const auto whole = [this](Task<void> inner) -> Task<void> {
      co_await inner;
      http.stop_accepting();
      http.cancel_all(CancelReason::kRequested);
      Scope scope(test_.loop);
      co_await http.drained(scope);
    };
    test_.run(whole(std::move(task)));
    EXPECT_EQ(http.connections(), 0U);
  }

  Loop& loop() { return test_.loop; }
  uint16_t port() const { return port_; }
  bool saw_path(std::string_view path) const {
    return std::ranges::find(paths_, path) != paths_.end();
  }

 private:
  TestLoop test_;

 public:
  HttpServer http;
  std::function<Task<void>(HttpCall&)> on_call;
  Event called;  // set by the first call
  int calls = 0;
  std::string peer_seen;

 private:
  static HttpServerLimits with_small_heads(HttpServerLimits limits) {
    limits.head.max_bytes = 4096;
    return limits;
  }

  Task<void> handle(HttpCall& call) override {
    ++calls;
    peer_seen = call.peer();
    paths_.emplace_back(call.head().path());
    called.set();
    return on_call(call);
  }
  std::string render_refusal(int, std::string_view reason) override { return std::string(reason); }

  /// /text, /stream; everything else echoes its body.
  static std::function<Task<void>(HttpCall&)> default_handler() {
    return [](HttpCall& call) -> Task<void> {
      if (call.head().path() == "/text") {
        co_await call.respond(200, {}, "text");
      } else if (call.head().path() == "/stream") {
        call.begin_stream(200, {});
        call.push("one");
        call.push("two");
        call.push("three", true);
      } else {
        const auto body = co_await call.read_body(kMaxBody);
        if (body) {
          co_await call.respond(200, {}, *body);
        } else if (body.error().code != ErrorCode::kClientGone) {
          co_await call.respond(status_of(body.error().code), {}, body.error().message);
        }
      }
    };
  }
  static int status_of(ErrorCode code) {
    if (code == ErrorCode::kRequestTooLarge) return 413;
    return code == ErrorCode::kRequestTimeout ? 408 : 400;
  }

  uint16_t port_ = 0;
  std::vector<std::string> paths_;
};

}  // namespace sluice::net
