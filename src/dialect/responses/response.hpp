// What a whole answer of OpenAI's Responses reports about itself.
#pragma once

#include "dialect/response.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::responses {

/// `body` is a valid JSON object.
void read_response(json::Value body, ResponseFacts& facts);

/// Why a response ended, by its status; kNone while it has not.
FinishReason finish_of(json::Value response);

}  // namespace sluice::dialect::responses
