#include "dialect/anthropic/blocks_write.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::Block;
using chat::BlockKind;
using chat::Source;
using json::Writer;

void text_member(Writer& out, std::string_view name, json::String text) {
  out.key(name);
  chat::write_text(out, text);
}

void write_source(Writer& out, const Block& block) {
  out.key("source").begin_object();
  switch (block.source.kind) {
    case Source::Kind::kBase64:
      out.member("type", "base64");
      text_member(out, "media_type", block.source.media_type);
      text_member(out, "data", block.source.data);
      break;
    case Source::Kind::kUrl:
      out.member("type", "url");
      text_member(out, "url", block.source.data);
      break;
    case Source::Kind::kText:
      out.member("type", "text").member("media_type", "text/plain");
      text_member(out, "data", block.source.data);
      break;
    case Source::Kind::kFileId:
      out.member("type", "file");
      text_member(out, "file_id", block.source.data);
      break;
    case Source::Kind::kBlocks:
    case Source::Kind::kNone:
      out.member("type", "content").key("content");
      write_content(out, block.content);
      break;
  }
  out.end_object();
}

void write_members(Writer& out, const Block& block) {
  switch (block.kind) {
    case BlockKind::kText:
      out.member("type", "text");
      text_member(out, "text", block.text);
      break;
    case BlockKind::kThinking:
      out.member("type", "thinking");
      text_member(out, "thinking", block.text);
      text_member(out, "signature", block.signature);
      break;
    case BlockKind::kRedactedThinking:
      out.member("type", "redacted_thinking");
      text_member(out, "data", block.signature);
      break;
    case BlockKind::kToolUse:
      out.member("type", "tool_use");
      text_member(out, "id", block.id);
      text_member(out, "name", block.name);
      out.key("input");
      chat::write_compact(out, block.input.exists() ? block.input : json::Value("{}"));
      break;
    case BlockKind::kToolResult:
      out.member("type", "tool_result");
      text_member(out, "tool_use_id", block.id);
      if (!block.content.empty()) {
        out.key("content");
        write_content(out, block.content);
      }
      if (block.is_error) out.member("is_error", true);
      break;
    case BlockKind::kImage:
      out.member("type", "image");
      write_source(out, block);
      break;
    case BlockKind::kDocument:
      out.member("type", "document");
      write_source(out, block);
      if (!block.name.empty()) text_member(out, "title", block.name);
      break;
    case BlockKind::kSearchResult:
      out.member("type", "search_result");
      text_member(out, "source", block.text);
      text_member(out, "title", block.name);
      out.key("content");
      write_blocks(out, block.content);
      break;
    case BlockKind::kToolReference:
      out.member("type", "tool_reference");
      text_member(out, "tool_name", block.name);
      break;
    case BlockKind::kCompaction:
      out.member("type", "compaction");
      text_member(out, "content", block.text);
      break;
    case BlockKind::kServerTool:
    case BlockKind::kOther:
      break;
  }
}

}  // namespace

void write_block(Writer& out, const Block& block) {
  if (block.kind == BlockKind::kServerTool || block.kind == BlockKind::kOther) {
    chat::write_compact(out, block.raw);
    return;
  }
  out.begin_object();
  write_members(out, block);
  if (block.cache_control.exists()) {
    out.key("cache_control");
    chat::write_compact(out, block.cache_control);
  }
  out.end_object();
}

void write_blocks(Writer& out, const std::vector<Block>& blocks) {
  out.begin_array();
  for (const Block& block : blocks) write_block(out, block);
  out.end_array();
}

void write_content(Writer& out, const std::vector<Block>& blocks) {
  const bool plain = blocks.size() == 1 && blocks.front().kind == BlockKind::kText &&
                     !blocks.front().cache_control.exists();
  if (plain) {
    chat::write_text(out, blocks.front().text);
  } else {
    write_blocks(out, blocks);
  }
}

}  // namespace sluice::dialect::anthropic
