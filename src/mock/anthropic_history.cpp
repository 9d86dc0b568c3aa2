// What the API refuses in the history of a conversation, for part "v", and how a turn that paused
// goes on, for part "p".
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mock/anthropic.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::anthropic {

namespace {

using json::Kind;
using json::Value;

std::unexpected<Refusal> refuse(std::string message) {
  return std::unexpected(
      Refusal{.status = 400, .type = "invalid_request_error", .message = std::move(message)});
}

/// The blocks of a message in order; none when its content is a text.
std::vector<Value> blocks_of(Value message) {
  std::vector<Value> blocks;
  if (message["content"].kind() != Kind::kArray) return blocks;
  json::Elements elements(message["content"]);
  Value block;
  while (elements.next(block)) blocks.push_back(block);
  return blocks;
}

std::string text_of(Value block, std::string_view name) {
  return block[name].as_string().value_or("");
}

bool is(Value block, std::string_view type) { return block["type"].as_string() == type; }

Answered<void> check_block(Value block, const std::string& place) {
  if (is(block, "text") && block["text"].is_empty()) {
    return refuse(fmt::format("{}: text content blocks must be non-empty", place));
  }
  if (is(block, "thinking")) {
    const Value signature = block["signature"];
    if (!signature.exists()) return refuse(place + ".thinking.signature: Field required");
    if (!unseal(signature.as_string().value_or(""))) {
      return refuse(fmt::format("{}: Invalid `signature` in `thinking` block", place));
    }
  }
  if (is(block, "tool_use")) {
    const std::string id = text_of(block, "id");
    const bool good = !id.empty() && std::ranges::all_of(id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    });
    if (!good) {
      return refuse(
          fmt::format("{}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", place));
    }
    if (block["input"].kind() != Kind::kObject) {
      return refuse(fmt::format("{}.tool_use.input: Input should be a valid dictionary", place));
    }
  }
  return {};
}

/// Results stand at the beginning of the message behind their calls.
Answered<void> check_results(const std::vector<Value>& blocks, std::vector<std::string> open,
                             const std::string& place, size_t caller) {
  bool leading = true;
  for (size_t i = 0; i < blocks.size(); ++i) {
    leading = leading && is(blocks[i], "tool_result");
    if (!is(blocks[i], "tool_result")) continue;
    const std::string id = text_of(blocks[i], "tool_use_id");
    const auto found = std::ranges::find(open, id);
    if (found == open.end() || !leading) {
      return refuse(fmt::format(
          "{}.content.{}: unexpected `tool_use_id` found in `tool_result` blocks: {}. Each "
          "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
          place, i, id));
    }
    open.erase(found);
  }
  if (open.empty()) return {};
  std::string ids;
  for (const std::string& id : open) ids += (ids.empty() ? "" : ", ") + id;
  return refuse(fmt::format(
      "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. "
      "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
      caller, ids));
}

}  // namespace

Answered<void> check_history(Value messages) {
  json::Elements elements(messages);
  Value message;
  std::vector<std::string> open;  // calls of the message before
  size_t i = 0;
  for (; elements.next(message); ++i) {
    const std::string place = fmt::format("messages.{}", i);
    const std::vector<Value> blocks = blocks_of(message);
    for (size_t k = 0; k < blocks.size(); ++k) {
      auto checked = check_block(blocks[k], fmt::format("{}.content.{}", place, k));
      if (!checked) return checked;
    }
    const size_t caller = i == 0 ? 0 : i - 1;
    if (auto checked = check_results(blocks, std::move(open), place, caller); !checked) {
      return checked;
    }
    open.clear();
    for (const Value block : blocks) {
      if (is(block, "tool_use")) open.push_back(text_of(block, "id"));
    }
  }
  return check_results({}, std::move(open), "", i == 0 ? 0 : i - 1);
}

Answered<void> read_pauses(Value messages, Ask& ask) {
  json::Elements elements(messages);
  Value message;
  std::string text;
  std::string search;
  while (elements.next(message)) {
    if (message["role"].as_string() != "assistant") {
      text.clear();
      search.clear();
      ask.pauses_seen = 0;
      continue;
    }
    for (const Value block : blocks_of(message)) {
      if (is(block, "text")) text += text_of(block, "text");
      if (!is(block, "server_tool_use")) continue;
      search = text_of(block, "id");
      ++ask.pauses_seen;
    }
  }
  if (ask.pauses_seen == 0) return {};
  if (ask.pauses_seen > ask.script.pauses) {
    return refuse("messages: there are more `server_tool_use` blocks than this turn has pauses");
  }
  const Plan plan(ask, ask.script, 0);
  std::string said;
  const uint32_t events = plan.text_events() * ask.pauses_seen / (ask.script.pauses + 1);
  for (uint32_t i = 0; i < events; ++i) said += plan.text_event(i);
  if (text != said || !search.starts_with("srvtoolu_")) {
    return refuse("messages: the paused turn is not played back as it was");
  }
  ask.echo = search;
  return {};
}

}  // namespace sluice::mock::anthropic
