// Ending a request that runs, from outside.
#pragma once

#include "api/service.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"

namespace sluice::api {

/// POST /api/live/{id}/cancel and DELETE /api/live/{id}, for administrators: ends what runs under
/// this request id, wherever, and answers once it is settled.
net::Task<void> handle_end_live(Service& service, relay::LoopContext& context, net::HttpCall& call);

}  // namespace sluice::api
