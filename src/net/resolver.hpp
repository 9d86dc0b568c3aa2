// Host names to addresses without blocking a loop: getaddrinfo on the blocking pool, answers kept
// for a while per loop.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/blocking_pool.hpp"
#include "net/socket.hpp"

namespace sluice::net {

using Addresses = std::shared_ptr<const std::vector<Address>>;

/// One per loop; outlives the coroutines that use it.
class Resolver {
 public:
  Resolver(Loop& loop, BlockingPool& pool);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Numeric addresses come back at once; names are kept for 30 s, and looked up once for all who
  /// ask meanwhile. kResolve when the name has no address, kTimeout past the scope's deadline.
  Task<Result<Addresses>> resolve(std::string host, uint16_t port, Scope& scope);

 private:
  struct Lookup;
  struct Home;
  Loop& loop_;
  BlockingPool& pool_;
  std::shared_ptr<Home> home_;
  std::unordered_map<std::string, std::shared_ptr<Lookup>> lookups_;  // by host:port
};

}  // namespace sluice::net
