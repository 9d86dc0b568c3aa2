#include "relay/caller.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"
#include "relay/headers.hpp"

namespace sluice::relay {

Result<const accounts::KeyRecord*> authenticate(const LoopContext& context,
                                                const Snapshot& snapshot,
                                                const net::HttpCall& call) {
  const IpAddress client = client_of(call, snapshot.trusted_proxies);
  const accounts::KeyRing& keys = snapshot.clients.keys;
  const std::string_view credential = client_credential(call.head().fields);
  const int64_t now = wall_nanos() / 1'000'000'000;
  const std::string_view named = call.head().fields.get("x-sluice-key-id");
  // A key has no dot, a token of a login has two.
  if (named.empty() || context.logins == nullptr || !credential.contains('.')) {
    return keys.authenticate(credential, client, now);
  }
  const auto user = context.logins->user_of(credential);
  const auto key_id = parse_u64(named);
  if (!user || !key_id || *key_id > static_cast<uint64_t>(INT64_MAX)) {
    return fail(ErrorCode::kInvalidApiKey, "The login or its key is not valid.");
  }
  return keys.authenticate(*user, static_cast<int64_t>(*key_id), client, now);
}

Error too_many_arrivals() {
  return {.code = ErrorCode::kRateLimitExceeded,
          .message = "The gateway has reached its requests per second.",
          .param = {}};
}

net::Task<Result<std::string>> read_body(LoopContext& context, const Snapshot& snapshot,
                                         net::HttpCall& call) {
  auto body = co_await call.read_body(snapshot.config->server.max_body);
  if (body) context.metrics.bytes_in.add(body->size());
  co_return body;
}

}  // namespace sluice::relay
