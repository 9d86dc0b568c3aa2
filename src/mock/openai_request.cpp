#include <fmt/format.h>

#include <optional>
#include <utility>

#include "mock/openai.hpp"
#include "mock/openai_checks.hpp"

namespace sluice::mock::openai {

namespace {

using json::Kind;
using json::Value;

constexpr int64_t kMostTokens = 1'000'000'000;

// What surrounds a message and opens the answer: OpenAI's cookbook, "How to count tokens with
// tiktoken".
constexpr uint64_t kMessageFrame = 3;
constexpr uint64_t kAnswerFrame = 3;
constexpr uint64_t kNameFrame = 1;

/// Of a prompt that is a text, or a list of tokens.
uint64_t prompt_tokens(Value prompt) {
  if (const auto text = prompt.as_string()) return count_tokens(*text);
  uint64_t tokens = 0;
  json::Elements elements(prompt);
  Value element;
  while (elements.next(element)) ++tokens;
  return tokens;
}

/// stream, stream_options, n and the limits: chat and completions share them.
Answered<void> read_streaming(Value body, Ask& ask) {
  const auto stream = boolean(body, "stream");
  if (!stream) return std::unexpected(stream.error());
  ask.stream = *stream;
  if (const Value options = body["stream_options"]; options.exists() && !options.is_null()) {
    if (options.kind() != Kind::kObject) return wrong_type("stream_options", "an object", options);
    if (!ask.stream) {
      return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                    "stream_options");
    }
    const auto include = boolean(options, "include_usage");
    if (!include) return std::unexpected(include.error());
    ask.include_usage = *include;
  }
  const auto choices = integer(body, "n", 1, 128);
  if (!choices) return std::unexpected(choices.error());
  ask.choices = static_cast<uint32_t>(choices->value_or(1));
  const auto old_limit = integer(body, "max_tokens", 1, kMostTokens);
  if (!old_limit) return std::unexpected(old_limit.error());
  const auto limit = integer(body, "max_completion_tokens", 1, kMostTokens);
  if (!limit) return std::unexpected(limit.error());
  if (old_limit->has_value() && limit->has_value()) {
    return refuse(
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "max_tokens");
  }
  const auto either = limit->has_value() ? *limit : *old_limit;
  if (either) ask.limit = static_cast<uint64_t>(*either);
  return {};
}

Answered<void> check_size(const Ask& ask) {
  if (uint64_t{ask.choices} * (ask.script.events + kThinkingEvents + kMostCalls * kPieces) *
          ask.script.words >
      kMostEvents) {
    return refuse(fmt::format("the script's words times the choices exceed {}", kMostEvents), "n");
  }
  return {};
}

bool known_role(std::string_view role) {
  return role == "system" || role == "user" || role == "assistant" || role == "tool" ||
         role == "developer" || role == "function";
}

Answered<void> read_messages(Value messages, Ask& ask) {
  if (!messages.exists()) return missing("messages");
  if (messages.kind() != Kind::kArray) {
    return wrong_type("messages", "an array of objects", messages);
  }
  if (messages.is_empty()) {
    return refuse(
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        "messages", "empty_array");
  }
  json::Elements elements(messages);
  Value message;
  for (size_t i = 0; elements.next(message); ++i) {
    const std::string place = fmt::format("messages[{}]", i);
    if (message.kind() != Kind::kObject) return wrong_type(place, "an object", message);
    const Value role = message["role"];
    if (!role.exists()) return missing(place + ".role");
    const auto name = role.as_string();
    if (!name || !known_role(*name)) {
      return refuse(fmt::format("Invalid value: '{}'. Supported values are: 'system', 'assistant', "
                                "'user', 'function', 'tool', and 'developer'.",
                                name.value_or(std::string(role.raw()))),
                    place + ".role", "invalid_value");
    }
    const Value content = message["content"];
    if (!content.exists() && *name != "assistant") return missing(place + ".content");
    ask.prompt_tokens += kMessageFrame + count_tokens(*name) + count_content(content);
    if (const auto sender = message["name"].as_string(); sender && !sender->empty()) {
      ask.prompt_tokens += kNameFrame + count_tokens(*sender);
    }
  }
  ask.prompt_tokens += kAnswerFrame;
  return ask.script.strict_history ? check_history(messages) : Answered<void>{};
}

/// A prompt or an input: a string, a list of tokens, or a list of either. Calls `each` with
/// every one.
template <typename Each>
Answered<void> read_texts(Value value, const char* name, Each each) {
  if (!value.exists()) return missing(name);
  if (value.kind() == Kind::kString) {
    each(value);
    return {};
  }
  const std::string_view expected = "a string or an array";
  if (value.kind() != Kind::kArray) return wrong_type(name, expected, value);
  json::Elements elements(value);
  Value element;
  bool any = false;
  while (elements.next(element)) {
    any = true;
    if (element.kind() == Kind::kNumber) {
      each(value);
      return {};
    }
    if (element.kind() != Kind::kString && element.kind() != Kind::kArray) {
      return wrong_type(name, expected, element);
    }
    each(element);
  }
  if (!any) return refuse(fmt::format("Invalid '{}': empty array.", name), name, "empty_array");
  return {};
}

}  // namespace

Answered<Ask> read_chat(std::string_view text) {
  auto ask = read_model(text);
  if (!ask) return ask;
  const Value body(text);
  if (auto read = read_messages(body["messages"], *ask); !read) {
    return std::unexpected(read.error());
  }
  if (auto read = read_streaming(body, *ask); !read) return std::unexpected(read.error());
  if (auto read = check_size(*ask); !read) return std::unexpected(read.error());
  take_prefill(body["messages"], *ask);
  const Value tools = body["tools"];
  if (tools.kind() == Kind::kArray) {
    ask->prompt_tokens += rough_tokens(tools);
    take_tool_names(tools, "function", *ask);
  }
  return ask;
}

Answered<Ask> read_completion(std::string_view text) {
  auto ask = read_model(text);
  if (!ask) return ask;
  const Value body(text);
  uint64_t prompts = 0;
  auto read = read_texts(body["prompt"], "prompt", [&](Value prompt) {
    ++prompts;
    ask->prompt_tokens += prompt_tokens(prompt);
  });
  if (!read) return std::unexpected(read.error());
  if (auto streaming = read_streaming(body, *ask); !streaming) {
    return std::unexpected(streaming.error());
  }
  if (prompts * ask->choices > 128) {
    return refuse("more than 128 completions in one request", "prompt");
  }
  ask->choices *= static_cast<uint32_t>(prompts);
  if (auto size = check_size(*ask); !size) return std::unexpected(size.error());
  return ask;
}

Answered<Ask> read_embedding(std::string_view text) {
  constexpr size_t kMostInputs = 2048;
  auto ask = read_model(text);
  if (!ask) return ask;
  const Value body(text);
  auto read = read_texts(body["input"], "input", [&](Value input) {
    ask->prompt_tokens += prompt_tokens(input);
    if (ask->inputs.size() <= kMostInputs) ask->inputs.push_back(seed_of(input.raw()));
  });
  if (!read) return std::unexpected(read.error());
  if (ask->inputs.size() > kMostInputs) {
    return refuse(fmt::format("Invalid 'input': more than {} inputs.", kMostInputs), "input",
                  "array_above_max_length");
  }
  const Value format = body["encoding_format"];
  if (format.exists() && !format.is_null()) {
    const auto name = format.as_string();
    if (!name || (*name != "float" && *name != "base64")) {
      return refuse(fmt::format("Invalid value: {}. Supported values are: 'float' and 'base64'.",
                                format.raw()),
                    "encoding_format", "invalid_value");
    }
    ask->base64 = *name == "base64";
  }
  const int64_t natural = ask->model == "text-embedding-3-large" ? 3072 : 1536;
  const auto dimensions = integer(body, "dimensions", 1, natural);
  if (!dimensions) return std::unexpected(dimensions.error());
  ask->dimensions = static_cast<uint32_t>(dimensions->value_or(natural));
  return ask;
}

}  // namespace sluice::mock::openai
