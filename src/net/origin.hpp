// Where upstream connections go: one immutable value per provider.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "net/tls.hpp"

namespace sluice::net {

struct Origin {
  std::string host;
  uint16_t port = 80;
  TlsContextPtr tls;  // null: plain
  /// An HTTP proxy on the way: plain requests are sent to it in absolute form, TLS goes through
  /// CONNECT.
  struct Proxy {
    std::string host;
    uint16_t port = 0;
  };
  std::optional<Proxy> proxy;

  Duration connect_timeout = std::chrono::seconds(2);
  /// Limits of one loop's pool (the configuration's are per process).
  size_t max_idle = 100;
  size_t max_idle_per_host = 10;
  Duration idle_timeout = std::chrono::seconds(90);

  /// Connections are interchangeable exactly when this is equal.
  std::string pool_key;
};

}  // namespace sluice::net
