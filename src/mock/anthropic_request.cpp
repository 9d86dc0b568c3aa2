#include <fmt/format.h>

#include <utility>

#include "mock/anthropic.hpp"

namespace sluice::mock::anthropic {

namespace {

using json::Kind;
using json::Value;

// A message of one token is 8, as in the examples of Anthropic's documentation.
constexpr uint64_t kMessageFrame = 4;
constexpr uint64_t kAnswerFrame = 3;

std::unexpected<Refusal> refuse(std::string message) {
  return std::unexpected(
      Refusal{.status = 400, .type = "invalid_request_error", .message = std::move(message)});
}

Answered<void> read_conversation(Value messages, Ask& ask) {
  if (!messages.exists()) return refuse("messages: Field required");
  if (messages.kind() != Kind::kArray) return refuse("messages: Input should be a valid array");
  if (messages.is_empty()) return refuse("messages: at least one message is required");
  json::Elements elements(messages);
  Value message;
  for (size_t i = 0; elements.next(message); ++i) {
    if (message.kind() != Kind::kObject) {
      return refuse(fmt::format("messages.{}: Input should be a valid dictionary", i));
    }
    const Value role = message["role"];
    if (!role.exists()) return refuse(fmt::format("messages.{}.role: Field required", i));
    const auto name = role.as_string();
    if (!name || (*name != "user" && *name != "assistant" && *name != "system")) {
      return refuse(
          fmt::format("messages.{}.role: Input should be 'user', 'assistant' or 'system'", i));
    }
    const Value content = message["content"];
    if (!content.exists()) return refuse(fmt::format("messages.{}.content: Field required", i));
    if (content.kind() != Kind::kString && content.kind() != Kind::kArray) {
      return refuse(
          fmt::format("messages.{}.content: Input should be a valid string or a valid array", i));
    }
    ask.prompt_tokens += kMessageFrame + count_content(content);
  }
  ask.prompt_tokens += kAnswerFrame;
  return ask.script.strict_history ? check_history(messages) : Answered<void>{};
}

Answered<void> read_limit(Value limit, Ask& ask) {
  if (!limit.exists()) return refuse("max_tokens: Field required");
  const auto number = limit.as_int();
  if (!number) return refuse("max_tokens: Input should be a valid integer");
  if (*number < 1) return refuse("max_tokens: must be greater than or equal to 1");
  ask.limit = static_cast<uint64_t>(*number);
  return {};
}

/// What both endpoints have in common.
Answered<Ask> read_prompt(std::string_view text) {
  if (!json::valid(text)) return refuse("The request body is not valid JSON");
  const Value body(text);
  if (body.kind() != Kind::kObject) return refuse("Input should be a valid dictionary");
  const Value model = body["model"];
  if (!model.exists()) return refuse("model: Field required");
  auto name = model.as_string();
  if (!name) return refuse("model: Input should be a valid string");
  if (name->empty()) return refuse("model: String should have at least 1 character");
  auto script = parse_script(*name);
  if (!script) return refuse(fmt::format("model: {}", script.error().message));
  Ask ask;
  ask.model = std::move(*name);
  ask.script = *script;
  if (auto read = read_conversation(body["messages"], ask); !read) {
    return std::unexpected(read.error());
  }
  ask.prompt_tokens += count_content(body["system"]);
  const Value tools = body["tools"];
  if (tools.kind() == Kind::kArray) {
    ask.prompt_tokens += rough_tokens(tools);
    take_tool_names(tools, "", ask);
  }
  return ask;
}

}  // namespace

Answered<Ask> read_token_count(std::string_view text) { return read_prompt(text); }

Answered<Ask> read_message(std::string_view text) {
  auto ask = read_prompt(text);
  if (!ask) return ask;
  const Value body(text);
  if (auto read = read_limit(body["max_tokens"], *ask); !read) {
    return std::unexpected(read.error());
  }
  if (const Value stream = body["stream"]; stream.exists() && !stream.is_null()) {
    const auto given = stream.as_bool();
    if (!given) return refuse("stream: Input should be a valid boolean");
    ask->stream = *given;
  }
  if (ask->script.pauses > 0) {
    if (auto read = read_pauses(body["messages"], *ask); !read) {
      return std::unexpected(read.error());
    }
  }
  take_prefill(body["messages"], *ask);
  return ask;
}

}  // namespace sluice::mock::anthropic
