// The usage object of OpenAI's Responses.
#pragma once

#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::responses {

/// Reads it into `usage`; true when it tells the output too.
bool read_usage(json::Value object, Usage& usage);

}  // namespace sluice::dialect::responses
