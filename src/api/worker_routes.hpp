// The routes of GPU workers: they announce themselves, and are listed and drained.
#pragma once

#include <string>

#include "api/service.hpp"
#include "base/error.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"
#include "workers/fleet.hpp"

namespace sluice::api {

/// kTrusted may name an endpoint, to which prompts will then go. With workers.token that is who has
/// it, and kInvalidApiKey everybody else; without, callers on this machine and those from
/// workers.allow, unless they are web pages or come through a proxy that is not trusted.
Result<workers::Sender> sender_of(const relay::Snapshot& snapshot, const net::HttpCall& call);

/// POST /v1/workers/heartbeat.
net::Task<void> handle_heartbeat(Service& service, relay::LoopContext& context,
                                 net::HttpCall& call);

/// GET /v1/workers, and with an `id` GET and DELETE of one. To see them takes a key, of which a
/// list of models hides the rest, or an administrator, who alone sees endpoints; to drain one
/// takes an administrator.
net::Task<void> handle_workers(Service& service, relay::LoopContext& context, net::HttpCall& call,
                               std::string id);

/// Has what handle_workers() has, below /api/admin and in its shape of errors. The caller is an
/// administrator.
net::Task<void> handle_admin_workers(Service& service, net::HttpCall& call, std::string id,
                                     admin::Principal who);

}  // namespace sluice::api
