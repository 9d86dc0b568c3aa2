#include "net/resolver.hpp"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "base/text.hpp"

namespace sluice::net {

namespace {

constexpr auto kKeptFor = std::chrono::seconds(30);
constexpr size_t kMaxAddresses = 8;
constexpr size_t kMaxCached = 1024;

}  // namespace

/// One question to the system, shared by the pool's thread and those who wait for the answer; each
/// of them may be gone by the time it comes.
struct Resolver::Lookup {
  void run(const std::string& host, uint16_t port);  // on the pool's thread
  void finish(TimePoint now);                        // on the loop's

  // Written by run() before finish() is posted.
  int error = 0;
  std::vector<Address> found;
  // The loop's own.
  bool done = false;
  Addresses addresses;
  TimePoint until;
  std::vector<Event*> waiting;
};

void Resolver::Lookup::run(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  for (addrinfo* each = list; each != nullptr && found.size() < kMaxAddresses;
       each = each->ai_next) {
    Address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
    found.push_back(address);
  }
  if (list != nullptr) freeaddrinfo(list);
  // This name means the machine itself whatever the system knows (RFC 6761, section 6.3):
  // minimal containers have no /etc/hosts.
  if (found.empty() && iequals(host, "localhost")) {
    for (const char* loopback : {"127.0.0.1", "::1"}) {
      found.push_back(*parse_address(loopback, port));
    }
  }
}

void Resolver::Lookup::finish(TimePoint now) {
  done = true;
  until = now + kKeptFor;
  if (!found.empty()) addresses = std::make_shared<const std::vector<Address>>(std::move(found));
  // Whoever is resumed may make others leave.
  while (!waiting.empty()) {
    Event* const next = waiting.back();
    waiting.pop_back();
    next->set();
  }
}

/// Where an answer goes. The system may take longer over it than the loop lives.
struct Resolver::Home {
  /// Nobody waits any more: a queue of slow names must not hold up the process's end.
  bool abandoned() {
    const std::lock_guard lock(mutex);
    return loop == nullptr;
  }

  std::mutex mutex;
  Loop* loop;
};

Resolver::Resolver(Loop& loop, BlockingPool& pool)
    : loop_(loop), pool_(pool), home_(std::make_shared<Home>()) {
  home_->loop = &loop;
}

Resolver::~Resolver() {
  const std::lock_guard lock(home_->mutex);
  home_->loop = nullptr;
}

Task<Result<Addresses>> Resolver::resolve(std::string host, uint16_t port, Scope& scope) {
  if (auto numeric = parse_address(host, port)) {
    co_return std::make_shared<const std::vector<Address>>(1, *numeric);
  }
  const std::string key = fmt::format("{}:{}", host, port);
  std::shared_ptr<Lookup> lookup;
  if (const auto known = lookups_.find(key); known != lookups_.end()) {
    lookup = known->second;
    if (lookup->done && (!lookup->addresses || lookup->until <= loop_.now())) lookup.reset();
  }
  if (!lookup) {
    lookup = std::make_shared<Lookup>();
    const bool taken = pool_.submit([lookup, host, port, home = home_] {
      if (home->abandoned()) return;
      lookup->run(host, port);
      const std::lock_guard lock(home->mutex);
      Loop* const loop = home->loop;
      if (loop != nullptr) loop->post([lookup, loop] { lookup->finish(loop->now()); });
    });
    if (!taken) co_return fail(ErrorCode::kResolve, "too many names are being resolved");
    if (lookups_.size() >= kMaxCached) lookups_.clear();
    lookups_[key] = lookup;
  }
  if (!lookup->done) {
    Event done;
    lookup->waiting.push_back(&done);
    const Outcome outcome = co_await done.wait(scope);
    if (outcome != Outcome::kReady) {
      std::erase(lookup->waiting, &done);
      if (outcome == Outcome::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
      co_return fail(ErrorCode::kTimeout, fmt::format("resolving {} timed out", host));
    }
  }
  if (!lookup->addresses) {
    co_return fail(ErrorCode::kResolve, fmt::format("{}: {}", host, gai_strerror(lookup->error)));
  }
  co_return lookup->addresses;
}

}  // namespace sluice::net
