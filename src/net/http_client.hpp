// The upstream side of one loop: connections, kept for reuse, and new ones.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "net/origin.hpp"
#include "net/resolver.hpp"
#include "net/upstream_connection.hpp"

namespace sluice::net {

/// When a new connection had come how far; what has not happened stays the clock's beginning.
struct ConnectSteps {
  TimePoint begun{};
  TimePoint resolved{};
  TimePoint connected{};  // to the proxy where there is one
  TimePoint tunnelled{};  // TLS through a proxy: it has said yes
  TimePoint secured{};    // TLS
};

/// Loop thread only. Outlives the connections it gives out.
class HttpClient {
 public:
  HttpClient(Loop& loop, BlockingPool& blocking);
  ~HttpClient();

  /// An idle connection to `origin`, or a new one within its connect timeout (and the scope's own
  /// deadline). `fresh`: never an idle one. kUpstreamUnreachable, kResolve, kTimeout, kTls or
  /// kClientGone. `steps`, if given, is filled as far as a new connection comes, and outlives the
  /// call.
  Task<Result<std::unique_ptr<UpstreamConnection>>> acquire(const Origin& origin, bool fresh,
                                                            Scope& scope,
                                                            ConnectSteps* steps = nullptr);
  /// Takes a connection back whose response is complete; closes it when it cannot be reused or
  /// the pool is full.
  void release(const Origin& origin, std::unique_ptr<UpstreamConnection> connection);

  size_t idle() const { return idle_count_; }

 private:
  class Idle;
  struct Host {
    TlsSessionSlot session;                 // outlives the streams
    std::list<std::unique_ptr<Idle>> idle;  // oldest first
  };
  Task<Result<std::unique_ptr<ByteStream>>> connect(const Origin& origin, Host& host, Scope& scope,
                                                    ConnectSteps* steps);
  void drop(Idle& idle);

  Loop& loop_;
  Resolver resolver_;
  std::unordered_map<std::string, Host> hosts_;
  size_t idle_count_ = 0;
};

}  // namespace sluice::net
