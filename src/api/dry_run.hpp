// POST /api/admin/routing/dry-run: where a request would go, and why.
#pragma once

#include <string>
#include <string_view>

#include "api/service.hpp"
#include "base/error.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"
#include "relay/explain.hpp"

namespace sluice::api {

/// What a body asks: `{model, route?, class?, prompt_tokens?, stream?, key?, request?, draft?}`,
/// where `request` is a body as the route takes it, from which model and tokens are taken that do
/// not stand beside it. kInvalidRequest, or what a client with that key would get.
Result<relay::Hypothesis> read_hypothesis(std::string_view body, const relay::Snapshot& snapshot);

/// The caller is an administrator. With `draft` it is told as it would be with those rules and
/// groups; with `traffic` of what usage rows remember, in place of one request.
net::Task<void> handle_dry_run(Service& service, relay::LoopContext& context, net::HttpCall& call);

}  // namespace sluice::api
