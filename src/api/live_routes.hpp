// Requests that run: who may see and end which.
#pragma once

#include <cstdint>
#include <optional>

#include "api/service.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"

namespace sluice::api {

/// Whose requests the caller may deal with: nullopt is everybody's, for administrators; else the id
/// of the user who has logged in.
Result<std::optional<int64_t>> viewer_of(Service& service, const relay::Snapshot& snapshot,
                                         const net::HttpCall& call);

/// POST /api/live/{id}/cancel and DELETE /api/live/{id}: ends what runs under this request id,
/// wherever, and answers once it is settled.
net::Task<void> handle_end_live(Service& service, relay::LoopContext& context, net::HttpCall& call);

}  // namespace sluice::api
