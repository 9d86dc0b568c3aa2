#include <algorithm>
#include <array>
#include <utility>

#include "dialect/chat/reading.hpp"
#include "dialect/chat/request_reader.hpp"
#include "dialect/responses/echo.hpp"
#include "dialect/responses/input_read.hpp"
#include "dialect/responses/responses_request.hpp"
#include "dialect/responses/tools_read.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::as_text;
using chat::refuse;
using chat::Request;
using json::Kind;
using json::Value;

class ResponsesReader final : public chat::RequestReader<ResponsesReader> {
 public:
  Status read(std::string_view body) {
    request.client_field = client_field;
    if (Status members = read_members(body, handlers()); !members) return members;
    if (!input_.exists()) return refuse("input", "input is required.");
    if (Status read = InputReader(request).read(input_); !read) return read;
    add_instructions();
    request.user = !safety_identifier_.empty() ? safety_identifier_ : user_;
    // The response's last event tells it, without being asked.
    request.include_usage = true;
    request.echo = echo_of(body);
    return {};
  }

  Status keep(const json::Member& member) {
    // Repeated in the response, where its meaning is the client's alone, or without effect on it.
    static constexpr auto kSilent = std::to_array<std::string_view>(
        {"metadata", "store", "stream_options", "prompt_cache_key", "prompt_cache_retention"});
    const bool silent =
        std::ranges::any_of(kSilent, [&](std::string_view name) { return member.key == name; });
    return silent ? Status{} : chat::keep_extra(member, request);
  }

 private:
  static Handlers handlers() {
    static constexpr auto kHandlers = std::to_array<std::pair<std::string_view, Handler>>({
        {"model", &ResponsesReader::read_model},
        {"input", &ResponsesReader::keep_input},
        {"instructions", &ResponsesReader::read_instructions},
        {"tools", &ResponsesReader::read_tools},
        {"tool_choice", &ResponsesReader::read_choice},
        {"parallel_tool_calls", &ResponsesReader::read_parallel},
        {"max_output_tokens", &ResponsesReader::read_limit},
        {"temperature", &ResponsesReader::read_temperature},
        {"top_p", &ResponsesReader::read_top_p},
        {"reasoning", &ResponsesReader::read_reasoning},
        {"text", &ResponsesReader::read_text},
        {"service_tier", &ResponsesReader::read_service_tier},
        {"user", &ResponsesReader::read_user},
        {"safety_identifier", &ResponsesReader::read_safety_identifier},
        {"stream", &ResponsesReader::read_stream},
        {"include", &ResponsesReader::read_include},
        {"truncation", &ResponsesReader::read_truncation},
        {"prompt_cache_options", &ResponsesReader::read_cache_options},
        {"previous_response_id", &ResponsesReader::refuse_stored_response},
        {"conversation", &ResponsesReader::refuse_conversation},
        {"prompt", &ResponsesReader::refuse_prompt},
        {"background", &ResponsesReader::read_background},
    });
    return kHandlers;
  }

  Status keep_input(Value value) {
    input_ = value;
    return {};
  }

  Status read_instructions(Value value) {
    if (value.kind() != Kind::kString) {
      return refuse("instructions", "instructions must be a string.");
    }
    instructions_ = as_text(value);
    return {};
  }

  /// A message before all others.
  void add_instructions() {
    if (instructions_.empty()) return;
    chat::Message message{.role = chat::Role::kSystem, .blocks = {}, .cache_control = {}};
    message.blocks.emplace_back().text = instructions_;
    request.messages.insert(request.messages.begin(), std::move(message));
  }

  Status read_tools(Value value) { return responses::read_tools(value, request); }
  Status read_choice(Value value) { return read_tool_choice(value, request.tool_choice); }

  Status read_limit(Value value) {
    request.max_tokens = value.as_int();
    if (request.max_tokens && *request.max_tokens >= 1) return {};
    return refuse("max_output_tokens", "max_output_tokens must be an integer of 1 or more.");
  }

  Status read_reasoning(Value value) {
    if (value.kind() != Kind::kObject) return refuse("reasoning", "reasoning must be an object.");
    json::Members members(value);
    json::Member member;
    while (members.next(member)) {
      if (member.value.is_null()) continue;
      if (member.key == "effort") {
        request.reasoning.effort = chat::parse_effort(member.value.as_string().value_or(""));
        if (request.reasoning.effort == chat::Effort::kUnset) {
          return refuse("reasoning.effort",
                        "effort must be none, minimal, low, medium, high, xhigh or max.");
        }
      } else if (!(member.key == "summary") && !(member.key == "generate_summary")) {
        lose("reasoning", member);
      }
    }
    return {};
  }

  Status read_text(Value value) {
    if (value.kind() != Kind::kObject) return refuse("text", "text must be an object.");
    json::Members members(value);
    json::Member member;
    while (members.next(member)) {
      if (member.value.is_null()) continue;
      if (member.key == "format") {
        if (Status read = read_format(member.value); !read) return read;
      } else if (!(member.key == "verbosity" && as_text(member.value) == "medium")) {
        lose("text", member);
      }
    }
    return {};
  }

  Status read_format(Value value) {
    const auto [type_value, name, description, schema, strict] =
        chat::members_of(value, {"type", "name", "description", "schema", "strict"});
    const json::String type = as_text(type_value);
    chat::OutputFormat& output = request.output;
    if (type == "text") return {};
    if (type == "json_object") {
      output.kind = chat::OutputFormat::Kind::kJsonObject;
      return {};
    }
    if (!(type == "json_schema") || schema.kind() != Kind::kObject) {
      return refuse("text.format",
                    "format must be of type text, json_object, or json_schema with a schema.");
    }
    output.kind = chat::OutputFormat::Kind::kJsonSchema;
    output.name = as_text(name);
    output.description = as_text(description);
    output.schema = schema;
    output.strict = strict.as_bool();
    return {};
  }

  Status read_service_tier(Value value) {
    const json::String tier = as_text(value);
    if (tier == "auto") {
      request.service_tier = chat::ServiceTier::kAuto;
    } else if (tier == "default") {
      request.service_tier = chat::ServiceTier::kStandard;
    } else if (tier == "priority" || tier == "fast") {
      request.service_tier = chat::ServiceTier::kPriority;
    } else {
      chat::note(request.dropped, "service_tier");
    }
    return {};
  }

  Status read_user(Value value) {
    user_ = as_text(value);
    return {};
  }
  Status read_safety_identifier(Value value) {
    safety_identifier_ = as_text(value);
    return {};
  }

  /// Reasoning always carries what it is replayed by; the rest is not there to be included.
  Status read_include(Value value) {
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      if (!(as_text(element) == "reasoning.encrypted_content")) {
        chat::note(request.dropped, "include");
      }
    }
    return {};
  }

  Status read_truncation(Value value) {
    if (!(as_text(value) == "disabled")) chat::note(request.dropped, "truncation");
    return {};
  }

  Status read_cache_options(Value value) {
    request.explicit_cache = as_text(value["mode"]) == "explicit";
    return {};
  }

  Status refuse_stored_response(Value) {
    return refuse("previous_response_id",
                  "Responses are not stored here; send the whole conversation as input.");
  }
  Status refuse_conversation(Value) {
    return refuse("conversation",
                  "Conversations are not stored here; send the whole conversation as input.");
  }
  Status refuse_prompt(Value) {
    return refuse("prompt", "Prompts are not stored here; send the prompt's text.");
  }
  Status read_background(Value value) {
    if (value.as_bool() != true) return {};
    return refuse("background",
                  "Responses are not stored here, so none can be made in background.");
  }

  void lose(std::string_view object, const json::Member& member) {
    if (chat::asks_nothing(member.value)) return;
    chat::note(request.dropped, chat::member(object, member.key.str()));
  }

  Value input_;
  json::String instructions_;
  json::String user_;
  json::String safety_identifier_;
};

}  // namespace

Result<Request> parse_responses_request(std::string_view body) {
  ResponsesReader reader;
  if (Status read = reader.read(body); !read) return std::unexpected(std::move(read.error()));
  return std::move(reader.request);
}

std::string client_field(std::string_view name) {
  using Row = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kRows = {
      Row{"max_tokens", "max_output_tokens"},
      Row{"max_completion_tokens", "max_output_tokens"},
      Row{"reasoning_effort", "reasoning.effort"},
      Row{"thinking", "reasoning.effort"},
      Row{"output_config.effort", "reasoning.effort"},
      Row{"response_format", "text.format"},
      Row{"output_config.format", "text.format"},
      Row{"tool_choice.disable_parallel_tool_use", "parallel_tool_calls"},
      Row{"tool_calls.arguments", "input.arguments"},
      Row{"messages.tool_calls", "input.call_id"},
      Row{"messages.tool_call_id", "input.call_id"},
      Row{"tools.web_search_20250305", "tools.web_search"},
  };
  for (const auto& [known, ours] : kRows) {
    if (name == known) return std::string(ours);
  }
  constexpr std::string_view kMessages = "messages";
  if (!name.starts_with(kMessages)) return std::string(name);
  const std::string_view rest = name.substr(kMessages.size());
  if (!rest.empty() && rest.front() != '.' && rest.front() != '[') return std::string(name);
  std::string ours = "input";
  ours += rest;
  return ours;
}

}  // namespace sluice::dialect::responses
