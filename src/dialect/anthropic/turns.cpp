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
    for (; at < messages.size() && chat::is_instruction(messages[at]); ++at) {
      chat::append_blocks(result_.system, messages[at].blocks);
    }
    for (; at < messages.size(); ++at) {
      Message& message = messages[at];
      if (message.blocks.empty()) continue;
      if (!chat::is_instruction(message)) {
        chat::append_turn(result_.turns, message.role, message.position, message.blocks);
      } else if (may_stand(messages, at)) {
        chat::append_turn(result_.turns, Role::kSystem, message.position, message.blocks);
      } else {
        chat::append_blocks(result_.system, message.blocks);
      }
    }
    Status paired = chat::pair_calls(result_.turns, target_, request_.arena, outgoing_.dropped);
    if (!paired) return std::unexpected(std::move(paired.error()));
    finish();
    return std::move(result_);
  }

 private:
  void prepare(Message& message) {
    for (Block& block : message.blocks) {
      if (block.kind != BlockKind::kThinking) continue;
      chat::unseal_thinking(block, target_.provider, target_.signature_key, request_.arena);
    }
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

  /// Instructions between messages: after a user's turn, before the assistant's or at the end.
  bool may_stand(const std::vector<Message>& messages, size_t at) const {
    if (!target_.capabilities.mid_system || result_.turns.empty()) return false;
    if (result_.turns.back().role == Role::kAssistant) return false;
    const auto next =
        std::find_if(messages.begin() + static_cast<std::ptrdiff_t>(at), messages.end(),
                     [](const Message& message) {
                       return !chat::is_instruction(message) && !message.blocks.empty();
                     });
    return next == messages.end() || next->role == Role::kAssistant;
  }

  void add_user(std::string_view text, bool at_end) {
    chat::add_user_turn(result_.turns, text, at_end, request_.arena, outgoing_.dropped);
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
