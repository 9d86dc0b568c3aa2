#include "dialect/anthropic/message.hpp"

#include "json/slices.hpp"

namespace sluice::dialect::anthropic {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;
using Text = OutputText::Kind;

bool read_block(Reader& reader, int64_t index, bool whole, OutputTexts& texts) {
  String key;
  String type;
  String text;
  String thinking;
  String name;
  Value input;
  reader.begin_object();
  while (reader.next_member(key)) {
    const bool string = reader.peek() == Kind::kString;
    if (key == "type" && string) {
      type = reader.string();
    } else if (key == "text" && string) {
      text = reader.string();
    } else if (key == "thinking" && string) {
      thinking = reader.string();
    } else if (key == "name" && string) {
      name = reader.string();
    } else if (key == "input") {
      input = Value(reader.skip());
    } else {
      reader.skip();
    }
  }
  if (type == "text") {
    add_text(texts, Text::kContent, text, index);
    return !text.empty();
  }
  if (type == "thinking") {
    add_text(texts, Text::kReasoning, thinking, index);
    return !thinking.empty();
  }
  add_text(texts, Text::kToolName, name, index);
  if (input.kind() == Kind::kObject && (whole || !input.is_empty())) {
    add_text(texts, Text::kToolArguments, {.bytes = input.raw(), .escaped = false}, index);
  }
  return true;
}

bool read_blocks(Reader& reader, bool whole, OutputTexts& texts) {
  bool any = false;
  int64_t index = 0;
  reader.begin_array();
  while (reader.next_element()) {
    if (reader.peek() == Kind::kObject) {
      any |= read_block(reader, index, whole, texts);
    } else {
      reader.skip();
    }
    ++index;
  }
  return any;
}

void read_answer(Reader& reader, OutputTexts& texts) {
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    if (key == "content" && reader.peek() == Kind::kArray) {
      read_blocks(reader, true, texts);
    } else {
      reader.skip();
    }
  }
}

}  // namespace sluice::dialect::anthropic
