// What a whole answer of Gemini's generateContent reports about itself.
#pragma once

#include "dialect/response.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::gemini {

/// `body` is a valid JSON object.
void read_response(json::Value body, ResponseFacts& facts);

}  // namespace sluice::dialect::gemini
