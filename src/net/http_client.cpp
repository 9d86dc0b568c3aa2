#include "net/http_client.hpp"

#include <fmt/format.h>

namespace sluice::net {

namespace {

/// The clock itself: the loop's stands still while it works.
void note(ConnectSteps* steps, TimePoint ConnectSteps::* step) {
  if (steps != nullptr) steps->*step = sluice::now();
}

}  // namespace

/// A connection that waits to be used again. An end, a reset, or bytes that nobody asked for make
/// it stale: it is closed at once, and not when the next request stumbles over it.
class HttpClient::Idle final : private DescriptorWatch, private Timer {
 public:
  Idle(HttpClient& client, Host& host, std::unique_ptr<ByteStream> stream, TimePoint until)
      : Timer(client.loop_), client_(client), host_(host), stream_(std::move(stream)) {
    arm(until);
  }
  void start_watching() { stream_->descriptor().watch(this); }
  std::unique_ptr<ByteStream> take() {
    stream_->descriptor().unwatch();
    return std::move(stream_);
  }
  Host& host() const { return host_; }

 private:
  void on_hangup() override { client_.drop(*this); }
  void on_readable() override {
    // TLS reads protocol messages of its own (session tickets); only content is unexpected.
    char byte = 0;
    if (stream_->try_read({&byte, 1}).kind != Io::kAgain) client_.drop(*this);
  }
  void fire() override { client_.drop(*this); }

  HttpClient& client_;
  Host& host_;
  std::unique_ptr<ByteStream> stream_;
};

HttpClient::HttpClient(Loop& loop, BlockingPool& blocking)
    : loop_(loop), resolver_(loop, blocking) {}

HttpClient::~HttpClient() = default;

void HttpClient::drop(Idle& idle) {
  auto& list = idle.host().idle;
  for (auto each = list.begin(); each != list.end(); ++each) {
    if (each->get() != &idle) continue;
    list.erase(each);
    --idle_count_;
    return;
  }
}

Task<Result<std::unique_ptr<UpstreamConnection>>> HttpClient::acquire(const Origin& origin,
                                                                      bool fresh, Scope& scope,
                                                                      ConnectSteps* steps) {
  Host& host = hosts_[origin.pool_key];
  if (!fresh && !host.idle.empty()) {
    auto stream = host.idle.back()->take();
    host.idle.pop_back();
    --idle_count_;
    co_return std::make_unique<UpstreamConnection>(std::move(stream), true);
  }
  const TimePoint outer = scope.deadline();
  scope.set_deadline(std::min(outer, loop_.now() + origin.connect_timeout));
  note(steps, &ConnectSteps::begun);
  auto stream = co_await connect(origin, host, scope, steps);
  scope.set_deadline(outer);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  co_return std::make_unique<UpstreamConnection>(std::move(*stream), false);
}

Task<Result<std::unique_ptr<ByteStream>>> HttpClient::connect(const Origin& origin, Host& host,
                                                              Scope& scope, ConnectSteps* steps) {
  const std::string& name = origin.proxy ? origin.proxy->host : origin.host;
  const uint16_t port = origin.proxy ? origin.proxy->port : origin.port;
  const auto addresses = co_await resolver_.resolve(name, port, scope);
  if (!addresses) co_return std::unexpected(addresses.error());
  note(steps, &ConnectSteps::resolved);
  auto socket = co_await connect_to(**addresses, scope);
  if (!socket) co_return std::unexpected(std::move(socket.error()));
  note(steps, &ConnectSteps::connected);
  if (!origin.tls) co_return make_plain_stream(std::move(*socket));
  if (origin.proxy) {
    auto plain = make_plain_stream(std::move(*socket));
    UpstreamConnection tunnel(std::move(plain), false);
    const std::string request =
        fmt::format("CONNECT {0}:{1} HTTP/1.1\r\nhost: {0}:{1}\r\n\r\n",
                    origin.host.contains(':') ? "[" + origin.host + "]" : origin.host, origin.port);
    auto status = co_await tunnel.send(request, {}, scope);
    if (status) status = co_await tunnel.read_head("CONNECT", scope);
    if (!status) {
      Error error = std::move(status.error());
      if (error.code != ErrorCode::kTimeout && error.code != ErrorCode::kClientGone) {
        error.code = ErrorCode::kUpstreamUnreachable;
      }
      error.message.insert(0, "CONNECT through the proxy: ");
      co_return std::unexpected(std::move(error));
    }
    if (tunnel.head().status / 100 != 2) {
      co_return fail(ErrorCode::kUpstreamUnreachable,
                     fmt::format("the proxy answered {} to CONNECT", tunnel.head().status));
    }
    *socket = tunnel.take_stream()->take_descriptor();
    note(steps, &ConnectSteps::tunnelled);
  }
  auto secure =
      co_await tls_connect(std::move(*socket), origin.tls, origin.host, &host.session, scope);
  if (secure) note(steps, &ConnectSteps::secured);
  co_return secure;
}

void HttpClient::release(const Origin& origin, std::unique_ptr<UpstreamConnection> connection) {
  if (!connection->reusable()) return;
  // What has come unasked since the response would be taken for the next one.
  char byte = 0;
  auto stream = connection->take_stream();
  if (stream->try_read({&byte, 1}).kind != Io::kAgain) return;
  Host& host = hosts_[origin.pool_key];
  if (idle_count_ >= origin.max_idle || host.idle.size() >= origin.max_idle_per_host) return;
  host.idle.push_back(
      std::make_unique<Idle>(*this, host, std::move(stream), loop_.now() + origin.idle_timeout));
  ++idle_count_;
  host.idle.back()->start_watching();
}

}  // namespace sluice::net
