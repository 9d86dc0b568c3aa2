#include <array>
#include <utility>

#include "dialect/anthropic/blocks.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/request_reader.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/openai/messages_read.hpp"

namespace sluice::dialect::openai {
namespace {

using chat::as_text;
using chat::refuse;
using chat::Request;
using json::Kind;
using json::Value;

class ChatReader final : public chat::RequestReader<ChatReader> {
 public:
  Status read(std::string_view body) {
    if (Status members = read_members(body, handlers()); !members) return members;
    if (request.messages.empty()) return refuse("messages", "messages must not be empty.");
    request.max_tokens = max_completion_tokens_ ? max_completion_tokens_ : max_tokens_;
    request.user = !safety_identifier_.empty() ? safety_identifier_ : user_;
    if (request.tool_choice.mode == chat::ToolChoice::Mode::kUnset) {
      request.tool_choice.mode = function_call_.mode;
      request.tool_choice.name = function_call_.name;
    }
    return {};
  }

 private:
  static Handlers handlers() {
    static constexpr auto kHandlers = std::to_array<std::pair<std::string_view, Handler>>({
        {"model", &ChatReader::read_model},
        {"messages", &ChatReader::read_messages},
        {"max_tokens", &ChatReader::read_max_tokens},
        {"max_completion_tokens", &ChatReader::read_max_completion_tokens},
        {"temperature", &ChatReader::read_temperature},
        {"top_p", &ChatReader::read_top_p},
        {"top_k", &ChatReader::read_top_k},
        {"stop", &ChatReader::read_stop},
        {"n", &ChatReader::read_n},
        {"stream", &ChatReader::read_stream},
        {"stream_options", &ChatReader::read_stream_options},
        {"tools", &ChatReader::read_tools},
        {"tool_choice", &ChatReader::read_tool_choice},
        {"parallel_tool_calls", &ChatReader::read_parallel},
        {"functions", &ChatReader::read_functions},
        {"function_call", &ChatReader::read_function_call},
        {"response_format", &ChatReader::read_response_format},
        {"reasoning_effort", &ChatReader::read_effort},
        {"thinking", &ChatReader::read_thinking},
        {"user", &ChatReader::read_user},
        {"safety_identifier", &ChatReader::read_safety_identifier},
        {"service_tier", &ChatReader::read_service_tier},
        {"modalities", &ChatReader::read_modalities},
        {"audio", &ChatReader::read_audio},
        {"cache_control", &ChatReader::read_cache_control},
        {"prompt_cache_options", &ChatReader::read_cache_options},
    });
    return kHandlers;
  }

  Status read_messages(Value value) {
    if (value.kind() != Kind::kArray) return refuse("messages", "messages must be a list.");
    request.messages.clear();
    MessageReader reader(request);
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      const size_t index = request.messages.size();
      if (index >= chat::kMaxMessages) return refuse("messages", "There are too many messages.");
      if (Status read = reader.read(element, index); !read) return read;
    }
    return {};
  }

  static Status read_limit(Value value, std::string_view name, std::optional<int64_t>& out) {
    out = value.as_int();
    if (out && *out >= 1) return {};
    return refuse(std::string(name), std::string(name) + " must be an integer of 1 or more.");
  }
  Status read_max_tokens(Value value) { return read_limit(value, "max_tokens", max_tokens_); }
  Status read_max_completion_tokens(Value value) {
    return read_limit(value, "max_completion_tokens", max_completion_tokens_);
  }

  Status read_stop(Value value) {
    if (value.kind() == Kind::kString) {
      request.stop.push_back(as_text(value));
      return {};
    }
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      if (element.kind() != Kind::kString || request.stop.size() >= chat::kMaxStops) {
        return refuse("stop", "stop must be a string or a list of not too many strings.");
      }
      request.stop.push_back(as_text(element));
    }
    if (!elements.complete()) return refuse("stop", "stop must be a string or a list of strings.");
    return {};
  }

  Status read_n(Value value) {
    if (value.as_int() == 1) return {};
    return refuse("n", "This model answers with one choice only; n must be 1.");
  }

  Status read_stream_options(Value value) {
    request.include_usage = value["include_usage"].as_bool().value_or(false);
    return {};
  }

  Status add_tool(chat::Tool tool) {
    if (request.tools.size() >= chat::kMaxTools) {
      return refuse("tools", "There are too many tools.");
    }
    request.tools.push_back(std::move(tool));
    return {};
  }

  static Status read_function(Value function, const std::string& where, chat::Tool& tool) {
    const auto [name, description, parameters, strict, cache_control] = chat::members_of(
        function, {"name", "description", "parameters", "strict", "cache_control"});
    tool.name = as_text(name);
    if (tool.name.empty()) return refuse(chat::member(where, "name"), "name is required.");
    tool.description = as_text(description);
    if (!parameters.is_null()) tool.schema = parameters;
    if (cache_control.kind() == Kind::kObject) tool.cache_control = cache_control;
    if (tool.schema.exists() && tool.schema.kind() != Kind::kObject) {
      return refuse(chat::member(where, "parameters"), "parameters must be an object.");
    }
    tool.strict = strict.as_bool();
    return {};
  }

  Status read_tools(Value value) {
    if (value.kind() != Kind::kArray) return refuse("tools", "tools must be a list.");
    json::Elements elements(value);
    Value element;
    size_t index = 0;
    while (elements.next(element)) {
      const std::string where = chat::element("tools", index++);
      chat::Tool tool;
      const auto [function, schema, cache_control] =
          chat::members_of(element, {"function", "input_schema", "cache_control"});
      if (function.kind() == Kind::kObject) {
        const std::string at = chat::member(where, "function");
        if (Status read = read_function(function, at, tool); !read) return read;
        if (cache_control.kind() == Kind::kObject) tool.cache_control = cache_control;
      } else if (schema.kind() == Kind::kObject) {
        if (Status read = anthropic::read_tool(element, where, tool); !read) return read;
      } else {
        return refuse(where, "Only tools that are functions are taken.");
      }
      if (Status added = add_tool(std::move(tool)); !added) return added;
    }
    return {};
  }

  Status read_functions(Value value) {
    if (value.kind() != Kind::kArray) return refuse("functions", "functions must be a list.");
    request.legacy_functions = true;
    json::Elements elements(value);
    Value element;
    size_t index = 0;
    while (elements.next(element)) {
      chat::Tool tool;
      const std::string where = chat::element("functions", index++);
      if (Status read = read_function(element, where, tool); !read) return read;
      if (Status added = add_tool(std::move(tool)); !added) return added;
    }
    return {};
  }

  static chat::ToolChoice::Mode mode_of(json::String word) {
    using Mode = chat::ToolChoice::Mode;
    if (word == "auto") return Mode::kAuto;
    if (word == "none") return Mode::kNone;
    return word == "required" ? Mode::kRequired : Mode::kUnset;
  }

  Status read_tool_choice(Value value) {
    using Mode = chat::ToolChoice::Mode;
    chat::ToolChoice& choice = request.tool_choice;
    if (value.kind() == Kind::kString) {
      choice.mode = mode_of(as_text(value));
      if (choice.mode != Mode::kUnset) return {};
    } else if (const json::String name = as_text(value["function"]["name"]); !name.empty()) {
      choice.mode = Mode::kTool;
      choice.name = name;
      return {};
    } else if (value["allowed_tools"].kind() == Kind::kObject) {
      return read_allowed_tools(value["allowed_tools"]);
    } else if (value["custom"].exists()) {
      return refuse("tool_choice", "Only tools that are functions are taken.");
    }
    return refuse("tool_choice",
                  "tool_choice must be auto, none, required, a function or "
                  "allowed_tools.");
  }

  Status read_allowed_tools(Value allowed) {
    chat::ToolChoice& choice = request.tool_choice;
    choice.mode = mode_of(as_text(allowed["mode"]));
    json::Elements elements(allowed["tools"]);
    Value element;
    while (elements.next(element)) {
      const json::String name = as_text(element["function"]["name"]);
      if (name.empty() || choice.allowed.size() >= chat::kMaxTools) {
        return refuse("tool_choice.allowed_tools.tools", "Each must name a function.");
      }
      choice.allowed.push_back(name);
    }
    if (choice.allowed.empty()) {
      return refuse("tool_choice.allowed_tools.tools", "tools must be a list that is not empty.");
    }
    return {};
  }

  Status read_function_call(Value value) {
    request.legacy_functions = true;
    if (value.kind() == Kind::kString) {
      function_call_.mode = mode_of(as_text(value));
    } else if (const json::String name = as_text(value["name"]); !name.empty()) {
      function_call_.mode = chat::ToolChoice::Mode::kTool;
      function_call_.name = name;
    }
    if (function_call_.mode != chat::ToolChoice::Mode::kUnset) return {};
    return refuse("function_call", "function_call must be auto, none or a function's name.");
  }

  Status read_response_format(Value value) {
    const json::String type = as_text(value["type"]);
    chat::OutputFormat& output = request.output;
    if (type == "text") return {};
    if (type == "json_object") {
      output.kind = chat::OutputFormat::Kind::kJsonObject;
      return {};
    }
    const Value format = value["json_schema"];
    if (!(type == "json_schema") || format.kind() != Kind::kObject) {
      return refuse("response_format",
                    "response_format must be of type text, json_object or json_schema.");
    }
    output.kind = chat::OutputFormat::Kind::kJsonSchema;
    output.name = as_text(format["name"]);
    output.description = as_text(format["description"]);
    output.schema = format["schema"];
    output.strict = format["strict"].as_bool();
    if (output.schema.kind() != Kind::kObject) output.schema = Value(R"({"type":"object"})");
    return {};
  }

  Status read_effort(Value value) {
    request.reasoning.effort = chat::parse_effort(value.as_string().value_or(""));
    if (request.reasoning.effort != chat::Effort::kUnset) return {};
    return refuse("reasoning_effort",
                  "reasoning_effort must be none, minimal, low, medium, high, xhigh or max.");
  }

  Status read_thinking(Value value) {
    return anthropic::read_thinking_config(value, request.reasoning);
  }

  Status read_user(Value value) {
    user_ = as_text(value);
    return {};
  }
  Status read_safety_identifier(Value value) {
    safety_identifier_ = as_text(value);
    return {};
  }

  Status read_service_tier(Value value) {
    const json::String tier = as_text(value);
    if (tier == "auto") {
      request.service_tier = chat::ServiceTier::kAuto;
    } else if (tier == "default") {
      request.service_tier = chat::ServiceTier::kStandard;
    } else if (tier == "priority") {
      request.service_tier = chat::ServiceTier::kPriority;
    } else {
      chat::note(request.dropped, "service_tier");
    }
    return {};
  }

  Status read_modalities(Value value) {
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      if (!(as_text(element) == "text")) {
        return refuse("modalities", "This model answers with text only.");
      }
    }
    return {};
  }

  Status read_audio(Value) { return refuse("audio", "This model answers with text only."); }

  Status read_cache_control(Value value) {
    if (value.kind() == Kind::kObject) request.cache_control = value;
    return {};
  }

  Status read_cache_options(Value value) {
    request.explicit_cache = as_text(value["mode"]) == "explicit";
    return {};
  }

  std::optional<int64_t> max_tokens_;
  std::optional<int64_t> max_completion_tokens_;
  json::String user_;
  json::String safety_identifier_;
  chat::ToolChoice function_call_;
};

}  // namespace

Result<Request> parse_chat_request(std::string_view body) {
  ChatReader reader;
  if (Status read = reader.read(body); !read) return std::unexpected(std::move(read.error()));
  return std::move(reader.request);
}

}  // namespace sluice::dialect::openai
