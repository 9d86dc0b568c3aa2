// How Anthropic reports token counts.
#pragma once

#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::anthropic {

/// Takes over the counts that a `usage` object holds; the others stay. Does not touch `reported`.
void read_usage(json::Value object, Usage& usage);

}  // namespace sluice::dialect::anthropic
