// The texts of a whole answer of Gemini's generateContent.
#pragma once

#include "dialect/output_text.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::gemini {

/// Appends them in their order. Reads exactly one value.
void read_answer(json::Reader& reader, OutputTexts& texts);

}  // namespace sluice::dialect::gemini
