#include "dialect/responses/input_write.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "dialect/chat/block_text.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/turns.hpp"
#include "dialect/responses/reasoning_token.hpp"

namespace sluice::dialect::responses {

using chat::Block;
using chat::BlockKind;
using chat::Joined;
using chat::Message;
using chat::Role;
using chat::Source;

namespace {

/// The upstream fetches files too, other than with Chat Completions.
chat::Capabilities with_fetched_files(chat::Capabilities model) {
  model.document_url_fetch = model.document_url_fetch || model.image_url_fetch;
  return model;
}

bool is_said(const Block& block) { return !block.text.empty() && !chat::is_billing(block); }

bool is_text(const Block* block) { return block->kind == BlockKind::kText; }

}  // namespace

InputWriter::InputWriter(chat::Request& request, const chat::Target& target,
                         chat::Outgoing& outgoing, json::Writer& out)
    : request_(request),
      target_(target),
      model_(with_fetched_files(target.capabilities)),
      outgoing_(outgoing),
      out_(out),
      flattener_(request.arena, model_, outgoing.dropped) {}

Status InputWriter::write() {
  const std::vector<Message>& messages = request_.messages;
  size_t at = write_instructions();
  out_.key("input").begin_array();
  for (; at < messages.size(); ++at) {
    const Message& message = messages[at];
    if (chat::is_instruction(message)) {
      write_instruction(message);
      continue;
    }
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

size_t InputWriter::write_instructions() {
  const std::vector<Message>& messages = request_.messages;
  const auto end = std::ranges::find_if_not(messages, chat::is_instruction);
  Joined text("\\n\\n");
  for (auto message = messages.begin(); message != end; ++message) {
    for (const Block& block : message->blocks) {
      // A breakpoint stands in a message only.
      if (breakpoint(block)) return 0;
      if (is_said(block)) text.add(block.text);
    }
  }
  if (text.any()) {
    out_.key("instructions");
    chat::write_text(out_, text.keep(request_.arena));
  }
  return static_cast<size_t>(end - messages.begin());
}

void InputWriter::write_instruction(const Message& message) {
  Parts parts;
  for (const Block& block : message.blocks) {
    if (is_said(block)) parts.push_back(&block);
  }
  if (parts.empty()) return;
  begin_message(model_.developer_role ? "developer" : "system");
  write_parts(parts);
  out_.end_object();
}

Status InputWriter::write_assistant(const Message& message) {
  std::vector<const Block*> thoughts;
  std::vector<json::String> texts;
  for (const Block& block : message.blocks) {
    switch (block.kind) {
      case BlockKind::kThinking:
        write_said(texts);
        thoughts.push_back(&block);
        continue;
      case BlockKind::kRedactedThinking:
        continue;
      case BlockKind::kToolUse:
        write_said(texts);
        write_reasoning(thoughts);
        write_call(block);
        continue;
      case BlockKind::kServerTool:
      case BlockKind::kOther:
        chat::note(outgoing_.dropped, "messages.content");
        break;
      default:
        if (chat::is_media(block)) {
          return chat::refuse(chat::element("messages", message.position),
                              "This model's messages may hold text and calls only.");
        }
    }
    const json::String text = chat::text_of(block, request_.arena);
    if (text.empty()) continue;
    if (texts.empty()) write_reasoning(thoughts);
    texts.push_back(text);
  }
  write_said(texts);
  return {};
}

// An item of reasoning is refused unless what it led to comes after it.
void InputWriter::write_reasoning(std::vector<const Block*>& thoughts) {
  for (const Block* block : thoughts) {
    const auto token =
        open_reasoning(block->signature.str(), target_.provider, target_.signature_key);
    if (!token) continue;
    out_.begin_object().member("type", "reasoning").member("id", token->id);
    out_.key("summary").begin_array().end_array();
    out_.member("encrypted_content", token->encrypted).end_object();
  }
  thoughts.clear();
}

void InputWriter::write_said(std::vector<json::String>& texts) {
  if (texts.empty()) return;
  begin_message("assistant");
  out_.begin_array();
  for (const json::String text : texts) {
    out_.begin_object().member("type", "output_text").key("text");
    chat::write_text(out_, text);
    out_.end_object();
  }
  out_.end_array().end_object();
  texts.clear();
}

void InputWriter::write_call(const Block& block) {
  out_.begin_object().member("type", "function_call").key("call_id");
  chat::write_text(out_, chat::clean_id(block.id, model_.call_id_max, request_.arena));
  out_.key("name");
  chat::write_text(
      out_, outgoing_.plan.tool_names.clean(block.name, model_.tool_name_max, request_.arena));
  std::string arguments;
  chat::append_compact(arguments, block.input.exists() ? block.input.raw() : "{}");
  out_.member("arguments", arguments).end_object();
}

Status InputWriter::write_users(size_t begin, size_t end) {
  for (size_t at = begin; at < end; ++at) {
    const Message& message = request_.messages[at];
    for (const Block& block : message.blocks) {
      if (block.kind != BlockKind::kToolResult) continue;
      const std::string where = chat::element("messages", message.position);
      if (Status written = write_result(block, where); !written) return written;
    }
  }
  for (size_t at = begin; at < end; ++at) {
    const Message& message = request_.messages[at];
    const std::string where = chat::element("messages", message.position);
    Parts parts;
    for (const Block& block : message.blocks) {
      if (block.kind == BlockKind::kToolResult) continue;
      if (Status flat = flattener_.add(block, where, parts); !flat) return flat;
    }
    if (parts.empty()) continue;
    begin_message("user");
    write_parts(parts);
    out_.end_object();
  }
  return {};
}

Status InputWriter::write_result(const Block& result, const std::string& where) {
  Parts parts;
  if (Status flat = flattener_.add_all(result.content, where, parts); !flat) return flat;
  out_.begin_object().member("type", "function_call_output").key("call_id");
  chat::write_text(out_, chat::clean_id(result.id, model_.call_id_max, request_.arena));
  out_.key("output");
  const bool plain =
      std::ranges::all_of(parts, is_text) && !breakpoint(result) &&
      std::ranges::none_of(parts, [&](const Block* part) { return breakpoint(*part); });
  const bool named = !result.is_error || (!parts.empty() && is_text(parts.front()) &&
                                          istarts_with(parts.front()->text.bytes, "error"));
  if (plain) {
    Joined joined("\\n");
    for (const Block* part : parts) joined.add(part->text);
    json::String text = joined.any() ? joined.keep(request_.arena) : json::String{};
    if (!named) text = request_.arena.escaped("Error: " + std::string(text.bytes));
    chat::write_text(out_, text);
  } else {
    Block error;
    error.text = chat::literal("Error:");
    if (!named) parts.insert(parts.begin(), &error);
    write_parts(parts, breakpoint(result) ? parts.back() : nullptr);
  }
  out_.end_object();
  return {};
}

void InputWriter::begin_message(std::string_view role) {
  out_.begin_object().member("type", "message").member("role", role).key("content");
}

void InputWriter::write_parts(const Parts& parts, const Block* marked) {
  out_.begin_array();
  for (const Block* part : parts) write_part(*part, part == marked || breakpoint(*part));
  out_.end_array();
}

void InputWriter::write_part(const Block& block, bool marked) {
  const bool remote = block.source.kind == Source::Kind::kUrl;
  const auto url = [&] {
    if (remote) return block.source.data;
    std::string data = "data:";
    data += block.source.media_type.bytes;
    data += ";base64,";
    data += block.source.data.bytes;
    return request_.arena.escaped(std::move(data));
  };
  out_.begin_object();
  if (block.kind == BlockKind::kImage) {
    out_.member("type", "input_image").member("detail", "auto").key("image_url");
    chat::write_text(out_, url());
  } else if (block.kind == BlockKind::kDocument) {
    out_.member("type", "input_file");
    if (!remote) {
      out_.key("filename");
      chat::write_text(out_, block.name.empty() ? chat::literal("document.pdf") : block.name);
    }
    out_.key(remote ? "file_url" : "file_data");
    chat::write_text(out_, url());
  } else {
    out_.member("type", "input_text").key("text");
    chat::write_text(out_, block.text);
  }
  if (marked) {
    out_.key("prompt_cache_breakpoint").begin_object().member("mode", "explicit").end_object();
  }
  out_.end_object();
}

}  // namespace sluice::dialect::responses
