#include "dialect/anthropic/turns.hpp"

#include <algorithm>
#include <ranges>
#include <set>
#include <utility>

#include "dialect/chat/reading.hpp"
#include "dialect/chat/sealed_thinking.hpp"
#include "dialect/chat/signature.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::Block;
using chat::BlockKind;
using chat::Message;
using chat::Request;
using chat::Role;
using chat::Target;

bool is_instruction(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

/// Claude refuses thinking that it has not signed, and text without content.
bool is_dropped(const Block& block) {
  switch (block.kind) {
    case BlockKind::kText:
      return chat::is_blank(block.text);
    case BlockKind::kThinking:
    case BlockKind::kRedactedThinking:
      return block.signature.empty() || chat::is_gateway_signature(block.signature.bytes);
    default:
      return false;
  }
}

void drop_empty(std::vector<Block>& blocks) {
  std::erase_if(blocks, is_dropped);
  for (Block& block : blocks) {
    if (block.kind == BlockKind::kToolResult) drop_empty(block.content);
  }
}

class TurnBuilder {
 public:
  TurnBuilder(Request& request, const Target& target, chat::Outgoing& outgoing)
      : request_(request), target_(target), outgoing_(outgoing) {}

  Result<Turns> build() {
    std::vector<Message> messages = std::move(request_.messages);
    for (Message& message : messages) prepare(message);
    size_t at = 0;
    for (; at < messages.size() && is_instruction(messages[at]); ++at) {
      append(result_.system, messages[at].blocks);
    }
    for (; at < messages.size(); ++at) {
      Message& message = messages[at];
      if (message.blocks.empty()) continue;
      if (!is_instruction(message)) {
        turn_of(message.role, message.position, message.blocks);
      } else if (may_stand(messages, at)) {
        turn_of(Role::kSystem, message.position, message.blocks);
      } else {
        append(result_.system, message.blocks);
      }
    }
    for (Turn& turn : result_.turns) order_results(turn);
    if (Status paired = pair(); !paired) return std::unexpected(paired.error());
    finish();
    return std::move(result_);
    for (Block& block : message.blocks) {
      if (block.kind != BlockKind::kThinking) continue;
      chat::unseal_thinking(block, target_.provider, target_.signature_key, request_.arena);
    }
  }

 private:
  void prepare(Message& message) {
    drop_empty(message.blocks);
    if (message.cache_control.exists() && !message.blocks.empty() &&
        !message.blocks.back().cache_control.exists()) {
      message.blocks.back().cache_control = message.cache_control;
    }
    for (Block& block : message.blocks) {
      if (block.kind == BlockKind::kToolUse) {
        block.name = outgoing_.plan.tool_names.clean(block.name, target_.capabilities.tool_name_max,
                                                     request_.arena);
      }
      if (block.kind == BlockKind::kToolUse || block.kind == BlockKind::kToolResult) {
        block.id = chat::clean_id(block.id, target_.capabilities.call_id_max, request_.arena);
      }
    }
  }

  static void append(std::vector<Block>& to, std::vector<Block>& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }

  void turn_of(Role role, size_t position, std::vector<Block>& blocks) {
    if (result_.turns.empty() || result_.turns.back().role != role) {
      result_.turns.push_back({.role = role, .blocks = {}, .position = position});
    }
    append(result_.turns.back().blocks, blocks);
  }

  /// Instructions between messages: after a user's turn, before the assistant's or at the end.
  bool may_stand(const std::vector<Message>& messages, size_t at) const {
    if (!target_.capabilities.mid_system || result_.turns.empty()) return false;
    if (result_.turns.back().role == Role::kAssistant) return false;
    const auto next = std::find_if(
        messages.begin() + static_cast<std::ptrdiff_t>(at), messages.end(),
        [](const Message& message) { return !is_instruction(message) && !message.blocks.empty(); });
    return next == messages.end() || next->role == Role::kAssistant;
  }

  /// Results lead a user's turn, one for each call: the last that was given.
  static void order_results(Turn& turn) {
    const auto is_result = [](const Block& block) { return block.kind == BlockKind::kToolResult; };
    if (std::ranges::none_of(turn.blocks, is_result)) return;
    std::vector<Block> others;
    std::vector<Block> results;
    for (Block& block : turn.blocks)
      (is_result(block) ? results : others).push_back(std::move(block));
    append(results, others);
    turn.blocks = std::move(results);
    std::set<std::string_view> seen;
    for (Block& block : std::views::reverse(turn.blocks)) {
      if (is_result(block) && !seen.insert(block.id.bytes).second) block.id = {};
    }
    std::erase_if(turn.blocks,
                  [&](const Block& block) { return is_result(block) && block.id.empty(); });
  }

  /// Every call has its result in the next turn, every result its call in the turn before.
  Status pair() {
    for (size_t i = 0; i < result_.turns.size(); ++i) {
      if (result_.turns[i].role == Role::kAssistant) {
        if (Status answered = answer_calls(i); !answered) return answered;
      } else if (Status called = check_results(i); !called) {
        return called;
      }
    }
    return {};
  }

  Status answer_calls(size_t index) {
    std::vector<json::String> missing;
    std::set<std::string_view> answered;
    const bool followed =
        index + 1 < result_.turns.size() && result_.turns[index + 1].role == Role::kUser;
    if (followed) {
      for (const Block& block : result_.turns[index + 1].blocks) {
        if (block.kind == BlockKind::kToolResult) answered.insert(block.id.bytes);
      }
    }
    for (const Block& block : result_.turns[index].blocks) {
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
      return chat::refuse(chat::element("messages", result_.turns[index].position), message);
    }
    if (!followed) {
      result_.turns.insert(result_.turns.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                           Turn{.role = Role::kUser, .blocks = {}, .position = 0});
    }
    std::vector<Block> made;
    for (const json::String id : missing) {
      Block& block = made.emplace_back();
      block.kind = BlockKind::kToolResult;
      block.id = id;
      block.is_error = true;
      block.content.emplace_back().text = chat::literal("(no result provided)");
    }
    std::vector<Block>& blocks = result_.turns[index + 1].blocks;
    append(made, blocks);
    blocks = std::move(made);
    chat::note(outgoing_.dropped, "messages.tool_calls");
    return {};
  }

  Status check_results(size_t index) {
    Turn& turn = result_.turns[index];
    std::set<std::string_view> calls;
    if (index > 0 && result_.turns[index - 1].role == Role::kAssistant) {
      for (const Block& block : result_.turns[index - 1].blocks) {
        if (block.kind == BlockKind::kToolUse) calls.insert(block.id.bytes);
      }
    }
    bool mended = false;
    for (Block& block : turn.blocks) {
      if (block.kind != BlockKind::kToolResult || calls.contains(block.id.bytes)) continue;
      if (!target_.repair_tools) {
        return chat::refuse(chat::element("messages", turn.position),
                            "Messages with role 'tool' must be a response to a preceding message "
                            "with 'tool_calls'; there is no call '" +
                                block.id.str() + "'.");
      }
      mended = true;
      chat::Joined text("\\n");
      for (const Block& part : block.content) {
        if (part.kind == BlockKind::kText) text.add(part.text);
      }
      Block mend;
      mend.text = text.any() ? text.keep(request_.arena) : chat::literal("(a result without text)");
      block = std::move(mend);
    }
    if (mended) {
      chat::note(outgoing_.dropped, "messages.tool_call_id");
      order_results(turn);
    }
    return {};
  }

  void add_user(std::string_view text, bool at_end) {
    Turn turn{.role = Role::kUser, .blocks = {}, .position = 0};
    turn.blocks.emplace_back().text = request_.arena.text(text);
    result_.turns.insert(at_end ? result_.turns.end() : result_.turns.begin(), std::move(turn));
    chat::note(outgoing_.dropped, "messages");
  }

  /// A user begins, and the assistant has the last word only where it can go on.
  void finish() {
    std::vector<Turn>& turns = result_.turns;
    if (turns.empty() || turns.front().role != Role::kUser) add_user(".", false);
    if (turns.back().role != Role::kAssistant) return;
    if (!target_.capabilities.prefill) {
      add_user(target_.continue_text, true);
      return;
    }
    Block& last = turns.back().blocks.back();
    if (last.kind == BlockKind::kText) last.text = chat::trim_end(last.text);
  }

  Request& request_;
  const Target& target_;
  chat::Outgoing& outgoing_;
  Turns result_;
};

bool is_hour(json::Value cache_control) { return chat::as_text(cache_control["ttl"]) == "1h"; }

void collect(std::vector<Block>& blocks, std::vector<json::Value*>& places) {
  for (Block& block : blocks) {
    collect(block.content, places);
    const bool thinking =
        block.kind == BlockKind::kThinking || block.kind == BlockKind::kRedactedThinking;
    if (thinking) block.cache_control = {};
    if (block.cache_control.exists()) places.push_back(&block.cache_control);
  }
}

}  // namespace

Result<Turns> build_turns(Request& request, const Target& target, chat::Outgoing& outgoing) {
  return TurnBuilder(request, target, outgoing).build();
}

bool place_breakpoints(Request& request, Turns& turns, const Target& target) {
  std::vector<json::Value*> places;
  for (chat::Tool& tool : request.tools) {
    if (tool.cache_control.exists()) places.push_back(&tool.cache_control);
  }
  collect(turns.system, places);
  for (Turn& turn : turns.turns) collect(turn.blocks, places);

  bool top = request.cache_control.exists();
  if (top && !turns.turns.empty() && !turns.turns.back().blocks.empty()) {
    const json::Value last = turns.turns.back().blocks.back().cache_control;
    if (last.exists() && is_hour(last) != is_hour(request.cache_control)) top = false;
  }
  const size_t room = kMaxBreakpoints - (top ? 1 : 0);
  const size_t excess = places.size() - std::min(places.size(), room);
  for (size_t i = 0; i < excess; ++i) *places[i] = {};
  places.erase(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(excess));

  bool hour = top && is_hour(request.cache_control);
  for (json::Value* place : std::views::reverse(places)) {
    if (is_hour(*place)) hour = true;
    *place = json::Value(hour ? R"({"type":"ephemeral","ttl":"1h"})" : R"({"type":"ephemeral"})");
  }
  if (top) {
    request.cache_control =
        json::Value(is_hour(request.cache_control) ? R"({"type":"ephemeral","ttl":"1h"})"
                                                   : R"({"type":"ephemeral"})");
    return true;
  }
  // A client that sets breakpoints knows better.
  const bool worth = target.auto_cache == chat::AutoCache::kAlways || !request.tools.empty() ||
                     turns.turns.size() > 1;
  if (!places.empty() || request.cache_control.exists() || request.explicit_cache || !worth ||
      target.auto_cache == chat::AutoCache::kOff) {
    return false;
  }
  request.cache_control = json::Value(R"({"type":"ephemeral"})");
  return true;
}

}  // namespace sluice::dialect::anthropic
