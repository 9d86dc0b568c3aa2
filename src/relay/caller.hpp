// What every route that takes an API key does before its own work: whose request is it, and what
// does it say.
#pragma once

#include <string>
#include <string_view>

#include "accounts/key_ring.hpp"
#include "base/error.hpp"
#include "net/http_call.hpp"
#include "net/task.hpp"
#include "relay/context.hpp"

namespace sluice::relay {

/// The key that the request was sent with, or that of one who has logged in and names it in
/// x-sluice-key-id, as long as the snapshot lives; why it may not be used.
Result<const accounts::KeyRecord*> authenticate(const LoopContext& context,
                                                const Snapshot& snapshot,
                                                const net::HttpCall& call);

/// Where Snapshot::arrivals lets nobody in.
Error too_many_arrivals();

/// The body, counted as traffic. `snapshot` outlives this.
net::Task<Result<std::string>> read_body(LoopContext& context, const Snapshot& snapshot,
                                         net::HttpCall& call);

}  // namespace sluice::relay
