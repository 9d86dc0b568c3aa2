#include "dialect/anthropic/blocks.hpp"

#include <array>
#include <utility>

namespace sluice::dialect::anthropic {
namespace {

using chat::as_text;
using chat::Block;
using chat::BlockKind;
using chat::Reading;
using chat::refuse;
using chat::Source;
using json::Kind;
using json::Value;

using Row = std::pair<std::string_view, BlockKind>;
constexpr std::array kKinds = {
    Row{"text", BlockKind::kText},
    Row{"thinking", BlockKind::kThinking},
    Row{"redacted_thinking", BlockKind::kRedactedThinking},
    Row{"tool_use", BlockKind::kToolUse},
    Row{"tool_result", BlockKind::kToolResult},
    Row{"image", BlockKind::kImage},
    Row{"document", BlockKind::kDocument},
    Row{"container_upload", BlockKind::kDocument},
    Row{"search_result", BlockKind::kSearchResult},
    Row{"tool_reference", BlockKind::kToolReference},
    Row{"server_tool_use", BlockKind::kServerTool},
    Row{"mcp_tool_use", BlockKind::kServerTool},
    Row{"compaction", BlockKind::kCompaction},
};

BlockKind kind_of(json::String type) {
  for (const auto& [name, kind] : kKinds) {
    if (type == name) return kind;
  }
  // web_search_tool_result, code_execution_tool_result, mcp_tool_result, ...
  return type.bytes.ends_with("_tool_result") ? BlockKind::kServerTool : BlockKind::kOther;
}

Status read_source(Value source, const std::string& where, Reading& reading, Block& out) {
  if (source.kind() != Kind::kObject) return refuse(where, "source must be an object.");
  const auto [type_value, media_type, data, url, file_id, content] =
      chat::members_of(source, {"type", "media_type", "data", "url", "file_id", "content"});
  const json::String type = as_text(type_value);
  out.source.media_type = as_text(media_type);
  if (type == "base64") {
    out.source.kind = Source::Kind::kBase64;
    out.source.data = as_text(data);
  } else if (type == "url") {
    out.source.kind = Source::Kind::kUrl;
    out.source.data = as_text(url);
  } else if (type == "text") {
    out.source.kind = Source::Kind::kText;
    out.source.data = as_text(data);
  } else if (type == "file") {
    out.source.kind = Source::Kind::kFileId;
    out.source.data = as_text(file_id);
  } else if (type == "content") {
    out.source.kind = Source::Kind::kBlocks;
    return read_content(content, chat::member(where, "source.content"), reading, out.content);
  } else {
    return refuse(chat::member(where, "source.type"), "This kind of source is not known.");
  }
  if (out.source.data.empty() && out.source.kind != Source::Kind::kText) {
    return refuse(chat::member(where, "source"), "The source is empty.");
  }
  return {};
}

/// A required text of a block.
Status read_text(Value value, const std::string& where, std::string_view name, json::String& out) {
  if (value.kind() != Kind::kString) {
    return refuse(chat::member(where, name), std::string(name) + " must be a string.");
  }
  out = as_text(value);
  return {};
}

struct Fields {
  Value type, text, thinking, signature, data, id, tool_use_id, name, tool_name, input, content,
      source, title, file_id, is_error;
};

Fields fields_of(Value block, Block& out) {
  Fields fields;
  const auto places = std::to_array<std::pair<std::string_view, Value*>>({
      {"type", &fields.type},
      {"text", &fields.text},
      {"thinking", &fields.thinking},
      {"signature", &fields.signature},
      {"data", &fields.data},
      {"id", &fields.id},
      {"tool_use_id", &fields.tool_use_id},
      {"name", &fields.name},
      {"tool_name", &fields.tool_name},
      {"input", &fields.input},
      {"content", &fields.content},
      {"source", &fields.source},
      {"title", &fields.title},
      {"file_id", &fields.file_id},
      {"is_error", &fields.is_error},
      {"cache_control", &out.cache_control},
  });
  json::Members members(block);
  json::Member member;
  while (members.next(member)) {
    for (const auto& [name, place] : places) {
      if (member.key == name) *place = member.value;
    }
  }
  if (out.cache_control.kind() != Kind::kObject) out.cache_control = {};
  return fields;
}

}  // namespace

bool is_known_block(json::String type) { return kind_of(type) != BlockKind::kOther; }

Status read_content_block(Value block, const std::string& where, Reading& reading, Block& out) {
  if (block.kind() != Kind::kObject) return refuse(where, "A content block must be an object.");
  if (Status counted = reading.count(where); !counted) return counted;
  const Fields fields = fields_of(block, out);
  const json::String type = as_text(fields.type);
  if (type.empty()) return refuse(chat::member(where, "type"), "type is required.");
  out.kind = kind_of(type);
  out.raw = block;
  switch (out.kind) {
    case BlockKind::kText:
      return read_text(fields.text, where, "text", out.text);
    case BlockKind::kThinking:
      out.text = as_text(fields.thinking);
      out.signature = as_text(fields.signature);
      return {};
    case BlockKind::kRedactedThinking:
      out.signature = as_text(fields.data);
      return {};
    case BlockKind::kToolUse:
      if (Status id = read_text(fields.id, where, "id", out.id); !id) return id;
      if (Status name = read_text(fields.name, where, "name", out.name); !name) return name;
      out.input = fields.input.kind() == Kind::kObject ? fields.input : Value("{}");
      return {};
    case BlockKind::kToolResult:
      if (Status id = read_text(fields.tool_use_id, where, "tool_use_id", out.id); !id) return id;
      out.is_error = fields.is_error.as_bool().value_or(false);
      return read_content(fields.content, chat::member(where, "content"), reading, out.content);
    case BlockKind::kImage:
      return read_source(fields.source, where, reading, out);
    case BlockKind::kDocument:
      out.name = as_text(fields.title);
      if (!fields.file_id.exists()) return read_source(fields.source, where, reading, out);
      out.source = {.kind = Source::Kind::kFileId, .media_type = {}, .data = {}};
      return {};
    case BlockKind::kSearchResult:
      out.name = as_text(fields.title);
      out.text = as_text(fields.source);
      return read_content(fields.content, chat::member(where, "content"), reading, out.content);
    case BlockKind::kToolReference:
      out.name = as_text(fields.tool_name);
      return {};
    case BlockKind::kCompaction:
      out.text = as_text(fields.content);
      return {};
    case BlockKind::kServerTool:
    case BlockKind::kOther:
      out.id = as_text(fields.id);
      out.name = as_text(fields.name);
      return {};
  }
  return {};
}

Status read_content(Value content, const std::string& where, Reading& reading,
                    std::vector<Block>& out) {
  if (!content.exists() || content.is_null()) return {};
  if (content.kind() == Kind::kString) {
    if (Status counted = reading.count(where); !counted) return counted;
    out.emplace_back().text = chat::as_text(content);
    return {};
  }
  if (content.kind() != Kind::kArray) return refuse(where, "content must be a string or a list.");
  if (reading.depth >= chat::kMaxBlockDepth) return refuse(where, "Blocks are nested too deep.");
  ++reading.depth;
  json::Elements elements(content);
  Value element;
  size_t index = 0;
  while (elements.next(element)) {
    const std::string at = chat::element(where, index++);
    if (Status read = read_content_block(element, at, reading, out.emplace_back()); !read) {
      return read;
    }
  }
  --reading.depth;
  return {};
}

Status read_thinking_config(Value thinking, chat::Reasoning& out) {
  using Thinking = chat::Reasoning::Thinking;
  if (!thinking.exists() || thinking.is_null()) return {};
  if (thinking.kind() != Kind::kObject) return refuse("thinking", "thinking must be an object.");
  const json::String type = chat::as_text(thinking["type"]);
  if (type == "enabled") {
    const auto budget = thinking["budget_tokens"].as_int();
    if (!budget || *budget < 0) {
      return refuse("thinking.budget_tokens", "budget_tokens must be an integer.");
    }
    out.budget = *budget;
    out.thinking = Thinking::kEnabled;
  } else if (type == "adaptive") {
    out.thinking = Thinking::kAdaptive;
  } else if (type == "disabled") {
    out.thinking = Thinking::kDisabled;
  } else if (type == "between_tools") {
    out.thinking = Thinking::kBetweenTools;
  } else {
    return refuse("thinking.type",
                  "thinking.type must be adaptive, enabled, disabled or between_tools.");
  }
  out.raw = thinking;
  return {};
}

Status read_tool(Value tool, const std::string& where, chat::Tool& out) {
  if (tool.kind() != Kind::kObject) return refuse(where, "A tool must be an object.");
  out.raw = tool;
  json::Members members(tool);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "type") {
      out.type = chat::as_text(member.value);
    } else if (member.key == "name") {
      out.name = chat::as_text(member.value);
    } else if (member.key == "description") {
      out.description = chat::as_text(member.value);
    } else if (member.key == "input_schema") {
      out.schema = member.value;
    } else if (member.key == "strict") {
      out.strict = member.value.as_bool();
    } else if (member.key == "cache_control" && member.value.kind() == Kind::kObject) {
      out.cache_control = member.value;
    }
  }
  if (out.type.empty() || out.type == "custom") {
    if (out.name.empty()) return refuse(chat::member(where, "name"), "name is required.");
    if (out.schema.exists() && out.schema.kind() != Kind::kObject) {
      return refuse(chat::member(where, "input_schema"), "input_schema must be an object.");
    }
    return {};
  }
  static constexpr auto kClientTools = std::to_array<std::string_view>(
      {"bash_", "text_editor_", "memory_", "computer_", "browser_"});
  out.kind = chat::Tool::Kind::kServer;
  for (const std::string_view prefix : kClientTools) {
    if (out.type.bytes.starts_with(prefix)) out.kind = chat::Tool::Kind::kBuiltIn;
  }
  return {};
}

}  // namespace sluice::dialect::anthropic
