#include "net/resolver.hpp"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>

namespace sluice::net {

namespace {

constexpr auto kKeptFor = std::chrono::seconds(30);
constexpr size_t kMaxAddresses = 8;
constexpr size_t kMaxCached = 1024;

/// What the pool's thread and the waiting coroutine share; the coroutine may be gone by the time
/// the answer comes.
struct Lookup {
  Event done;
  int error = 0;
  std::vector<Address> addresses;
};

void look_up(const std::string& host, uint16_t port, Lookup& lookup) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  lookup.error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  for (addrinfo* each = found; each != nullptr && lookup.addresses.size() < kMaxAddresses;
       each = each->ai_next) {
    Address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
    lookup.addresses.push_back(address);
  }
  if (found != nullptr) freeaddrinfo(found);
}

}  // namespace

Task<Result<Addresses>> Resolver::resolve(std::string host, uint16_t port, Scope& scope) {
  if (auto numeric = parse_address(host, port)) {
    co_return std::make_shared<const std::vector<Address>>(1, *numeric);
  }
  const std::string key = fmt::format("{}:{}", host, port);
  if (const auto cached = cache_.find(key); cached != cache_.end()) {
    if (cached->second.until > loop_.now()) co_return cached->second.addresses;
    cache_.erase(cached);
  }
  auto lookup = std::make_shared<Lookup>();
  const bool taken = pool_.submit([lookup, host, port, &loop = loop_] {
    look_up(host, port, *lookup);
    loop.post([lookup] { lookup->done.set(); });
  });
  if (!taken) co_return fail(ErrorCode::kResolve, "too many names are being resolved");
  const Outcome outcome = co_await lookup->done.wait(scope);
  if (outcome == Outcome::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
  if (outcome == Outcome::kTimeout) {
    co_return fail(ErrorCode::kTimeout, fmt::format("resolving {} timed out", host));
  }
  if (lookup->addresses.empty()) {
    co_return fail(ErrorCode::kResolve, fmt::format("{}: {}", host, gai_strerror(lookup->error)));
  }
  auto addresses = std::make_shared<const std::vector<Address>>(std::move(lookup->addresses));
  if (cache_.size() >= kMaxCached) cache_.clear();
  cache_[key] = {addresses, loop_.now() + kKeptFor};
  co_return addresses;
}

}  // namespace sluice::net
