#include "relay/caller.hpp"

#include "base/clock.hpp"
#include "relay/headers.hpp"

namespace sluice::relay {

Result<const accounts::KeyRecord*> authenticate(const Snapshot& snapshot, const net::HttpCall& call,
                                                std::string_view client_address) {
  const auto address = IpAddress::parse(client_address);
  return snapshot.clients.keys.authenticate(client_credential(call.head().fields),
                                            address.value_or(IpAddress{}),
                                            wall_nanos() / 1'000'000'000);
}

net::Task<Result<std::string>> read_body(LoopContext& context, const Snapshot& snapshot,
                                         net::HttpCall& call) {
  auto body = co_await call.read_body(snapshot.config->server.max_body);
  if (body) context.metrics.bytes_in.add(body->size());
  co_return body;
}

}  // namespace sluice::relay
