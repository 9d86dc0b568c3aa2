#include "dialect/openai/messages_write.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "dialect/chat/block_text.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/signature.hpp"
#include "dialect/chat/turns.hpp"

namespace sluice::dialect::openai {

using chat::Block;
using chat::BlockKind;
using chat::Joined;
using chat::Message;
using chat::Role;
using chat::Source;

namespace {

bool is_text(const Block* block) { return block->kind == BlockKind::kText; }

}  // namespace

Status MessagesWriter::write() {
  const std::vector<Message>& messages = request_.messages;
  out_.begin_array();
  bool first = true;
  for (size_t at = 0; at < messages.size(); ++at) {
    const Message& message = messages[at];
    if (chat::is_instruction(message)) {
      write_instructions(message, first);
      continue;
    }
    first = false;
    if (message.role == Role::kAssistant) {
      if (Status written = write_assistant(message); !written) return written;
      continue;
    }
    size_t end = at + 1;
    while (end < messages.size() && messages[end].role == Role::kUser) ++end;
    if (Status written = write_users(at, end); !written) return written;
    at = end - 1;
  }
  out_.end_array();
  if (!messages.empty() && messages.back().role == Role::kAssistant) {
    chat::note(outgoing_.dropped, "messages");
  }
  return {};
}

void MessagesWriter::write_instructions(const Message& message, bool first) {
  std::vector<const Block*> parts;
  bool marked = false;
  for (const Block& block : message.blocks) {
    if (block.text.empty() || chat::is_billing(block)) continue;
    parts.push_back(&block);
    marked = marked || breakpoint(block);
  }
  if (parts.empty()) return;
  const bool wrapped = !first && !model_.system_mid_ok;
  const bool developer = model_.developer_role;
  out_.begin_object().member("role", wrapped ? "user" : developer ? "developer" : "system");
  out_.key("content");
  if (marked && !wrapped) {
    out_.begin_array();
    for (const Block* part : parts) write_part(*part);
    out_.end_array();
  } else {
    Joined text("\\n\\n");
    for (const Block* part : parts) text.add(part->text);
    json::String whole = text.keep(request_.arena);
    if (wrapped) whole = chat::as_reminder(whole, request_.arena);
    chat::write_text(out_, whole);
  }
  out_.end_object();
}

json::String MessagesWriter::replayed_reasoning(const Message& message) {
  Joined text("\\n\\n");
  for (const Block& block : message.blocks) {
    if (block.kind != BlockKind::kThinking || block.text.empty()) continue;
    if (chat::open_signature(block.signature.str(), target_.provider, target_.signature_key)) {
      text.add(block.text);
    }
  }
  return text.any() ? text.keep(request_.arena) : json::String{};
}

Status MessagesWriter::write_assistant(const Message& message) {
  const std::string where = chat::element("messages", message.position);
  Joined text;
  bool calls = false;
  for (const Block& block : message.blocks) {
    switch (block.kind) {
      case BlockKind::kToolUse:
        calls = true;
        break;
      case BlockKind::kThinking:
      case BlockKind::kRedactedThinking:
        break;
      case BlockKind::kServerTool:
      case BlockKind::kOther:
        chat::note(outgoing_.dropped, "messages.content");
        [[fallthrough]];
      default:
        if (chat::is_media(block)) {
          return chat::refuse(where, "This model's messages may hold text and calls only.");
        }
        if (const json::String part = chat::text_of(block, request_.arena); !part.empty())
          text.add(part);
    }
  }
  if (!text.any() && !calls) return {};
  out_.begin_object().member("role", "assistant").key("content");
  if (text.any()) {
    chat::write_text(out_, text.keep(request_.arena));
  } else {
    out_.null();
  }
  if (model_.reasoning_replay) {
    if (const json::String reasoning = replayed_reasoning(message); !reasoning.empty()) {
      out_.key("reasoning_content");
      chat::write_text(out_, reasoning);
    }
  }
  if (calls) write_calls(message);
  out_.end_object();
  return {};
}

void MessagesWriter::write_calls(const Message& message) {
  out_.key("tool_calls").begin_array();
  for (const Block& block : message.blocks) {
    if (block.kind != BlockKind::kToolUse) continue;
    out_.begin_object().key("id");
    chat::write_text(out_, chat::clean_id(block.id, model_.call_id_max, request_.arena));
    out_.member("type", "function").key("function").begin_object().key("name");
    chat::write_text(
        out_, outgoing_.plan.tool_names.clean(block.name, model_.tool_name_max, request_.arena));
    std::string arguments;
    chat::append_compact(arguments, block.input.exists() ? block.input.raw() : "{}");
    out_.member("arguments", arguments).end_object().end_object();
  }
  out_.end_array();
}

Status MessagesWriter::write_users(size_t begin, size_t end) {
  hoisted_.clear();
  for (size_t at = begin; at < end; ++at) {
    const Message& message = request_.messages[at];
    const std::string where = chat::element("messages", message.position);
    for (const Block& block : message.blocks) {
      if (block.kind != BlockKind::kToolResult) continue;
      if (Status written = write_result(block, where); !written) return written;
    }
  }
  for (size_t at = begin; at < end; ++at) {
    const Message& message = request_.messages[at];
    const std::string where = chat::element("messages", message.position);
    std::vector<const Block*> parts;
    for (const Block& block : message.blocks) {
      if (block.kind == BlockKind::kToolResult) continue;
      if (Status flat = flattener_.add(block, where, parts); !flat) return flat;
    }
    // What the results showed goes before what the user says.
    if (!parts.empty() || at + 1 == end) {
      parts.insert(parts.begin(), hoisted_.begin(), hoisted_.end());
      hoisted_.clear();
    }
    if (!parts.empty()) write_parts(parts);
  }
  return {};
}

void MessagesWriter::write_parts(const std::vector<const Block*>& parts) {
  const bool marked =
      std::ranges::any_of(parts, [&](const Block* part) { return breakpoint(*part); });
  out_.begin_object().member("role", "user").key("content");
  if (!marked && std::ranges::all_of(parts, is_text)) {
    Joined text("\\n");
    for (const Block* part : parts) text.add(part->text);
    chat::write_text(out_, text.keep(request_.arena));
  } else {
    out_.begin_array();
    for (const Block* part : parts) write_part(*part);
    out_.end_array();
  }
  out_.end_object();
}

void MessagesWriter::write_part(const Block& block) {
  const auto url = [&] {
    if (block.source.kind == Source::Kind::kUrl) return block.source.data;
    std::string data = "data:";
    data += block.source.media_type.bytes;
    data += ";base64,";
    data += block.source.data.bytes;
    return request_.arena.escaped(std::move(data));
  };
  out_.begin_object();
  if (block.kind == BlockKind::kImage) {
    out_.member("type", "image_url").key("image_url").begin_object().key("url");
    chat::write_text(out_, url());
    out_.end_object();
  } else if (block.kind == BlockKind::kDocument) {
    out_.member("type", "file").key("file").begin_object().key("filename");
    chat::write_text(out_, block.name.empty() ? chat::literal("document.pdf") : block.name);
    out_.key("file_data");
    chat::write_text(out_, url());
    out_.end_object();
  } else {
    out_.member("type", "text").key("text");
    chat::write_text(out_, block.text);
  }
  if (breakpoint(block)) {
    out_.key("prompt_cache_breakpoint").begin_object().member("mode", "explicit").end_object();
  }
  out_.end_object();
}

Status MessagesWriter::write_result(const Block& result, const std::string& where) {
  Joined joined("\\n");
  if (Status read = result_text(result.content, where, joined); !read) return read;
  json::String text = joined.any() ? joined.keep(request_.arena) : json::String{};
  if (result.is_error && !istarts_with(text.bytes, "error")) {
    text = request_.arena.escaped("Error: " + std::string(text.bytes));
  }
  out_.begin_object().member("role", "tool").key("tool_call_id");
  chat::write_text(out_, chat::clean_id(result.id, model_.call_id_max, request_.arena));
  out_.key("content");
  chat::write_text(out_, text);
  out_.end_object();
  return {};
}

/// OpenAI's tools answer in text; what is none is shown to the model in a user's message.
Status MessagesWriter::result_text(const Blocks& content, const std::string& where, Joined& text) {
  std::vector<const Block*> parts;
  if (Status flat = flattener_.add_all(content, where, parts); !flat) return flat;
  for (const Block* part : parts) {
    if (is_text(part)) {
      text.add(part->text);
      continue;
    }
    hoisted_.push_back(part);
    const std::string_view what = part->kind == BlockKind::kImage ? "image " : "document ";
    text.add(request_.arena.escaped("[" + std::string(what) + std::to_string(hoisted_.size()) +
                                    " attached below]"));
  }
  return {};
}

}  // namespace sluice::dialect::openai
