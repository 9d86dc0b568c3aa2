// A conversation as the dialects have it that want roles to alternate and every call answered in
// the next turn: Anthropic's and Gemini's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

struct Turn {
  Role role = Role::kUser;
  std::vector<Block> blocks;
  size_t position = 0;  // in the client's `messages`, of its first part
};

bool is_instruction(const Message& message);

/// Moves blocks to the end of others.
void append_blocks(std::vector<Block>& to, std::vector<Block>& from);

/// Adds the blocks to the last turn if it is the role's, else to a new one.
void append_turn(std::vector<Turn>& turns, Role role, size_t position, std::vector<Block>& blocks);

/// A turn of the user's with nothing but the text, at either end. Noted as a change.
void add_user_turn(std::vector<Turn>& turns, std::string_view text, bool at_end, Arena& arena,
                   std::vector<std::string>& dropped);

/// Puts the results of calls first in their turns, one for each call: the last that was given. Then
/// checks that every call has its result in the next turn, and every result its call in the turn
/// before. What does not fit is mended and noted if the target says so, else kInvalidRequest.
Status pair_calls(std::vector<Turn>& turns, const Target& target, Arena& arena,
                  std::vector<std::string>& dropped);

}  // namespace sluice::dialect::chat
