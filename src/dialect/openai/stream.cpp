#include "dialect/openai/stream.hpp"

#include "json/reader.hpp"

namespace sluice::dialect::openai {
namespace {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;

/// The argument strings inside tool_calls or function_call.
void read_arguments(Reader& reader, EventFacts& facts) {
  String key;
  switch (reader.peek()) {
    case Kind::kArray:
      reader.begin_array();
      while (reader.next_element()) {
        facts.has_content = true;
        read_arguments(reader, facts);
      }
      break;
    case Kind::kObject:
      reader.begin_object();
      while (reader.next_member(key)) {
        facts.has_content = true;
        if (key == "arguments" && reader.peek() == Kind::kString) {
          facts.add_text(reader.string());
        } else if (key == "function") {
          read_arguments(reader, facts);
        } else {
          reader.skip();
        }
      }
      break;
    default:
      reader.skip();
  }
}

/// Whatever a delta holds besides the role is content unless it is empty: content, refusal,
/// reasoning_content (DeepSeek, Z.ai), reasoning (OpenRouter, Groq), audio and what comes next.
void read_delta(Reader& reader, EventFacts& facts) {
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    switch (reader.peek()) {
      case Kind::kString:
        if (const String text = reader.string(); !(key == "role")) facts.add_text(text);
        break;
      case Kind::kArray:
      case Kind::kObject:
        if (key == "tool_calls" || key == "function_call") {
          read_arguments(reader, facts);
        } else if (!Value(reader.skip()).is_empty()) {
          facts.has_content = true;
        }
        break;
      default:
        reader.skip();
    }
  }
}

void read_choice(Reader& reader, EventFacts& facts) {
  String key;
  int64_t index = 0;
  FinishReason reason = FinishReason::kNone;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "delta" && kind == Kind::kObject) {
      read_delta(reader, facts);
    } else if (key == "text" && kind == Kind::kString) {
      facts.add_text(reader.string());
    } else if (key == "index") {
      index = Value(reader.skip()).as_int().value_or(0);
    } else if (key == "finish_reason" && kind == Kind::kString) {
      const String text = reader.string();
      reason = parse_finish_reason(text.bytes);
    } else {
      reader.skip();
    }
  }
  if (index >= 0 && index < static_cast<int64_t>(kMaxChoices)) {
    facts.seen.set(static_cast<size_t>(index));
    if (reason != FinishReason::kNone) facts.finished.set(static_cast<size_t>(index));
  }
  if (reason != FinishReason::kNone) facts.finish_reason = reason;
}

}  // namespace

bool read_event(std::string_view data, EventFacts& facts) {
  Reader reader(data);
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "choices" && kind == Kind::kArray) {
      reader.begin_array();
      while (reader.next_element()) {
        facts.has_choices = true;
        if (reader.peek() == Kind::kObject) {
          read_choice(reader, facts);
        } else {
          reader.skip();
        }
      }
    } else if (key == "usage" && kind == Kind::kObject) {
      facts.usage = Value(reader.skip());
      facts.final_usage = true;
    } else if (key == "x_groq" && kind == Kind::kObject) {
      const Value usage = Value(reader.skip())["usage"];
      if (!facts.usage.exists() && usage.kind() == Kind::kObject) {
        facts.usage = usage;
        facts.final_usage = true;
      }
    } else if (key == "model" && kind == Kind::kString) {
      facts.model = reader.string();
    } else if (key == "error") {
      facts.error |= tells_error(Value(reader.skip()));
    } else if (key == "object" && kind == Kind::kString) {
      facts.error |= reader.string() == "error";  // vLLM's shape
    } else {
      reader.skip();
    }
  }
  return reader.finish();
}

}  // namespace sluice::dialect::openai
