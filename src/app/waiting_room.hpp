// Who answers while the gateway waits for its database server.
#pragma once

#include <cstdint>
#include <semaphore>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "config/config.hpp"
#include "net/http_server.hpp"
#include "net/loop.hpp"
#include "net/task_group.hpp"
#include "net/tls.hpp"

namespace sluice::app {

/// With a loop and a thread of its own: alive (/health), not ready (/ready), and 503 for all else,
/// which clients may try again.
class WaitingRoom final : private net::HttpHandler {
 public:
  /// `why`: for people.
  explicit WaitingRoom(std::string why)
      : why_(std::move(why)), server_(loop_, *this), scope_(loop_) {}
  /// Ends its connections in an orderly way, and closes the port last.
  ~WaitingRoom() override;
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  /// Binds and begins to answer; the port that it is.
  Result<uint16_t> open(const config::Server& server, net::TlsContextPtr tls);

 private:
  net::Task<void> handle(net::HttpCall& call) override;
  std::string render_refusal(int status, std::string_view reason) override;
  net::Task<void> await_drained();

  const std::string why_;
  net::Loop loop_;
  net::HttpServer server_;
  net::Scope scope_;
  net::TaskGroup tasks_;
  std::binary_semaphore drained_{0};
  std::thread thread_;
};

}  // namespace sluice::app
