// Anthropic's whole answer: message.
#pragma once

#include "dialect/response.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::anthropic {

/// Reads usage, model and stop reason of a valid object.
void read_response(json::Value body, ResponseFacts& facts);

}  // namespace sluice::dialect::anthropic
