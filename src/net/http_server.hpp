// The HTTP/1.1 server of one loop: its listener, its connections, their deadlines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/head.hpp"
#include "net/http_call.hpp"
#include "net/task_group.hpp"
#include "net/tls.hpp"
#include "observe/histogram.hpp"

namespace sluice::net {

class HttpConnection;

class HttpServer {
 public:
  /// `handler` outlives the server.
  HttpServer(Loop& loop, HttpHandler& handler, HttpServerLimits limits = {});
  ~HttpServer();

  /// Takes over a listening socket, TCP or Unix, and accepts from it. At a Unix socket only this
  /// process's own user and root are let in; the call's peer is then "unix:UID".
  void start(int listening_fd);
  /// Counts open connections there from now on. `gauge` outlives the server; set it before start().
  void count_in(observe::Gauge& gauge) { gauge_ = &gauge; }
  /// For connections accepted from now on; null is plain text.
  void use_tls(TlsContextPtr context) { tls_ = std::move(context); }

  /// Accepts what is queued already, then no more. Responses from now on close their connection,
  /// and idle connections end at once; one that has not sent its first request yet, after
  /// drain_grace.
  void stop_accepting();
  /// Cancels every request that is still running.
  void cancel_all(CancelReason reason);

  size_t connections() const { return tasks_.size(); }
  /// Waits until the last connection has ended.
  Event::Awaiter drained(Scope& scope) { return tasks_.empty(scope); }

 private:
  friend class HttpConnection;
  class Acceptor;
  void accept_all();

  Loop& loop_;
  HttpHandler& handler_;
  HttpServerLimits limits_;
  TlsContextPtr tls_;
  observe::Gauge* gauge_ = nullptr;
  std::unique_ptr<Acceptor> acceptor_;
  HttpConnection* first_ = nullptr;  // intrusive list of live connections
  TaskGroup tasks_;
  bool draining_ = false;
};

}  // namespace sluice::net
