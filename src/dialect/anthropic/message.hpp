// The output text in Anthropic's content blocks.
#pragma once

#include "dialect/output_text.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::anthropic {

/// Consumes a content block, which must be an object, and appends its texts: of text and
/// thinking blocks the text; of every call of a tool, the server's own included, the name and
/// the input. In a stream the input of a call opens as an empty object, and its deltas are the
/// text; `whole` counts it also when it is empty. True when the block holds anything for the
/// user: a text or thinking block unless it is empty, any other block (a search result, redacted
/// thinking) by being there.
bool read_block(json::Reader& reader, int64_t index, bool whole, OutputTexts& texts);

/// Consumes an array of content blocks. True when any of them holds something for the user.
bool read_blocks(json::Reader& reader, bool whole, OutputTexts& texts);

/// Consumes a whole answer and appends its texts.
void read_answer(json::Reader& reader, OutputTexts& texts);

}  // namespace sluice::dialect::anthropic
