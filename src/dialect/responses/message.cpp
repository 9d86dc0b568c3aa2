#include "dialect/responses/message.hpp"

namespace sluice::dialect::responses {
namespace {

using json::Kind;
using json::Value;
using Text = OutputText::Kind;

json::String text_of(Value value) {
  return value.kind() == Kind::kString ? json::Reader(value.raw()).string() : json::String{};
}

/// [{"type":"output_text","text":""}, {"type":"refusal","refusal":""}, ...]
void read_parts(Value parts, Text kind, int64_t item, int64_t part, OutputTexts& texts) {
  json::Elements elements(parts);
  for (Value element; elements.next(element); ++part) {
    json::Members members(element);
    for (json::Member member; members.next(member);) {
      if (member.key == "text" || member.key == "transcript") {
        add_piece(texts, kind, text_of(member.value), item, part);
      } else if (member.key == "refusal") {
        add_piece(texts, Text::kRefusal, text_of(member.value), item, part);
      }
    }
  }
}

}  // namespace

void add_piece(OutputTexts& texts, Text kind, json::String text, int64_t item, int64_t part) {
  const size_t before = texts.size();
  add_text(texts, kind, text, item);
  if (texts.size() > before) texts.back().choice = text_index(part);
}

void read_item(Value item, int64_t index, OutputTexts& texts) {
  json::Members members(item);
  for (json::Member member; members.next(member);) {
    if (member.key == "content") {
      const bool reasoning = text_of(item["type"]) == "reasoning";
      read_parts(member.value, reasoning ? Text::kReasoning : Text::kContent, index,
                 reasoning ? kReasoningText : 0, texts);
    } else if (member.key == "summary") {
      read_parts(member.value, Text::kReasoning, index, 0, texts);
    } else if (member.key == "name") {
      add_piece(texts, Text::kToolName, text_of(member.value), index, 0);
    } else if (member.key == "arguments" || member.key == "input" || member.key == "code") {
      add_piece(texts, Text::kToolArguments, text_of(member.value), index, 0);
    }
  }
}

bool is_call(Value item) {
  const json::String type = text_of(item["type"]);
  return type == "function_call" || type == "custom_tool_call";
}

void read_answer(json::Reader& reader, OutputTexts& texts) {
  json::String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    if (!(key == "output")) {
      reader.skip();
      continue;
    }
    json::Elements items{Value(reader.skip())};
    int64_t index = 0;
    for (Value item; items.next(item);) read_item(item, index++, texts);
  }
}

}  // namespace sluice::dialect::responses
