#include <array>
#include <utility>

#include "dialect/anthropic/blocks.hpp"
#include "dialect/anthropic/messages_request.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/request_reader.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::as_text;
using chat::BlockKind;
using chat::Message;
using chat::refuse;
using chat::Request;
using chat::Role;
using json::Kind;
using json::Value;

/// Blocks mean what they say only where their author may say it.
bool may_stand(BlockKind kind, Role role) {
  switch (kind) {
    case BlockKind::kText:
      return true;
    case BlockKind::kThinking:
    case BlockKind::kRedactedThinking:
    case BlockKind::kToolUse:
    case BlockKind::kServerTool:
      return role == Role::kAssistant;
    case BlockKind::kToolResult:
      return role == Role::kUser;
    case BlockKind::kImage:
    case BlockKind::kDocument:
    case BlockKind::kSearchResult:
    case BlockKind::kToolReference:
    case BlockKind::kCompaction:
    case BlockKind::kOther:
      return role != Role::kSystem;
  }
  return false;
}

/// The fields that writers know by OpenAI's names.
std::string client_field(std::string_view name) {
  using Row = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kNames = {
      Row{"parallel_tool_calls", "tool_choice.disable_parallel_tool_use"},
      Row{"reasoning_effort", "output_config.effort"},
      Row{"stop", "stop_sequences"},
  };
  for (const auto& [other, own] : kNames) {
    if (name == other) return std::string(own);
  }
  return std::string(name);
}

class MessagesReader final : public chat::RequestReader<MessagesReader> {
 public:
  Status read(std::string_view body) {
    if (Status members = read_members(body, handlers()); !members) return members;
    if (request.messages.empty()) return refuse("messages", "messages must not be empty.");
    if (system_.exists()) return read_system();
    return {};
  }

 private:
  static Handlers handlers() {
    static constexpr auto kHandlers = std::to_array<std::pair<std::string_view, Handler>>({
        {"model", &MessagesReader::read_model},
        {"messages", &MessagesReader::read_messages},
        {"system", &MessagesReader::keep_system},
        {"tools", &MessagesReader::read_tools},
        {"tool_choice", &MessagesReader::read_tool_choice},
        {"max_tokens", &MessagesReader::read_max_tokens},
        {"temperature", &MessagesReader::read_temperature},
        {"top_p", &MessagesReader::read_top_p},
        {"top_k", &MessagesReader::read_top_k},
        {"stop_sequences", &MessagesReader::read_stop},
        {"stream", &MessagesReader::read_stream},
        {"thinking", &MessagesReader::read_thinking},
        {"output_config", &MessagesReader::read_output_config},
        {"output_format", &MessagesReader::read_format},
        {"metadata", &MessagesReader::read_metadata},
        {"service_tier", &MessagesReader::read_service_tier},
        {"cache_control", &MessagesReader::read_cache_control},
        {"mcp_servers", &MessagesReader::read_mcp_servers},
        {"thread", &MessagesReader::read_thread},
    });
    return kHandlers;
  }

  Status keep_system(Value value) {
    system_ = value;
    return {};
  }

  /// A message before all others.
  Status read_system() {
    Message system{.role = Role::kSystem, .blocks = {}, .cache_control = {}};
    if (Status read = read_content(system_, "system", reading_, system.blocks); !read) return read;
    for (size_t i = 0; i < system.blocks.size(); ++i) {
      if (system.blocks[i].kind != BlockKind::kText) {
        return refuse(chat::element("system", i), "system may hold text only.");
      }
    }
    request.messages.insert(request.messages.begin(), std::move(system));
    return {};
  }

  Status read_messages(Value value) {
    if (value.kind() != Kind::kArray) return refuse("messages", "messages must be a list.");
    request.messages.clear();
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      if (request.messages.size() >= chat::kMaxMessages) {
        return refuse("messages", "There are too many messages.");
      }
      if (Status read = read_message(element, request.messages.size()); !read) return read;
    }
    return {};
  }

  Status read_message(Value value, size_t index) {
    const std::string where = chat::element("messages", index);
    if (value.kind() != Kind::kObject) return refuse(where, "A message must be an object.");
    Message& message = request.messages.emplace_back();
    message.position = index;
    json::String role;
    Value content;
    json::Members members(value);
    json::Member member;
    while (members.next(member)) {
      if (member.key == "role") {
        role = as_text(member.value);
      } else if (member.key == "content") {
        content = member.value;
      }
    }
    if (role == "user") {
      message.role = Role::kUser;
    } else if (role == "assistant") {
      message.role = Role::kAssistant;
    } else if (role == "system") {
      message.role = Role::kSystem;
    } else {
      return refuse(chat::member(where, "role"), "role must be user, assistant or system.");
    }
    const std::string at = chat::member(where, "content");
    if (!content.exists() || content.is_null()) return refuse(at, "content is required.");
    if (Status read = read_content(content, at, reading_, message.blocks); !read) return read;
    for (size_t i = 0; i < message.blocks.size(); ++i) {
      if (!may_stand(message.blocks[i].kind, message.role)) {
        return refuse(chat::element(at, i),
                      "This kind of block may not stand in a message of "
                      "this role.");
      }
    }
    return {};
  }

  Status read_tools(Value value) {
    if (value.kind() != Kind::kArray) return refuse("tools", "tools must be a list.");
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      const std::string where = chat::element("tools", request.tools.size());
      if (request.tools.size() >= chat::kMaxTools) {
        return refuse("tools", "There are too many tools.");
      }
      if (Status read = read_tool(element, where, request.tools.emplace_back()); !read) return read;
    }
    return {};
  }

  Status read_tool_choice(Value value) {
    using Mode = chat::ToolChoice::Mode;
    if (value.kind() != Kind::kObject) {
      return refuse("tool_choice", "tool_choice must be an object.");
    }
    const json::String type = as_text(value["type"]);
    const json::String name = as_text(value["name"]);
    chat::ToolChoice& choice = request.tool_choice;
    if (type == "auto") {
      choice.mode = Mode::kAuto;
    } else if (type == "any") {
      choice.mode = Mode::kRequired;
    } else if (type == "none") {
      choice.mode = Mode::kNone;
    } else if ((type == "tool" || type.empty()) && !name.empty()) {
      choice.mode = Mode::kTool;
      choice.name = name;
    } else {
      return refuse("tool_choice", "tool_choice must be auto, any, none or a tool with its name.");
    }
    if (const auto disabled = value["disable_parallel_tool_use"].as_bool()) {
      choice.parallel = !*disabled;
    }
    return {};
  }

  Status read_max_tokens(Value value) {
    request.max_tokens = value.as_int();
    if (!request.max_tokens || *request.max_tokens < 0) {
      return refuse("max_tokens", "max_tokens must be an integer of 0 or more.");
    }
    return {};
  }

  Status read_stop(Value value) {
    if (value.kind() != Kind::kArray) {
      return refuse("stop_sequences", "stop_sequences must be a list.");
    }
    json::Elements elements(value);
    Value element;
    while (elements.next(element)) {
      if (element.kind() != Kind::kString || request.stop.size() >= chat::kMaxStops) {
        return refuse("stop_sequences", "stop_sequences must be a list of not too many strings.");
      }
      request.stop.push_back(as_text(element));
    }
    return {};
  }

  Status read_thinking(Value value) { return read_thinking_config(value, request.reasoning); }

  Status read_output_config(Value value) {
    if (value.kind() != Kind::kObject) {
      return refuse("output_config", "output_config must be an object.");
    }
    json::Members members(value);
    json::Member member;
    while (members.next(member)) {
      if (member.value.is_null()) continue;
      if (member.key == "effort") {
        request.reasoning.effort = chat::parse_effort(member.value.as_string().value_or(""));
        if (request.reasoning.effort == chat::Effort::kUnset) {
          return refuse("output_config.effort", "effort must be low, medium, high, xhigh or max.");
        }
      } else if (member.key == "format") {
        if (Status format = read_format(member.value); !format) return format;
      } else {
        chat::note(request.dropped, chat::member("output_config", member.key.str()));
      }
    }
    return {};
  }

  Status read_format(Value value) {
    const json::String type = as_text(value["type"]);
    if (type == "text") return {};
    const Value schema = value["schema"];
    if (!(type == "json_schema") || schema.kind() != Kind::kObject) {
      return refuse("output_config.format", "format must be of type json_schema, with a schema.");
    }
    request.output.kind = chat::OutputFormat::Kind::kJsonSchema;
    request.output.schema = schema;
    return {};
  }

  Status read_metadata(Value value) {
    json::Members members(value);
    json::Member member;
    while (members.next(member)) {
      if (member.key == "user_id") {
        request.user = as_text(member.value);
      } else {
        chat::note(request.dropped, chat::member("metadata", member.key.str()));
      }
    }
    return {};
  }

  Status read_service_tier(Value value) {
    const json::String tier = as_text(value);
    if (tier == "auto") {
      request.service_tier = chat::ServiceTier::kAuto;
    } else if (tier == "standard_only") {
      request.service_tier = chat::ServiceTier::kStandard;
    } else {
      chat::note(request.dropped, "service_tier");
    }
    return {};
  }

  Status read_cache_control(Value value) {
    if (value.kind() == Kind::kObject) request.cache_control = value;
    return {};
  }

  Status read_mcp_servers(Value value) {
    if (value.is_empty()) return {};
    return refuse("mcp_servers", "This model's provider cannot reach MCP servers.");
  }

  Status read_thread(Value value) {
    if (value["previous_message_id"].kind() == Kind::kString) {
      return refuse("thread", "This model's provider does not have the thread's messages.");
    }
    chat::note(request.dropped, "thread");
    return {};
  }

  chat::Reading reading_;
  Value system_;
};

}  // namespace

Result<Request> parse_messages_request(std::string_view body) {
  MessagesReader reader;
  reader.request.client_field = client_field;
  if (Status read = reader.read(body); !read) return std::unexpected(std::move(read.error()));
  return std::move(reader.request);
}

}  // namespace sluice::dialect::anthropic
