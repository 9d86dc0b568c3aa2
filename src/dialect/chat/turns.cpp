#include "dialect/chat/turns.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <utility>

#include "dialect/chat/reading.hpp"

namespace sluice::dialect::chat {
namespace {

bool is_result(const Block& block) { return block.kind == BlockKind::kToolResult; }

void order_results(Turn& turn) {
  if (std::ranges::none_of(turn.blocks, is_result)) return;
  std::vector<Block> others;
  std::vector<Block> results;
  for (Block& block : turn.blocks)
    (is_result(block) ? results : others).push_back(std::move(block));
  append_blocks(results, others);
  turn.blocks = std::move(results);
  std::set<std::string_view> seen;
  for (Block& block : std::views::reverse(turn.blocks)) {
    if (is_result(block) && !seen.insert(block.id.bytes).second) block.id = {};
  }
  std::erase_if(turn.blocks,
                [](const Block& block) { return is_result(block) && block.id.empty(); });
}

class Pairing {
 public:
  Pairing(std::vector<Turn>& turns, const Target& target, Arena& arena,
          std::vector<std::string>& dropped)
      : turns_(turns), target_(target), arena_(arena), dropped_(dropped) {}

  Status pair() {
    for (size_t i = 0; i < turns_.size(); ++i) {
      if (turns_[i].role == Role::kAssistant) {
        if (Status answered = answer_calls(i); !answered) return answered;
      } else if (Status called = check_results(i); !called) {
        return called;
      }
    }
    return {};
  }

 private:
  Status answer_calls(size_t index) {
    std::vector<json::String> missing;
    std::set<std::string_view> answered;
    const bool followed = index + 1 < turns_.size() && turns_[index + 1].role == Role::kUser;
    if (followed) {
      for (const Block& block : turns_[index + 1].blocks) {
        if (is_result(block)) answered.insert(block.id.bytes);
      }
    }
    for (const Block& block : turns_[index].blocks) {
      if (block.kind == BlockKind::kToolUse && !answered.contains(block.id.bytes)) {
        missing.push_back(block.id);
      }
    }
    if (missing.empty()) return {};
    if (!target_.repair_tools) {
      std::string message =
          "An assistant message with 'tool_calls' must be followed by tool messages responding to "
          "each 'tool_call_id'. The following tool_call_ids did not have response messages: ";
      for (size_t i = 0; i < missing.size(); ++i) {
        if (i != 0) message += ", ";
        message += missing[i].str();
      }
      return refuse(element("messages", turns_[index].position), message);
    }
    if (!followed) {
      turns_.insert(turns_.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                    Turn{.role = Role::kUser, .blocks = {}, .position = 0});
    }
    std::vector<Block> made;
    for (const json::String id : missing) {
      Block& block = made.emplace_back();
      block.kind = BlockKind::kToolResult;
      block.id = id;
      block.is_error = true;
      block.content.emplace_back().text = literal("(no result provided)");
    }
    std::vector<Block>& blocks = turns_[index + 1].blocks;
    append_blocks(made, blocks);
    blocks = std::move(made);
    note(dropped_, "messages.tool_calls");
    return {};
  }

  Status check_results(size_t index) {
    Turn& turn = turns_[index];
    std::set<std::string_view> calls;
    if (index > 0 && turns_[index - 1].role == Role::kAssistant) {
      for (const Block& block : turns_[index - 1].blocks) {
        if (block.kind == BlockKind::kToolUse) calls.insert(block.id.bytes);
      }
    }
    bool mended = false;
    for (Block& block : turn.blocks) {
      if (!is_result(block) || calls.contains(block.id.bytes)) continue;
      if (!target_.repair_tools) {
        return refuse(element("messages", turn.position),
                      "Messages with role 'tool' must be a response to a preceding message "
                      "with 'tool_calls'; there is no call '" +
                          block.id.str() + "'.");
      }
      mended = true;
      Joined text("\\n");
      for (const Block& part : block.content) {
        if (part.kind == BlockKind::kText) text.add(part.text);
      }
      Block mend;
      mend.text = text.any() ? text.keep(arena_) : literal("(a result without text)");
      block = std::move(mend);
    }
    if (mended) {
      note(dropped_, "messages.tool_call_id");
      order_results(turn);
    }
    return {};
  }

  std::vector<Turn>& turns_;
  const Target& target_;
  Arena& arena_;
  std::vector<std::string>& dropped_;
};

}  // namespace

bool is_instruction(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

void append_blocks(std::vector<Block>& to, std::vector<Block>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void append_turn(std::vector<Turn>& turns, Role role, size_t position, std::vector<Block>& blocks) {
  if (turns.empty() || turns.back().role != role) {
    turns.push_back({.role = role, .blocks = {}, .position = position});
  }
  append_blocks(turns.back().blocks, blocks);
}

void add_user_turn(std::vector<Turn>& turns, std::string_view text, bool at_end, Arena& arena,
                   std::vector<std::string>& dropped) {
  Turn turn{.role = Role::kUser, .blocks = {}, .position = 0};
  turn.blocks.emplace_back().text = arena.text(text);
  turns.insert(at_end ? turns.end() : turns.begin(), std::move(turn));
  note(dropped, "messages");
}

Status pair_calls(std::vector<Turn>& turns, const Target& target, Arena& arena,
                  std::vector<std::string>& dropped) {
  for (Turn& turn : turns) order_results(turn);
  return Pairing(turns, target, arena, dropped).pair();
}

}  // namespace sluice::dialect::chat
