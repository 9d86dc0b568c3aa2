// The texts of a whole answer of OpenAI's Responses.
#pragma once

#include "dialect/output_text.hpp"
#include "json/reader.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::responses {

/// A text of the answer: `index` is the item's place in the output, `choice` that of the part in
/// its item. Reasoning that is no summary stands behind all summaries.
inline constexpr int64_t kReasoningText = 0x8000;
void add_piece(OutputTexts& texts, OutputText::Kind kind, json::String text, int64_t item,
               int64_t part);

/// Appends the texts of one item of the output, an object.
void read_item(json::Value item, int64_t index, OutputTexts& texts);

/// The client has to answer the item: it is a call of one of its tools.
bool is_call(json::Value item);

/// Appends them in their order. Reads exactly one value.
void read_answer(json::Reader& reader, OutputTexts& texts);

}  // namespace sluice::dialect::responses
