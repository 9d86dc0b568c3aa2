#include "dialect/anthropic/stream.hpp"

#include "json/reader.hpp"

namespace sluice::dialect::anthropic {
namespace {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;

/// A delta's stop reason, or its content: text, thinking, tool input, signatures, citations.
void read_delta(Reader& reader, EventFacts& content, FinishReason& reason) {
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "type" || key == "stop_sequence") {
      reader.skip();
    } else if (kind == Kind::kString) {
      const String text = reader.string();
      if (key == "stop_reason") {
        reason = parse_finish_reason(text.bytes);
      } else if (key == "text" || key == "thinking" || key == "partial_json") {
        content.add_text(text);
      } else {
        content.has_content |= !text.empty();
      }
    } else {
      const Value value(reader.skip());
      content.has_content |= (kind == Kind::kObject || kind == Kind::kArray) && !value.is_empty();
    }
  }
}

/// A text or thinking block opens empty, and its deltas are the content; any other block (a tool
/// call, a search result, redacted thinking) is content by being there.
bool is_content(Value block) {
  if (block.kind() != Kind::kObject) return false;
  const std::optional<std::string> type = block["type"].as_string();
  if (type == "text") return !block["text"].is_empty();
  if (type == "thinking") return !block["thinking"].is_empty();
  return true;
}

}  // namespace

bool read_event(std::string_view data, EventFacts& facts) {
  Reader reader(data);
  String key;
  String type;
  EventFacts content;
  FinishReason stop_reason = FinishReason::kNone;
  Value message;
  Value block;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "type" && kind == Kind::kString) {
      type = reader.string();
    } else if (key == "delta" && kind == Kind::kObject) {
      read_delta(reader, content, stop_reason);
    } else if (key == "content_block") {
      block = Value(reader.skip());
    } else if (key == "message") {
      message = Value(reader.skip());
    } else if (key == "usage") {
      facts.usage = Value(reader.skip());
    } else if (key == "error") {
      facts.error |= tells_error(Value(reader.skip()));
    } else {
      reader.skip();
    }
  }
  if (!reader.finish()) return false;

  if (type == "content_block_delta") {
    facts.has_content = content.has_content;
    facts.text_bytes = content.text_bytes;
    facts.pieces = content.pieces;
  } else if (type == "content_block_start") {
    facts.has_content = is_content(block);
  } else if (type == "message_delta") {
    facts.finish_reason = stop_reason;
    facts.final_usage = facts.usage.kind() == Kind::kObject;
  } else if (type == "message_start") {
    facts.usage = message["usage"];
    const Value model = message["model"];
    if (model.kind() == Kind::kString) facts.model = Reader(model.raw()).string();
  } else if (type == "message_stop") {
    facts.terminal = true;
  } else if (type == "error") {
    facts.error = true;
  }
  return true;
}

}  // namespace sluice::dialect::anthropic
