// The usage object of OpenAI's Responses.
#pragma once

#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::responses {

/// Reads it into `usage`; true when it tells the output too. input_tokens holds what the cache had
/// and what was written to it.
bool read_usage(json::Value object, Usage& usage);

}  // namespace sluice::dialect::responses
