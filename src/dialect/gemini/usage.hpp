// The usage object of Gemini's generateContent.
#pragma once

#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::gemini {

/// Reads it into `usage`; true when it tells the output too.
bool read_usage(json::Value object, Usage& usage);

}  // namespace sluice::dialect::gemini
