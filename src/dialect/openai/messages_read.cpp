#include "dialect/openai/messages_read.hpp"

#include <array>
#include <utility>

#include "dialect/anthropic/blocks.hpp"
#include "dialect/openai/media_read.hpp"

namespace sluice::dialect::openai {

using chat::as_text;
using chat::Block;
using chat::BlockKind;
using chat::Message;
using chat::refuse;
using chat::Role;
using json::Kind;
using json::Value;

namespace {

constexpr std::string_view kEphemeral = R"({"type":"ephemeral"})";

/// Where a client says that the prompt up to here is worth keeping, in either dialect's words.
Value breakpoint_of(Value cache_control, Value breakpoint) {
  if (cache_control.kind() == Kind::kObject) return cache_control;
  return breakpoint.kind() == Kind::kObject ? Value(kEphemeral) : Value();
}

}  // namespace

struct MessageReader::Fields {
  Value role, content, refusal, audio, tool_calls, function_call, thinking_blocks, tool_call_id,
      name, is_error, cache_control;
};

Status MessageReader::read(Value value, size_t index) {
  const std::string where = chat::element("messages", index);
  if (value.kind() != Kind::kObject) return refuse(where, "A message must be an object.");
  Fields fields;
  const auto places = std::to_array<std::pair<std::string_view, Value*>>({
      {"role", &fields.role},
      {"content", &fields.content},
      {"refusal", &fields.refusal},
      {"audio", &fields.audio},
      {"tool_calls", &fields.tool_calls},
      {"function_call", &fields.function_call},
      {"thinking_blocks", &fields.thinking_blocks},
      {"tool_call_id", &fields.tool_call_id},
      {"name", &fields.name},
      {"is_error", &fields.is_error},
      {"cache_control", &fields.cache_control},
  });
  json::Members members(value);
  json::Member member;
  while (members.next(member)) {
    for (const auto& [name, place] : places) {
      if (member.key == name) *place = member.value;
    }
  }
  Message& message = request_.messages.emplace_back();
  message.position = index;
  if (fields.cache_control.kind() == Kind::kObject) message.cache_control = fields.cache_control;
  const json::String role = as_text(fields.role);
  if (role == "tool" || role == "function") return read_result(fields, where, message);
  if (Status known = read_role(role, where, message); !known) return known;
  if (message.role == Role::kAssistant) return read_assistant(fields, where, message);
  return read_content(fields.content, chat::member(where, "content"), message);
}

Status MessageReader::read_role(json::String role, const std::string& where, Message& message) {
  if (role == "user") {
    message.role = Role::kUser;
  } else if (role == "assistant") {
    message.role = Role::kAssistant;
  } else if (role == "system") {
    message.role = Role::kSystem;
  } else if (role == "developer") {
    message.role = Role::kDeveloper;
  } else {
    return refuse(chat::member(where, "role"),
                  "role must be system, developer, user, assistant, tool or function.");
  }
  return {};
}

Status MessageReader::read_content(Value content, const std::string& where, Message& message) {
  if (!content.exists() || content.is_null()) return {};
  if (content.kind() == Kind::kString) {
    if (Status counted = reading_.count(where); !counted) return counted;
    message.blocks.emplace_back().text = as_text(content);
    return {};
  }
  if (content.kind() != Kind::kArray) return refuse(where, "content must be a string or a list.");
  json::Elements elements(content);
  Value element;
  size_t index = 0;
  while (elements.next(element)) {
    const std::string at = chat::element(where, index++);
    if (Status read = read_part(element, at, message); !read) return read;
  }
  return {};
}

Status MessageReader::read_part(Value part, const std::string& where, Message& message) {
  if (part.kind() != Kind::kObject) return refuse(where, "A content part must be an object.");
  const auto [type_value, text, refusal, image, file, cache_control, breakpoint] = chat::members_of(
      part,
      {"type", "text", "refusal", "image_url", "file", "cache_control", "prompt_cache_breakpoint"});
  const json::String type = as_text(type_value);
  const bool instruction = message.role == Role::kSystem || message.role == Role::kDeveloper;
  if (instruction && !(type == "text")) return refuse(where, "Instructions may hold text only.");
  const bool foreign = type == "image" || (!(type == "text") && anthropic::is_known_block(type));
  if (foreign) return read_foreign(part, where, message);
  if (Status counted = reading_.count(where); !counted) return counted;

  Block block;
  block.cache_control = breakpoint_of(cache_control, breakpoint);
  if (type == "text" || type == "refusal") {
    const Value said = type == "text" ? text : refusal;
    if (said.kind() != Kind::kString) {
      return refuse(chat::member(where, type.str()), "The text must be a string.");
    }
    block.text = as_text(said);
  } else if (type == "image_url") {
    if (Status read = read_image(image, where, block); !read) return read;
  } else if (type == "file") {
    if (Status read = read_file(file, where, block); !read) return read;
  } else if (type == "input_audio") {
    return refuse(where, "This model takes no audio.");
  } else {
    return refuse(chat::member(where, "type"), "This kind of content part is not known.");
  }
  message.blocks.push_back(std::move(block));
  return {};
}

/// A block in Anthropic's shape.
Status MessageReader::read_foreign(Value part, const std::string& where, Message& message) {
  Block block;
  if (Status read = anthropic::read_content_block(part, where, reading_, block); !read) return read;
  const bool assistants = block.kind == BlockKind::kToolUse || block.kind == BlockKind::kThinking ||
                          block.kind == BlockKind::kRedactedThinking ||
                          block.kind == BlockKind::kServerTool;
  const bool misplaced =
      message.role == Role::kAssistant ? block.kind == BlockKind::kToolResult : assistants;
  if (misplaced) {
    // Nobody gets to speak for another; what was said stays visible.
    Block placeholder;
    placeholder.text = request_.arena.text("[" + part["type"].as_string().value_or("") + " block]");
    message.blocks.push_back(std::move(placeholder));
    chat::note(request_.dropped, "messages.content");
    return {};
  }
  message.blocks.push_back(std::move(block));
  return {};
}

Status MessageReader::read_image(Value image, const std::string& where, Block& block) {
  const std::string at = chat::member(where, "image_url");
  const Value url = image.kind() == Kind::kString ? image : image["url"];
  if (url.kind() != Kind::kString) return refuse(at, "image_url needs a url.");
  return read_image_url(as_text(url), at, request_.arena, block);
}

Status MessageReader::read_file(Value file, const std::string& where, Block& block) {
  const std::string at = chat::member(where, "file");
  const auto [id, contents, name] = chat::members_of(file, {"file_id", "file_data", "filename"});
  if (id.kind() == Kind::kString) {
    return refuse(chat::member(at, "file_id"),
                  "A file's id is known only to the provider that it was uploaded to.");
  }
  if (contents.kind() != Kind::kString) return refuse(at, "A file needs file_data.");
  block.name = as_text(name);
  return read_file_data(as_text(contents), chat::member(at, "file_data"), request_.arena, block);
}

Status MessageReader::read_assistant(const Fields& fields, const std::string& where,
                                     Message& message) {
  if (fields.audio.exists() && !fields.audio.is_null()) {
    return refuse(chat::member(where, "audio"), "This model takes no audio.");
  }
  if (fields.thinking_blocks.kind() == Kind::kArray) {
    const std::string at = chat::member(where, "thinking_blocks");
    std::vector<Block> blocks;
    if (Status read = anthropic::read_content(fields.thinking_blocks, at, reading_, blocks);
        !read) {
      return read;
    }
    for (Block& block : blocks) {
      const bool signed_thinking = block.kind == BlockKind::kThinking && !block.signature.empty();
      if (signed_thinking || block.kind == BlockKind::kRedactedThinking) {
        message.blocks.push_back(std::move(block));
      }
    }
  }
  const std::string at = chat::member(where, "content");
  if (Status content = read_content(fields.content, at, message); !content) return content;
  if (fields.refusal.kind() == Kind::kString) {
    if (Status counted = reading_.count(where); !counted) return counted;
    message.blocks.emplace_back().text = as_text(fields.refusal);
  }
  if (fields.tool_calls.exists() && !fields.tool_calls.is_null()) {
    const std::string calls = chat::member(where, "tool_calls");
    if (Status read = read_tool_calls(fields.tool_calls, calls, message); !read) return read;
  }
  const Value call = fields.function_call;
  if (call.kind() != Kind::kObject) return {};
  if (Status counted = reading_.count(where); !counted) return counted;
  Block& block = message.blocks.emplace_back();
  block.kind = BlockKind::kToolUse;
  block.name = as_text(call["name"]);
  block.id = request_.arena.text("call_legacy_" + std::to_string(++legacy_count_));
  block.input =
      chat::arguments_of(as_text(call["arguments"]), false, request_.arena, request_.dropped);
  legacy_calls_.emplace(block.name.str(), block.id);
  return {};
}

Status MessageReader::read_tool_calls(Value calls, const std::string& where, Message& message) {
  if (calls.kind() != Kind::kArray) return refuse(where, "tool_calls must be a list.");
  json::Elements elements(calls);
  Value call;
  size_t index = 0;
  while (elements.next(call)) {
    const std::string at = chat::element(where, index++);
    if (Status counted = reading_.count(at); !counted) return counted;
    const auto [id, function, cache_control, extra] =
        chat::members_of(call, {"id", "function", "cache_control", "extra_content"});
    if (function.kind() != Kind::kObject) {
      return refuse(at, "Only calls of functions are taken.");
    }
    Block& block = message.blocks.emplace_back();
    block.kind = BlockKind::kToolUse;
    const auto [name, arguments] = chat::members_of(function, {"name", "arguments"});
    block.id = as_text(id);
    block.name = as_text(name);
    if (block.id.empty()) return refuse(chat::member(at, "id"), "id is required.");
    if (block.name.empty()) return refuse(chat::member(at, "function.name"), "name is required.");
    // Some clients send the object itself.
    block.input =
        arguments.kind() == Kind::kObject
            ? arguments
            : chat::arguments_of(as_text(arguments), true, request_.arena, request_.dropped);
    block.cache_control = breakpoint_of(cache_control, {});
    block.signature = as_text(extra["google"]["thought_signature"]);
  }
  return {};
}

Status MessageReader::read_result(const Fields& fields, const std::string& where,
                                  Message& message) {
  message.role = Role::kUser;
  Block result;
  result.kind = BlockKind::kToolResult;
  result.is_error = fields.is_error.as_bool().value_or(false);
  if (Status counted = reading_.count(where); !counted) return counted;
  if (as_text(fields.role) == "tool") {
    result.id = as_text(fields.tool_call_id);
    if (result.id.empty()) {
      return refuse(chat::member(where, "tool_call_id"), "tool_call_id is required.");
    }
  } else {
    const std::string name = fields.name.as_string().value_or("");
    const auto call = legacy_calls_.lower_bound(name);
    if (call == legacy_calls_.end() || call->first != name) {
      return refuse(chat::member(where, "name"),
                    "A message of role function must follow a call of that function.");
    }
    result.id = call->second;
    legacy_calls_.erase(call);
  }
  Message content;
  content.role = Role::kUser;
  if (Status read = read_content(fields.content, chat::member(where, "content"), content); !read) {
    return read;
  }
  result.content = std::move(content.blocks);
  message.blocks.push_back(std::move(result));
  return {};
}

}  // namespace sluice::dialect::openai
