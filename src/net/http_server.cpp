#include "net/http_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/socket.hpp"
#include "net/unix_socket.hpp"

namespace sluice::net {

/// One client connection: reads heads, runs the handler, again.
class HttpConnection {
 public:
  HttpConnection(HttpServer& server, std::string peer)
      : server_(server), peer_(std::move(peer)), scope_(server.loop_), next_(server.first_) {
    if (next_ != nullptr) next_->previous_ = this;
    server_.first_ = this;
    if (server_.gauge_ != nullptr) counted_ = observe::GaugeHold(*server_.gauge_);
  }
  ~HttpConnection() {
    if (next_ != nullptr) next_->previous_ = previous_;
    (previous_ != nullptr ? previous_->next_ : server_.first_) = next_;
  }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  Task<void> serve(std::unique_ptr<Descriptor> socket);
  void end_if_idle() {
    if (!idle_) return;
    if (served_) {
      scope_.cancel(CancelReason::kDraining);
    } else {
      // Its request is on the way: who has just connected cannot know that we go.
      scope_.set_deadline(server_.loop_.now() + server_.limits_.drain_grace);
    }
  }
  Scope& scope() { return scope_; }
  HttpConnection* next() const { return next_; }

 private:
  Task<bool> one_request();
  Task<bool> read_head(HttpCall& call);
  void split_head(HttpCall& call, size_t size);
  Task<void> refuse(HttpCall& call, int status, std::string_view reason);
  Task<void> linger();

  HttpServer& server_;
  std::string peer_;
  Scope scope_;
  std::unique_ptr<ByteStream> stream_;
  std::string received_;
  observe::GaugeHold counted_;
  bool idle_ = false;
  bool served_ = false;
  HttpConnection* previous_ = nullptr;
  HttpConnection* next_;
};

Task<void> HttpConnection::serve(std::unique_ptr<Descriptor> socket) {
  if (server_.tls_) {
    scope_.set_deadline(server_.loop_.now() + server_.limits_.head_arrival);
    auto secured = co_await tls_accept(std::move(socket), server_.tls_, scope_);
    if (!secured) co_return;
    stream_ = std::move(*secured);
  } else {
    stream_ = make_plain_stream(std::move(socket));
  }
  while (co_await one_request()) {
  }
}

Task<bool> HttpConnection::one_request() {
  HttpCall call(*stream_, scope_, received_, peer_, server_.limits_, server_.draining_);
  if (!co_await read_head(call)) co_return false;
  served_ = true;
  call.start_watching();
  co_await server_.handler_.handle(call);
  if (!call.finished() || !co_await call.flush()) {
    // Cut short: a reset says so, where an orderly close could pass for the end of the body.
    if (call.begun()) stream_->descriptor().reset_on_close();
    co_return false;
  }
  if (call.reusable() && !scope_.cancelled()) co_return true;
  if (!scope_.cancelled()) co_await linger();
  co_return false;
}

Task<bool> HttpConnection::read_head(HttpCall& call) {
  Loop& loop = server_.loop_;
  size_t scanned = 0;
  const HttpServerLimits& limits = server_.limits_;
  const Duration first_byte = server_.draining_ ? limits.drain_grace : limits.idle;
  scope_.set_deadline(loop.now() + (received_.empty() ? first_byte : limits.head_arrival));
  for (;;) {
    if (!received_.empty()) {
      const auto result = http::parse_request_head(received_, scanned, limits.head, call.head_);
      if (result.state == http::HeadState::kBad) {
        co_await refuse(call, result.error.status, result.error.reason);
        co_return false;
      }
      if (result.state == http::HeadState::kDone) {
        split_head(call, result.consumed);
        break;
      }
    }
    idle_ = received_.empty();
    if (idle_ && server_.draining_ && served_) co_return false;
    const Io io = co_await stream_->read(scope_, loop.input());
    const bool was_idle = std::exchange(idle_, false);
    if (io.kind == Io::kTimeout && !was_idle) {
      co_await refuse(call, 408, "the request head did not arrive in time");
      co_return false;
    }
    if (!io.ok()) co_return false;
    if (was_idle) scope_.set_deadline(loop.now() + limits.head_arrival);
    received_.append(loop.input().data(), io.bytes);
  }
  scope_.clear_deadline();
  call.started_ = loop.now();
  call.body_ = http::BodyDecoder(call.head_.framing, call.head_.content_length);
  call.keep_alive_ = call.head_.keep_alive;
  call.head_request_ = call.head_.method == "HEAD";
  call.http_1_0_ = call.head_.minor_version == 0;
  call.awaits_continue_ = call.head_.expect_continue;
  co_return true;
}

/// Leaves in received_ what lies behind the head, whose bytes become the call's.
void HttpConnection::split_head(HttpCall& call, size_t size) {
  constexpr size_t kSmall = 4096;
  const char* parsed = received_.data();
  std::string rest = received_.substr(size);
  if (received_.capacity() <= kSmall) {
    received_.resize(size);
    call.head_bytes_ = std::move(received_);
  } else {
    // Much of a body came with it, for whose room the head has no use.
    call.head_bytes_.assign(received_, 0, size);
  }
  received_ = std::move(rest);
  if (call.head_bytes_.data() == parsed) return;
  // The views of the parsed head move with the bytes.
  size_t scanned = 0;
  call.head_ = {};
  http::parse_request_head(call.head_bytes_, scanned, server_.limits_.head, call.head_);
}

Task<void> HttpConnection::refuse(HttpCall& call, int status, std::string_view reason) {
  call.forbid_reuse();
  HeaderList headers;
  headers.emplace_back("content-type", "application/json");
  const std::string body = server_.handler_.render_refusal(status, reason);
  scope_.set_deadline(server_.loop_.now() + server_.limits_.head_arrival);
  const auto sent = co_await call.respond(status, headers, body);
  if (sent) co_await linger();
}

// Closing with unread input makes the kernel send a reset, which can destroy the response before
// the client has read it. So: say that nothing more comes, and read on for a moment.
Task<void> HttpConnection::linger() {
  constexpr size_t kMost = size_t{64} << 20;
  stream_->descriptor().unwatch();
  stream_->shut_down();
  scope_.set_deadline(server_.loop_.now() + server_.limits_.linger);
  for (size_t read = 0; read < kMost;) {
    const Io io = co_await stream_->read(scope_, server_.loop_.input());
    if (!io.ok()) break;
    read += io.bytes;
  }
}

/// Accepts whenever the listening socket has connections.
class HttpServer::Acceptor final : private DescriptorWatch, private Timer {
 public:
  Acceptor(HttpServer& server, int fd)
      : Timer(server.loop_), server_(server), descriptor_(server.loop_, fd) {
    descriptor_.watch(this);
  }
  int fd() const { return descriptor_.fd(); }
  /// Out of descriptors: edges come no more, so try again a little later.
  void retry_soon() { arm(loop_.now() + std::chrono::milliseconds(50)); }

 private:
  void on_hangup() override {}
  void on_readable() override { server_.accept_all(); }
  void fire() override { server_.accept_all(); }

  HttpServer& server_;
  Descriptor descriptor_;
};

HttpServer::HttpServer(Loop& loop, HttpHandler& handler, HttpServerLimits limits)
    : loop_(loop), handler_(handler), limits_(limits) {}

HttpServer::~HttpServer() = default;

void HttpServer::start(int listening_fd) {
  acceptor_ = std::make_unique<Acceptor>(*this, listening_fd);
}

void HttpServer::accept_all() {
  while (acceptor_) {
    Address peer;
    peer.length = sizeof peer.storage;
    const int fd = accept4(acceptor_->fd(), reinterpret_cast<sockaddr*>(&peer.storage),
                           &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) acceptor_->retry_soon();
      return;
    }
    std::string host;
    if (peer.storage.ss_family == AF_UNIX) {
      auto who = unix_peer(fd);
      if (!who) {
        close(fd);
        continue;
      }
      host = std::move(*who);
    } else {
      host = peer.host();
    }
    // The connection is the first thing in its coroutine's frame; the group owns the frame.
    tasks_.spawn(
        [](HttpServer& server, std::string host, std::unique_ptr<Descriptor> socket) -> Task<void> {
          HttpConnection connection(server, std::move(host));
          co_await connection.serve(std::move(socket));
        }(*this, std::move(host), std::make_unique<Descriptor>(loop_, fd)));
  }
}

void HttpServer::stop_accepting() {
  accept_all();
  acceptor_.reset();
  draining_ = true;
  for (HttpConnection* each = first_; each != nullptr; each = each->next()) each->end_if_idle();
}

void HttpServer::cancel_all(CancelReason reason) {
  for (HttpConnection* each = first_; each != nullptr; each = each->next()) {
    each->scope().cancel(reason);
  }
}

}  // namespace sluice::net
