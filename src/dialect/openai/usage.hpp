// How OpenAI-compatible upstreams report token counts.
#pragma once

#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::openai {

/// Reads a `usage` object, taking the cached part out of the prompt; it replaces all that was
/// read before. Leaves `usage` alone when the value holds no counts, or only zeros. Does not set
/// `reported`. True when it tells the output too.
bool read_usage(json::Value object, Usage& usage);

}  // namespace sluice::dialect::openai
