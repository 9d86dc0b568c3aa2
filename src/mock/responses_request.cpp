#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mock/openai_checks.hpp"
#include "mock/responses.hpp"

namespace sluice::mock::responses {

namespace {

using json::Kind;
using json::Value;
using openai::boolean;
using openai::integer;
using openai::refuse;
using openai::wrong_type;

constexpr int64_t kLeastTokens = 16;
constexpr int64_t kMostTokens = 1'000'000'000;

constexpr std::string_view kParameters[] = {
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
};

constexpr std::array<std::string_view, 8> kIncludes = {
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
};

constexpr std::array<std::string_view, 7> kEfforts = {"none", "minimal", "low", "medium",
                                                      "high", "xhigh",   "max"};
constexpr std::array<std::string_view, 3> kSummaries = {"auto", "concise", "detailed"};

bool given(Value value) { return value.exists() && !value.is_null(); }

/// Where members of chat completions have gone.
std::string_view moved_to(std::string_view name) {
  if (name == "messages") return "input";
  if (name == "max_tokens" || name == "max_completion_tokens") return "max_output_tokens";
  if (name == "response_format") return "text.format";
  if (name == "reasoning_effort") return "reasoning.effort";
  if (name == "verbosity") return "text.verbosity";
  return {};
}

Answered<void> check_names(Value body) {
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    const std::string name = member.key.str();
    if (std::ranges::find(kParameters, name) != std::end(kParameters)) continue;
    if (const std::string_view now = moved_to(name); !now.empty()) {
      return refuse(
          fmt::format("Unsupported parameter: '{}'. In the Responses API, this parameter has moved "
                      "to '{}'. Try again with the new parameter.",
                      name, now),
          name, "unsupported_parameter");
    }
    return refuse(fmt::format("Unknown parameter: '{}'.", name), name, "unknown_parameter");
  }
  return {};
}

template <size_t size>
Answered<void> check_one_of(Value value, std::string_view param,
                            const std::array<std::string_view, size>& known) {
  if (!given(value)) return {};
  const auto name = value.as_string();
  if (!name) return wrong_type(std::string(param), "a string", value);
  if (std::ranges::find(known, *name) != known.end()) return {};
  std::string all;
  for (size_t i = 0; i < size; ++i) {
    all += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == size ? ", and " : ", ", known[i]);
  }
  return refuse(fmt::format("Invalid value: '{}'. Supported values are: {}.", *name, all),
                std::string(param), "invalid_value");
}

Answered<void> read_include(Value include, Ask& ask) {
  if (!given(include)) return {};
  if (include.kind() != Kind::kArray) return wrong_type("include", "an array", include);
  json::Elements elements(include);
  Value each;
  for (size_t i = 0; elements.next(each); ++i) {
    if (auto known = check_one_of(each, fmt::format("include[{}]", i), kIncludes); !known) {
      return known;
    }
    if (each.as_string() == "reasoning.encrypted_content") ask.sealed_thinking = true;
  }
  return {};
}

Answered<void> read_reasoning(Value reasoning, Ask& ask) {
  ask.hide_thinking = true;
  if (!given(reasoning)) return {};
  if (reasoning.kind() != Kind::kObject) return wrong_type("reasoning", "an object", reasoning);
  if (auto effort = check_one_of(reasoning["effort"], "reasoning.effort", kEfforts); !effort) {
    return effort;
  }
  const Value summary = reasoning["summary"];
  if (auto known = check_one_of(summary, "reasoning.summary", kSummaries); !known) return known;
  ask.hide_thinking = !given(summary);
  return {};
}

Answered<void> read_format(Value text) {
  if (!given(text)) return {};
  if (text.kind() != Kind::kObject) return wrong_type("text", "an object", text);
  const Value format = text["format"];
  if (!given(format)) return {};
  const auto type = format["type"].as_string();
  if (!type) return openai::missing("text.format.type");
  constexpr std::array<std::string_view, 3> kFormats = {"json_object", "json_schema", "text"};
  if (auto known = check_one_of(format["type"], "text.format.type", kFormats); !known) return known;
  if (*type != "json_schema") return {};
  // The wrapper of chat completions is the usual slip.
  if (!format["name"].exists()) return openai::missing("text.format.name");
  if (format["schema"].kind() != Kind::kObject) return openai::missing("text.format.schema");
  return {};
}

Answered<void> check_stored(Value body) {
  if (const Value previous = body["previous_response_id"]; given(previous)) {
    const auto id = previous.as_string();
    if (!id) return wrong_type("previous_response_id", "a string", previous);
    return refuse(fmt::format("Previous response with id '{}' not found.", *id),
                  "previous_response_id", "previous_response_not_found");
  }
  if (const Value conversation = body["conversation"]; given(conversation)) {
    const auto id = conversation.as_string();
    auto missing = refuse(fmt::format("Conversation with id '{}' not found.",
                                      id.value_or(conversation["id"].as_string().value_or(""))),
                          "conversation");
    missing.error().status = 404;
    return missing;
  }
  return {};
}

void append_member(std::string& echo, std::string_view name, Value value,
                   std::string_view otherwise) {
  echo += fmt::format(R"("{}":{},)", name, given(value) ? value.raw() : otherwise);
}

void append_echo(Value body, Ask& ask) {
  constexpr std::pair<std::string_view, std::string_view> kEchoed[] = {
      {"background", "false"},
      {"instructions", "null"},
      {"max_output_tokens", "null"},
      {"max_tool_calls", "null"},
      {"metadata", "{}"},
      {"parallel_tool_calls", "true"},
      {"previous_response_id", "null"},
      {"prompt_cache_key", "null"},
      {"safety_identifier", "null"},
      {"store", "true"},
      {"temperature", "1.0"},
      {"tool_choice", R"("auto")"},
      {"top_logprobs", "0"},
      {"top_p", "1.0"},
      {"truncation", R"("disabled")"},
      {"user", "null"},
  };
  for (const auto& [name, otherwise] : kEchoed) {
    append_member(ask.echo, name, body[name], otherwise);
  }
  ask.echo += R"("service_tier":"default","reasoning":{)";
  append_member(ask.echo, "effort", body["reasoning"]["effort"], R"("medium")");
  append_member(ask.echo, "summary", body["reasoning"]["summary"], "null");
  ask.echo.back() = '}';
  ask.echo += R"(,"text":{)";
  append_member(ask.echo, "format", body["text"]["format"], R"({"type":"text"})");
  append_member(ask.echo, "verbosity", body["text"]["verbosity"], R"("medium")");
  ask.echo.back() = '}';
  ask.echo += ',';
  // What a client has written over several lines would end the data of an event.
  std::erase_if(ask.echo, [](char c) { return c == '\n' || c == '\r'; });
}

/// What both endpoints have in common.
Answered<Ask> read_prompt(std::string_view text) {
  auto ask = openai::read_model(text);
  if (!ask) return ask;
  const Value body(text);
  if (auto names = check_names(body); !names) return std::unexpected(names.error());
  if (auto stored = check_stored(body); !stored) return std::unexpected(stored.error());
  if (auto input = read_input(body["input"], *ask); !input) return std::unexpected(input.error());
  const Value instructions = body["instructions"];
  if (given(instructions)) {
    if (instructions.kind() != Kind::kString) {
      return wrong_type("instructions", "a string", instructions);
    }
    ask->prompt_tokens += 3 + count_tokens("system") + count_content(instructions);
  }
  if (auto tools = read_tools(body["tools"], *ask); !tools) return std::unexpected(tools.error());
  if (auto format = read_format(body["text"]); !format) return std::unexpected(format.error());
  if (auto read = read_reasoning(body["reasoning"], *ask); !read) {
    return std::unexpected(read.error());
  }
  return ask;
}

Answered<void> read_streaming(Value body, Ask& ask) {
  const auto stream = boolean(body, "stream");
  if (!stream) return std::unexpected(stream.error());
  ask.stream = *stream;
  const Value options = body["stream_options"];
  if (!given(options)) return {};
  if (options.kind() != Kind::kObject) return wrong_type("stream_options", "an object", options);
  if (!ask.stream) {
    return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                  "stream_options");
  }
  // Usage always comes: the option of chat completions is not known here.
  json::Members members(options);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "include_obfuscation") continue;
    const std::string param = "stream_options." + member.key.str();
    return refuse(fmt::format("Unknown parameter: '{}'.", param), param, "unknown_parameter");
  }
  return {};
}

}  // namespace

Answered<Ask> read_token_count(std::string_view text) { return read_prompt(text); }

Answered<Ask> read_response(std::string_view text) {
  auto ask = read_prompt(text);
  if (!ask) return ask;
  const Value body(text);
  if (auto read = read_streaming(body, *ask); !read) return std::unexpected(read.error());
  if (auto read = read_include(body["include"], *ask); !read) return std::unexpected(read.error());
  const auto limit = integer(body, "max_output_tokens", kLeastTokens, kMostTokens);
  if (!limit) return std::unexpected(limit.error());
  if (limit->has_value()) ask->limit = static_cast<uint64_t>(**limit);
  for (const char* name : {"store", "parallel_tool_calls", "background"}) {
    if (auto value = boolean(body, name); !value) return std::unexpected(value.error());
  }
  append_echo(body, *ask);
  return ask;
}

Refusal context_exceeded(const Ask&) {
  return {.status = 400,
          .type = "invalid_request_error",
          .message =
              "Your input exceeds the context window of this model. Please adjust your input and "
              "try again.",
          .param = "input",
          .code = "context_length_exceeded"};
}

}  // namespace sluice::mock::responses
