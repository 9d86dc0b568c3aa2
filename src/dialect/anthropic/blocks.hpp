// Anthropic's content blocks, read into the neutral model. OpenAI's endpoint takes them too, since
// clients mix both shapes.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::anthropic {

/// Whether `type` is one of the blocks that read_content_block() knows by name.
bool is_known_block(json::String type);

/// Reads one block. `where` names it in errors. Checks the types of the members that it reads, not
/// whether such a block may stand where it does.
Status read_content_block(json::Value block, const std::string& where, chat::Reading& reading,
                          chat::Block& out);

/// Reads content: a string or a list of blocks; null or nothing is empty.
Status read_content(json::Value content, const std::string& where, chat::Reading& reading,
                    std::vector<chat::Block>& out);

/// Reads the object of `thinking`.
Status read_thinking_config(json::Value thinking, chat::Reasoning& out);

/// Reads an element of `tools`.
Status read_tool(json::Value tool, const std::string& where, chat::Tool& out);

}  // namespace sluice::dialect::anthropic
