#include "app/waiting_room.hpp"

#include <pthread.h>

#include <utility>

#include "api/answer.hpp"
#include "api/handler.hpp"
#include "app/version.hpp"
#include "base/clock.hpp"
#include "json/writer.hpp"
#include "net/socket.hpp"

namespace sluice::app {

namespace {

/// Of what is still being answered at the end.
constexpr auto kPatience = std::chrono::seconds(2);

std::string health() {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("status", "healthy")
      .member("timestamp", rfc3339(wall_nanos()))
      .member("version", kVersion)
      .end_object();
  return body;
}

std::string not_ready(std::string_view why) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("status", "not_ready")
      .key("reasons")
      .begin_array()
      .string("starting")
      .string(why)
      .end_array()
      .end_object();
  return body;
}

}  // namespace

WaitingRoom::~WaitingRoom() {
  if (!thread_.joinable()) return;
  loop_.post([this] {
    server_.stop_accepting();
    tasks_.spawn(await_drained());
  });
  (void)drained_.try_acquire_for(kPatience);
  loop_.stop();
  thread_.join();
}

Result<uint16_t> WaitingRoom::open(const config::Server& server, net::TlsContextPtr tls) {
  const auto fd = net::listen_on(server.host, server.port);
  if (!fd) return std::unexpected(fd.error());
  const uint16_t port = net::local_port(*fd);
  server_.use_tls(std::move(tls));
  server_.start(*fd);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "waiting-room");
    loop_.run();
  });
  return port;
}

net::Task<void> WaitingRoom::await_drained() {
  co_await server_.drained(scope_);
  drained_.release();
}

net::Task<void> WaitingRoom::handle(net::HttpCall& call) {
  const std::string_view path = call.head().path();
  if (path == "/health") co_return co_await api::answer_json(call, 200, health());
  if (path == "/ready") co_return co_await api::answer_json(call, 503, not_ready(why_));
  Error error{.code = ErrorCode::kLedgerUnavailable,
              .message = "The gateway is starting: try again in a moment.",
              .param = {}};
  if (const auto endpoint = api::inference_endpoint(path)) {
    co_return co_await api::answer_error(call, dialect::dialect_of(*endpoint), std::move(error));
  }
  co_await api::answer_error(call, std::move(error));
}

std::string WaitingRoom::render_refusal(int, std::string_view reason) {
  return std::string(reason);
}

}  // namespace sluice::app
