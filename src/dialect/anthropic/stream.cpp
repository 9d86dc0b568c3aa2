#include "dialect/anthropic/stream.hpp"

#include "dialect/anthropic/message.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::anthropic {
namespace {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;
using Text = OutputText::Kind;

/// What a `delta` member holds: of a message its stop reason, of a content block a piece of it.
struct Delta {
  FinishReason stop_reason = FinishReason::kNone;
  bool has_content = false;  // text, thinking, tool input, signatures, citations
};

Delta read_delta(Reader& reader, OutputTexts& texts, EventParts* parts) {
  Delta delta;
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "type" || key == "stop_sequence") {
      reader.skip();
    } else if (kind == Kind::kString) {
      const String text = reader.string();
      if (key == "stop_reason") {
        delta.stop_reason = parse_finish_reason(text.bytes);
        continue;
      }
      delta.has_content |= !text.empty();
      if (key == "text") {
        add_text(texts, Text::kContent, text);
      } else if (key == "thinking") {
        add_text(texts, Text::kReasoning, text);
      } else if (key == "partial_json") {
        add_text(texts, Text::kToolArguments, text);
      } else if (parts != nullptr && (key == "signature" || key == "data")) {
        parts->signature = text;
      }
    } else {
      const Value value(reader.skip());
      delta.has_content |= (kind == Kind::kObject || kind == Kind::kArray) && !value.is_empty();
      if (parts != nullptr && key == "citation") parts->citation = value;
    }
  }
  return delta;
}

/// The opening of an answer. Its content is empty by the specification, but clients take over
/// what stands there.
void read_message(Value message, EventFacts& facts) {
  if (message.kind() != Kind::kObject) return;
  String key;
  Reader reader(message.raw());
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "usage") {
      facts.usage = Value(reader.skip());
    } else if (key == "model" && kind == Kind::kString) {
      facts.model = reader.string();
    } else if (facts.parts != nullptr && key == "id" && kind == Kind::kString) {
      facts.parts->id = reader.string();
    } else if (key == "content" && kind == Kind::kArray) {
      facts.has_content |= read_blocks(reader, false, facts.texts);
    } else {
      reader.skip();
    }
  }
}

}  // namespace

bool read_event(std::string_view data, EventFacts& facts) {
  Reader reader(data);
  String key;
  String type;
  Delta delta;
  int64_t index = 0;
  Value message;
  Value block;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "type" && kind == Kind::kString) {
      type = reader.string();
    } else if (key == "delta" && kind == Kind::kObject) {
      const size_t start = reader.offset();
      delta = read_delta(reader, facts.texts, facts.parts);
      if (facts.parts != nullptr) {
        facts.parts->delta = Value(data.substr(start, reader.offset() - start));
      }
    } else if (key == "index") {
      index = Value(reader.skip()).as_int().value_or(0);
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
  if (facts.parts != nullptr) {
    facts.parts->type = type;
    facts.parts->index = index;
    facts.parts->block = block;
  }

  if (type == "content_block_delta") {
    facts.has_content = delta.has_content;
    for (OutputText& text : facts.texts) text.index = text_index(index);
    return true;
  }
  facts.texts.clear();
  if (type == "content_block_start") {
    if (block.kind() != Kind::kObject) return true;
    Reader opened(block.raw());
    facts.has_content = read_block(opened, index, false, facts.texts);
  } else if (type == "message_delta") {
    facts.finish_reason = delta.stop_reason;
    if (facts.parts != nullptr) facts.parts->finish_reason = delta.stop_reason;
    facts.usage_of_end = true;
  } else if (type == "message_start") {
    facts.usage = {};
    read_message(message, facts);
  } else if (type == "message_stop") {
    facts.terminal = true;
  } else if (type == "error") {
    facts.error = true;
  }
  return true;
}

}  // namespace sluice::dialect::anthropic
