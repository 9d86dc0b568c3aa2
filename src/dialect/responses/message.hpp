// The texts of a whole answer of OpenAI's Responses.
#pragma once

#include "dialect/output_text.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::responses {

/// Appends them in their order. Reads exactly one value.
void read_answer(json::Reader& reader, OutputTexts& texts);

}  // namespace sluice::dialect::responses
