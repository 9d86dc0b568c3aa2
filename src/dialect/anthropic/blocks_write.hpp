// Writes blocks of the neutral model as Anthropic's.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::anthropic {

/// The value of `content`: a string for one plain text, else a list.
void write_content(json::Writer& out, const std::vector<chat::Block>& blocks);

/// A list of blocks.
void write_blocks(json::Writer& out, const std::vector<chat::Block>& blocks);

/// One block, also of an answer.
void write_block(json::Writer& out, const chat::Block& block);

}  // namespace sluice::dialect::anthropic
