#include "dialect/gemini/contents.hpp"

#include <algorithm>
#include <utility>

#include "dialect/chat/block_text.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/signature.hpp"

namespace sluice::dialect::gemini {

using chat::Block;
using chat::BlockKind;
using chat::Message;
using chat::Role;
using chat::Source;
using chat::Turn;
using json::Writer;

namespace {

/// Taken in place of a signature for a call that Gemini has not made.
/// https://ai.google.dev/gemini-api/docs/thought-signatures
constexpr std::string_view kNoSignature = "skip_thought_signature_validator";

void write_member(Writer& out, std::string_view name, json::String text) {
  out.key(name);
  chat::write_text(out, text);
}

}  // namespace

chat::NameRule name_rule(const chat::Capabilities& model) {
  return {.longest = model.tool_name_max, .also = ".:", .letter_first = true};
}

Status Contents::build() {
  std::vector<Message> messages = std::move(request_.messages);
  bool first = true;
  for (Message& message : messages) {
    if (chat::is_instruction(message)) {
      read_instructions(message, first);
      continue;
    }
    first = false;
    prepare(message);
    if (message.blocks.empty()) continue;
    chat::append_turn(turns_, message.role, message.position, message.blocks);
  }
  std::vector<std::string>& dropped = outgoing_.dropped;
  if (Status paired = chat::pair_calls(turns_, target_, request_.arena, dropped); !paired) {
    return paired;
  }
  if (turns_.empty() || turns_.front().role != Role::kUser) {
    chat::add_user_turn(turns_, ".", false, request_.arena, dropped);
  }
  if (turns_.back().role == Role::kAssistant && !model_.prefill) {
    chat::add_user_turn(turns_, target_.continue_text, true, request_.arena, dropped);
  }
  for (size_t i = 0; i < turns_.size(); ++i) {
    const Turn* before = i == 0 ? nullptr : &turns_[i - 1];
    if (Status flat = flatten(turns_[i], before); !flat) return flat;
  }
  return {};
}

void Contents::read_instructions(const Message& message, bool first) {
  std::vector<Block> reminders;
  for (const Block& block : message.blocks) {
    if (chat::is_blank(block.text) || chat::is_billing(block)) continue;
    if (first) {
      system_.push_back(block.text);
    } else {
      reminders.emplace_back().text = chat::as_reminder(block.text, request_.arena);
    }
  }
  if (!reminders.empty()) {
    chat::append_turn(turns_, Role::kUser, message.position, reminders);
  }
}

void Contents::prepare(Message& message) {
  if (message.role == Role::kAssistant) restore_signatures(message.blocks);
  std::erase_if(message.blocks, [](const Block& block) {
    return block.kind == BlockKind::kThinking || block.kind == BlockKind::kRedactedThinking ||
           (block.kind == BlockKind::kText && chat::is_blank(block.text));
  });
  for (Block& block : message.blocks) {
    if (block.kind == BlockKind::kToolUse) {
      block.name = outgoing_.plan.tool_names.clean(block.name, name_rule(model_), request_.arena);
    }
    if (block.kind == BlockKind::kToolUse || block.kind == BlockKind::kToolResult) {
      block.id = chat::clean_id(block.id, model_.call_id_max, request_.arena);
    }
  }
}

/// Puts what thinking was signed with back where it came from: the call after it, else the text
/// before it.
void Contents::restore_signatures(std::vector<Block>& blocks) {
  const auto open = [&](json::String signature) {
    auto payload = chat::open_signature(signature.str(), target_.provider, target_.signature_key);
    return payload ? request_.arena.text(*payload) : json::String{};
  };
  json::String waiting;
  Block* text = nullptr;         // the last block, if it is one
  Block* text_before = nullptr;  // the one before what waits
  const auto settle = [&] {
    if (text_before != nullptr) text_before->signature = waiting;
    waiting = {};
    text_before = nullptr;
  };
  for (Block& block : blocks) {
    switch (block.kind) {
      case BlockKind::kThinking:
        if (const json::String signature = open(block.signature); !signature.empty()) {
          settle();
          waiting = signature;
          text_before = std::exchange(text, nullptr);
        }
        break;
      case BlockKind::kToolUse:
        text = nullptr;
        // A client of OpenAI's dialect may send it with the call.
        if (chat::is_gateway_signature(block.signature.bytes)) {
          block.signature = open(block.signature);
        }
        if (block.signature.empty()) {
          block.signature = std::exchange(waiting, {});
          text_before = nullptr;
        }
        break;
      case BlockKind::kText:
        if (!chat::is_blank(block.text)) text = &block;
        break;
      default:
        text = nullptr;
    }
  }
  settle();
}

Status Contents::flatten(const Turn& turn, const Turn* before) {
  Content& content = contents_.emplace_back();
  content.model = turn.role == Role::kAssistant;
  if (!content.model && before != nullptr) {
    if (Status added = add_results(turn, *before, content); !added) return added;
  }
  const std::string where = chat::element("messages", turn.position);
  for (const Block& block : turn.blocks) {
    if (block.kind == BlockKind::kToolResult) continue;
    if (block.kind == BlockKind::kToolUse) {
      content.parts.push_back(&block);
    } else if (Status flat = flattener_.add(block, where, content.parts); !flat) {
      return flat;
    }
  }
  // Content may turn out to be nothing that can be said.
  if (content.results.empty() && content.parts.empty()) {
    Block& nothing = turns_[contents_.size() - 1].blocks.emplace_back();
    nothing.text = chat::literal(".");
    content.parts.push_back(&nothing);
  }
  return {};
}

Status Contents::add_results(const Turn& turn, const Turn& before, Content& content) {
  const std::string where = chat::element("messages", turn.position);
  size_t images = 0;
  for (const Block& call : before.blocks) {
    if (call.kind != BlockKind::kToolUse) continue;
    const auto found = std::ranges::find_if(turn.blocks, [&](const Block& block) {
      return block.kind == BlockKind::kToolResult && block.id.bytes == call.id.bytes;
    });
    if (found == turn.blocks.end()) continue;
    Result& result = content.results.emplace_back();
    result.id = call.id;
    result.name = call.name;
    result.is_error = found->is_error;
    chat::Flattener::Parts parts;
    if (Status flat = flattener_.add_all(found->content, where, parts); !flat) return flat;
    chat::Joined text("\\n");
    for (const Block* part : parts) {
      if (!chat::is_media(*part)) {
        text.add(part->text);
      } else if (model_.result_media && part->source.kind == Source::Kind::kBase64) {
        result.media.push_back(part);
      } else {
        // Older models see it in the user's words only.
        content.parts.push_back(part);
        const std::string_view what = part->kind == BlockKind::kImage ? "image " : "document ";
        text.add(request_.arena.escaped("[" + std::string(what) + std::to_string(++images) +
                                        " attached below]"));
      }
    }
    if (text.any()) result.text = text.keep(request_.arena);
  }
  return {};
}

void Contents::write(Writer& out) {
  if (!system_.empty()) {
    out.key("systemInstruction").begin_object().key("parts").begin_array();
    for (const json::String text : system_) {
      out.begin_object();
      write_member(out, "text", text);
      out.end_object();
    }
    out.end_array().end_object();
  }
  out.key("contents").begin_array();
  for (const Content& content : contents_) write_content(out, content);
  out.end_array();
}

void Contents::write_content(Writer& out, const Content& content) {
  out.begin_object().member("role", content.model ? "model" : "user").key("parts").begin_array();
  for (const Result& result : content.results) write_result(out, result);
  bool called = false;
  for (const Block* part : content.parts) {
    if (part->kind != BlockKind::kToolUse) {
      write_part(out, *part);
      continue;
    }
    out.begin_object().key("functionCall").begin_object();
    write_member(out, "id", part->id);
    write_member(out, "name", part->name);
    out.key("args");
    chat::write_compact(out, part->input.exists() ? part->input : json::Value("{}"));
    out.end_object();
    if (!part->signature.empty()) {
      write_member(out, "thoughtSignature", part->signature);
    } else if (!called && model_.call_signatures) {
      out.member("thoughtSignature", kNoSignature);
    }
    called = true;
    out.end_object();
  }
  out.end_array().end_object();
}

void Contents::write_result(Writer& out, const Result& result) {
  out.begin_object().key("functionResponse").begin_object();
  write_member(out, "id", result.id);
  write_member(out, "name", result.name);
  out.key("response").begin_object();
  write_member(out, result.is_error ? "error" : "output", result.text);
  out.end_object();
  if (!result.media.empty()) {
    out.key("parts").begin_array();
    for (const Block* media : result.media) {
      out.begin_object();
      write_media(out, *media);
      out.end_object();
    }
    out.end_array();
  }
  out.end_object().end_object();
}

void Contents::write_part(Writer& out, const Block& part) {
  out.begin_object();
  if (chat::is_media(part)) {
    write_media(out, part);
  } else {
    write_member(out, "text", part.text);
    if (!part.signature.empty()) write_member(out, "thoughtSignature", part.signature);
  }
  out.end_object();
}

void Contents::write_media(Writer& out, const Block& media) {
  const bool url = media.source.kind == Source::Kind::kUrl;
  out.key(url ? "fileData" : "inlineData").begin_object();
  if (!media.source.media_type.empty()) write_member(out, "mimeType", media.source.media_type);
  write_member(out, url ? "fileUri" : "data", media.source.data);
  out.end_object();
}

}  // namespace sluice::dialect::gemini
