// How Anthropic reports token counts.
#pragma once

#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::anthropic {

/// Takes over the counts that a `usage` object holds; the others stay. Does not set `reported`.
/// True when it tells the output.
bool read_usage(json::Value object, Usage& usage);

}  // namespace sluice::dialect::anthropic
