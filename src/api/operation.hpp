// The routes by which a gateway is run: health, readiness, metrics, live requests.
#pragma once

#include "api/service.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"

namespace sluice::api {

net::Task<void> handle_health(Service& service, net::HttpCall& call);
net::Task<void> handle_ready(Service& service, net::HttpCall& call);
net::Task<void> handle_metrics(Service& service, net::HttpCall& call);
/// All requests for administrators, their own for users.
net::Task<void> handle_live(Service& service, relay::LoopContext& context, net::HttpCall& call);
net::Task<void> handle_root(Service& service, net::HttpCall& call);

/// True for a caller on this machine, as far as can be known: not through a proxy.
bool is_local(const relay::Snapshot& snapshot, const net::HttpCall& call);
/// True for a caller with the admin token, or, without one configured, from this machine and
/// not through a proxy.
bool is_admin(const relay::Snapshot& snapshot, const net::HttpCall& call);
/// What everybody else is told.
Error not_admin(const relay::Snapshot& snapshot);

}  // namespace sluice::api
